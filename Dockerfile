# openpaf as a service, on CPUs: the bundled model inside, nothing fetched when it runs.
#
#   docker build -t openpaf .
#   docker run --rm -p 127.0.0.1:8000:8000 openpaf
#   docker run --rm -v "$PWD:/data" openpaf detect /data/photo.jpg --out /data/found
#
# Set OPENPAF_TOKEN (-e) before anybody else can reach the port.

FROM python:3.12-slim-bookworm AS build
COPY . /src
RUN python -m venv /opt/openpaf \
    && /opt/openpaf/bin/pip install --no-cache-dir "/src[cpu,serve]" \
    && /opt/openpaf/bin/pip uninstall --yes pip
# Compiled kernels belong to the times of their sources, of which layers may keep whole seconds only.
RUN find /opt/openpaf -path '*/openpaf_kernels/*.py' \
    -exec sh -c 'touch --date="@$(stat --format=%Y "$1")" "$1"' - {} \;

FROM python:3.12-slim-bookworm
COPY --from=build /opt/openpaf /opt/openpaf
ENV PATH=/opt/openpaf/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/var/cache/openpaf \
    NUMBA_CPU_NAME=generic
RUN useradd --uid 10001 --create-home openpaf \
    && install --directory --owner=openpaf /var/cache/openpaf
USER openpaf
WORKDIR /home/openpaf
# Kernels for any processor of this kind (NUMBA_CPU_NAME), so that no start has to compile them:
# docs/design/0015-first-second.md has what that costs. The second line fails without a model.
RUN python -m openpaf.compiling \
    && python -c "import openpaf; openpaf.Engine(device='cpu').warm_up()"
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["openpaf"]
CMD ["serve", "--host", "0.0.0.0"]
