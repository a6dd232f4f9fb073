"""`openpaf serve`: a page to try it, REST and a live WebSocket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openpaf.cli.kernels import kernels_compiled_beside
from openpaf.cli.messages import warn
from openpaf.cli.options import (
    REFINE_LIMIT,
    Device,
    Face,
    FastOrNot,
    Hands,
    NetHeight,
    Refine,
    RefineLimit,
    Threads,
    look_options,
    models_to_serve,
)
from openpaf.errors import ConfigError
from openpaf.serve.config import MEGA, MIB, ServeConfig

_DEFAULT = ServeConfig()
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ACCESS, _LIMITS = "Who may use it", "Limits"


def command(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="An .onnx, .xml or .pt network, or the name of a pulled one. Repeat it to offer "
            "several; the first is the default.",
            show_default="the bundled ones",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    fast: FastOrNot = None,
    device: Device = "auto",
    net_height: NetHeight = None,
    refine: Refine = None,
    refine_limit: RefineLimit = REFINE_LIMIT,
    hands: Hands = None,
    face: Face = None,
    threads: Threads = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="OPENPAF_TOKEN",
            help="Bearer token that requests must carry. Better set in the environment, where "
            "other users of the machine cannot read it.",
            rich_help_panel=_ACCESS,
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            help="PEM certificate, for HTTPS: browsers give a page from another machine the "
            "camera only then.",
            rich_help_panel=_ACCESS,
        ),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="PEM key of --tls-cert.", rich_help_panel=_ACCESS)
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Another site whose pages may use the service: https://example.org. Repeat it "
            "for several.",
            show_default="none",
            rich_help_panel=_ACCESS,
        ),
    ] = None,
    max_batch: Annotated[
        int,
        typer.Option(help="Frames that go through the network together.", rich_help_panel=_LIMITS),
    ] = _DEFAULT.max_batch,
    batch_wait: Annotated[
        float,
        typer.Option(
            help="Milliseconds a frame waits for others on their way.", rich_help_panel=_LIMITS
        ),
    ] = 1000 * _DEFAULT.batch_wait,
    max_body: Annotated[
        int, typer.Option(help="MiB of a request.", rich_help_panel=_LIMITS)
    ] = _DEFAULT.max_body // MIB,
    max_pixels: Annotated[
        int, typer.Option(help="Megapixels of a picture.", rich_help_panel=_LIMITS)
    ] = _DEFAULT.max_pixels // MEGA,
    max_net_height: Annotated[
        int,
        typer.Option(
            help="Highest network input a request may ask for, px.", rich_help_panel=_LIMITS
        ),
    ] = _DEFAULT.max_net_height,
    max_requests: Annotated[
        int, typer.Option(help="Requests at work at once.", rich_help_panel=_LIMITS)
    ] = _DEFAULT.max_requests,
    max_live: Annotated[
        int, typer.Option(help="Live connections at once.", rich_help_panel=_LIMITS)
    ] = _DEFAULT.max_live,
    timeout: Annotated[
        float, typer.Option(help="Seconds a request may take.", rich_help_panel=_LIMITS)
    ] = _DEFAULT.timeout,
) -> None:
    """Serve a page to try it in a browser, and an interface for programs.

    Then open http://127.0.0.1:8000 and allow the camera, or drop a picture or a video on the page.
    Programs send pictures to /detect; /docs describes it all and /metrics is for Prometheus.

    Examples:

        openpaf serve
        curl --data-binary @photo.jpg http://127.0.0.1:8000/detect
        curl -F images=@a.jpg -F images=@b.jpg http://127.0.0.1:8000/detect/batch?format=coco
        OPENPAF_TOKEN=... openpaf serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
    """
    if (tls_cert is None) != (tls_key is None):
        raise ConfigError("--tls-cert and --tls-key go together; pass both or neither")
    from openpaf.serve import create_app, open_models
    from openpaf.serve.quiet import quiet_libraries
    from openpaf.serve.server import listen, make_server

    config = ServeConfig(
        token=token,
        cors_origins=tuple(cors_origin or ()),
        hosts=(*_LOOPBACK, host.lower()),
        max_body=max_body * MIB,
        max_pixels=max_pixels * MEGA,
        max_requests=max_requests,
        max_live=max_live,
        timeout=timeout,
        max_batch=max_batch,
        batch_wait=batch_wait / 1000,
        max_net_height=max_net_height,
    )
    with listen(host, port) as listener:
        chosen = models_to_serve(model, fast, device, threads)
        with kernels_compiled_beside():
            models = open_models(
                chosen,
                device=device,
                net_height=net_height,
                threads=threads,
                **look_options(refine, refine_limit, hands, face),
            )
        server = make_server(create_app(models, config), cert=tls_cert, key=tls_key)
        for name, opened in models.items():
            warn(f"{name} runs on {opened.engine.provider}")
        if token is None and host not in _LOOPBACK:
            warn("anybody who can reach this machine may use it; set OPENPAF_TOKEN to prevent that")
        scheme = "http" if tls_cert is None else "https"
        # Browsers give the camera to localhost, not to 0.0.0.0.
        shown = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        warn(f"open {scheme}://{shown}:{listener.getsockname()[1]} in a browser; Ctrl-C stops it")
        with quiet_libraries():
            server.run(sockets=[listener])
