"""Throughput and latency of `openpaf serve` on loopback, with batching and without.

    python -m benchmarks.bench_serve --picture photo.jpg [--model net.onnx]

wrk (Debian: `apt-get install wrk`) posts one photograph again and again from 1, 8 and 32
connections. "one by one" is the same server with batches of one frame. Every answer that is not a
200 is counted as an error. The server and wrk share the machine's cores. "CPU ms" is the processor
time that the server spent on a frame, which other work on the machine disturbs least.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.request import urlopen

import typer

from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show

COLUMNS = columns(
    "batching | clients | req/s = requests_per_s:.2f | p50, ms = p50_ms:.1f | "
    "p99, ms = p99_ms:.1f | batch = mean_batch:.2f | CPU ms = cpu_ms_per_frame:.1f | errors",
)
CLIENTS = (1, 8, 32)
_SCRIPT = """
local file = io.open("{picture}", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "image/jpeg"
local bad = 0
response = function(status) if status ~= 200 then bad = bad + 1 end end
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %.3f %.3f %.3f %d\\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000,
    summary.errors.status + summary.errors.timeout + summary.errors.connect
    + summary.errors.read + summary.errors.write))
end
"""


@contextmanager
def serving(max_batch: int, words: list[str]) -> Iterator[str]:
    """Run the server; gives its address."""
    command = [sys.executable, "-m", "openpaf", "serve", "--port", "0", *words]
    command += ["--max-batch", str(max_batch)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if found := re.search(r"open (http://\S+) in", line):
                    break
            else:
                raise SystemExit("the server did not start")
            urlopen(f"{found[1]}/healthz", timeout=120).close()
            yield found[1]
        finally:
            process.terminate()


def load(address: str, picture: Path, clients: int, seconds: int) -> dict[str, float]:
    """Requests per second, percentiles in ms, errors."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT.replace("{picture}", str(picture.resolve())))
        script.flush()
        command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "60s"]
        command += ["-s", script.name, f"{address}/detect"]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)", out)
    if found is None:
        raise SystemExit(f"wrk said something else: {out}")
    requests, microseconds, median, p99, worst, errors = map(float, found.groups())
    return {
        "requests_per_s": round(requests / microseconds * 1e6, 2),
        "p50_ms": round(median, 1),
        "p99_ms": round(p99, 1),
        "max_ms": round(worst, 1),
        "errors": int(errors),
    }


def counters(address: str) -> dict[str, float]:
    """What the server has counted since it started."""
    text = urlopen(f"{address}/metrics", timeout=60).read().decode()
    names = ("openpaf_batch_frames_sum", "openpaf_batch_frames_count", "process_cpu_seconds_total")
    return {
        name: float(value)
        for name, value in re.findall(r"^(\w+) (\S+)$", text, re.MULTILINE)
        if name in names
    }


def per_frame(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Frames a run of the network, and the processor time of the server that each one took."""
    spent = {name: after[name] - before[name] for name in after}
    frames = spent["openpaf_batch_frames_sum"]
    return {
        "mean_batch": round(frames / spent["openpaf_batch_frames_count"], 2),
        "cpu_ms_per_frame": round(1000 * spent["process_cpu_seconds_total"] / frames, 1),
    }


def bench(
    picture: Path, words: list[str], max_batch: int, seconds: int
) -> Iterator[dict[str, Any]]:
    """A row a number of connections, without batches and with them."""
    for name, size in (("one by one", 1), ("batched", max_batch)):
        for clients in CLIENTS:
            with serving(size, words) as address:
                load(address, picture, clients, max(2, seconds // 5))
                before = counters(address)
                figures = load(address, picture, clients, seconds)
                figures |= per_frame(before, counters(address))
            yield {"batching": name, "max_batch": size, "clients": clients, **figures}


def main(
    picture: Annotated[Path, typer.Option(help="A JPEG that every request sends.")],
    model: Annotated[str | None, typer.Option(help="Network; the bundled one if left out.")] = None,
    net_height: Annotated[int, typer.Option(help="Height of the network input, px.")] = 256,
    seconds: Annotated[int, typer.Option(help="Of each measurement, after a warm-up.")] = 20,
    max_batch: Annotated[int, typer.Option(help="Frames a batch, where there are batches.")] = 8,
    out: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """Print the table."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is needed: apt-get install wrk")
    words = ["--net-height", str(net_height), *(["--model", model] if model else [])]
    figures = {
        "model": model or "bundled",
        "net_height": net_height,
        "seconds": seconds,
        "rows": show(COLUMNS, bench(picture, words, max_batch, seconds)),
    }
    if out:
        publish("serve", figures, out, versions=("uvicorn", "fastapi"))


if __name__ == "__main__":
    typer.run(main)
