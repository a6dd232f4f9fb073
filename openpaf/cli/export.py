"""`openpaf export`: a network as ONNX, and its copies in half precision and eight bits."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.options import Card, NetHeight, Threads, read_any_card, read_card
from openpaf.errors import ConfigError, ExportError, FrameError, SourceError
from openpaf.files import refuse_to_replace, replacing
from openpaf.models import Calibration, WindowCard
from openpaf.models.calibration import UNCALIBRATED
from openpaf.session import open_runtime
from openpaf.topdown import WindowNetwork

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from openpaf.engine import Engine
    from openpaf.evaluate.fidelity import Fidelity

_MOST_CALIBRATED = 64
_MOST_COMPARED = 32
_WORST_AP = 0.75


def command(
    source: Annotated[
        str,
        typer.Argument(help="A checkpoint of openpaf train (.pt), an .onnx file, or a model name."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="ONNX file to write.", show_default="SOURCE[-fp16|-int8]"),
    ] = None,
    fp16: Annotated[bool, typer.Option("--fp16", help="Half precision: for GPUs.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Eight bits: for CPUs.")] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Folder of typical pictures: half calibrate --int8, half compare."),
    ] = None,
    val: Annotated[
        Path | None,
        typer.Option(help="Folder of annotated pictures to measure AP on, before and after."),
    ] = None,
    name: Annotated[
        str, typer.Option(help="Of a trained network, for its model card.")
    ] = "openpaf",
    license: Annotated[str, typer.Option(help="Of a trained network.")] = "unknown",
    training_data: Annotated[
        str | None, typer.Option(help="Of a trained network.", show_default="its recipe's sets")
    ] = None,
    net_height: NetHeight = None,
    threads: Threads = None,
    card: Card = None,
) -> None:
    """Write a network as an ONNX file that describes itself, and measure what a smaller copy loses.

    A trained checkpoint is checked against ONNX Runtime. With --fp16 or --int8 (QDQ, unsigned
    activations, one weight scale a channel) size, speed, field error and people are compared with
    the original, and AP with --val. A copy that is broken is not kept, and the exit code says so.

    openpaf export runs/default/last.pt -o mine.onnx --name mine

    openpaf export mine.onnx --int8 --calibrate photos --val ../coco_val

    openpaf export vgg19-coco --fp16
    """
    if fp16 and int8:
        raise ConfigError("choose one of --fp16 and --int8")
    if int8 and calibrate is None:
        raise ConfigError("--int8 needs --calibrate FOLDER with typical pictures")
    precision = "fp16" if fp16 else "int8" if int8 else None
    with tempfile.TemporaryDirectory() as folder:
        if source.endswith(".pt"):
            path = out or Path(source).with_suffix(".onnx")
            _check_output(path, source, card, calibrate, val)
            trained = Path(folder) / "fp32.onnx" if precision else path
            export_checkpoint(Path(source), trained, name, license, training_data, net_height)
            if precision is None:
                print(path)
                return
            original = trained
            out = out or Path(source).with_name(f"{Path(source).stem}-{precision}.onnx")
        else:
            original = _find_onnx(source, precision)
            out = out or Path(f"{original.stem}-{precision}.onnx")
            _check_output(out, original, card, calibrate, val)
        assert precision is not None
        runtime = open_runtime(original, device="cpu", threads=threads, card=read_any_card(card))
        if isinstance(runtime.card, WindowCard):
            if val is not None:
                raise ConfigError(
                    f"--val measures networks of fields; measure {original} and its copy with: "
                    f"openpaf val {val} --boxes --model FILE"
                )
            _reduce_windows(original, out, precision, calibrate, WindowNetwork(runtime))
            print(out)
            return
        options = {"net_height": net_height, "threads": threads, "card": read_card(card)}
        _reduce(original, out, precision, calibrate, val, options)
    print(out)


def _check_output(path: Path, *inputs: str | Path | None) -> None:
    """Refuse to write over what is read: a network, its card, pictures, annotations."""
    from openpaf.sources.listing import files_read

    given = [Path(one) for one in inputs if one is not None]
    inside = (file for folder in given if folder.is_dir() for file in files_read(folder))
    refuse_to_replace(chain(given, inside), [path])


def export_checkpoint(
    source: Path,
    path: Path,
    name: str,
    license: str = "unknown",
    training_data: str | None = None,
    net_height: int | None = None,
    calibration: Calibration = UNCALIBRATED,
) -> None:
    """Write the averaged network of a checkpoint as ONNX, and say how well both agree."""
    from openpaf.export.agreement import PROOF_SHAPES
    from openpaf.export.onnx import export_onnx
    from openpaf.export.window import export_window_onnx
    from openpaf.network.checkpoint import load_network
    from openpaf.network.window import WindowNet

    network, state = load_network(source)
    sets = ", ".join(Path(one["annotations"]).stem for one in state["recipe"]["sets"])
    about = {"name": name, "license": license, "training_data": training_data or sets}
    if isinstance(network, WindowNet):
        difference = export_window_onnx(network, path, **about)
        shapes = "of windows"
    else:
        difference = export_onnx(
            network, path, net_height=net_height or 368, calibration=calibration, **about
        )
        shapes = " and ".join("x".join(map(str, shape)) for shape in PROOF_SHAPES)
    warn(
        f"step {state['step']}: torch and ONNX Runtime agree to {difference:.1e} of the largest "
        f"value on random frames {shapes}"
    )


def _find_onnx(source: str, precision: str | None) -> Path:
    from openpaf.models import find_model

    path = find_model(source)
    if path.suffix != ".onnx":
        raise ConfigError(f"{path} is not ONNX; export takes .onnx files and .pt checkpoints")
    if precision is None:
        raise ConfigError(f"{path} is ONNX already; add --fp16, or --int8 --calibrate FOLDER")
    return path


@dataclass
class _Speeds:
    """Median network ms with OpenVINO, original and copy."""

    original: float
    copy: float


def _reduce(
    original: Path,
    path: Path,
    precision: str,
    calibrate: Path | None,
    val: Path | None,
    options: dict[str, Any],
) -> None:
    """Write the copy, measure it, print what came out, and keep it only if it is of use."""
    from openpaf.engine import Engine
    from openpaf.evaluate.fidelity import compare_networks
    from openpaf.export.quantize import to_fp16, to_int8

    with Engine(original, **options) as before, replacing(path) as partial, progress_bar() as bar:
        frames = _frames(calibrate or val)
        if precision == "fp16":
            to_fp16(original, partial, before.card)
        else:
            chosen = _spread(frames[::2], _MOST_CALIBRATED)
            frames = frames[1::2] or frames
            ready = bar.track(_net_frames(before, chosen), len(chosen), description="calibrating")
            to_int8(original, partial, before.card, ready)
        frames = _spread(frames, _MOST_COMPARED)
        with Engine(partial, **(options | {"card": None})) as after:
            task = bar.add_task("comparing", total=len(frames))
            fidelity = compare_networks(
                before, after, frames, lambda done: bar.update(task, completed=done)
            )
            speeds = _openvino_speeds(original, partial, frames[0], options)
            ap = None if val is None else (_ap(before, val), _ap(after, val))
        _print(precision, (original, partial), fidelity, speeds, ap)
        fault = fidelity.fault
        if ap is not None and ap[1] < _WORST_AP * ap[0]:
            fault = fault or f"AP falls from {ap[0]:.3f} to {ap[1]:.3f}"
        if fault is not None:
            raise ExportError(f"{precision} breaks this network: {fault}; nothing was written")


def _reduce_windows(
    original: Path, path: Path, precision: str, calibrate: Path | None, before: WindowNetwork
) -> None:
    """Write the copy of a window network, measure it and keep it only if it is of use."""
    from openpaf.evaluate.window_fidelity import compare_window_networks, people_windows
    from openpaf.export.quantize import to_fp16, to_int8

    with replacing(path) as partial:
        windows = people_windows(before, _spread(_frames(calibrate), _MOST_CALIBRATED))
        chosen = windows
        if precision == "fp16":
            to_fp16(original, partial, before.card)
        else:
            chosen = windows[1::2] or windows
            to_int8(original, partial, before.card, windows[::2])
        after = WindowNetwork(open_runtime(partial, device="cpu"))
        fidelity = compare_window_networks(before, after, chosen)
        before_ms, after_ms = fidelity.network_ms
        sizes = [file.stat().st_size / 1e6 for file in (original, partial)]
        print(f"{'':<28}{'original':>10}{precision:>10}")
        print(f"{'size, MB':<28}{sizes[0]:>10.1f}{sizes[1]:>10.1f}")
        print(f"{'window, ms, ONNX Runtime':<28}{before_ms:>10.1f}{after_ms:>10.1f}")
        remark = f"of {fidelity.parts} parts in {fidelity.windows} windows"
        print(f"{'parts in the same place':<28}{'':>10}{fidelity.same:>10.1%}  {remark}")
        if fidelity.fault is not None:
            raise ExportError(
                f"{precision} breaks this network: {fidelity.fault}; nothing was written"
            )


def _frames(folder: Path | None) -> list[Any]:
    """Pictures to look at; random ones, which hold nobody, where none are given."""
    if folder is not None:
        from openpaf.sources.listing import find_pictures

        return _readable([picture.path for picture in find_pictures([str(folder)])])
    import numpy as np

    warn("compared on random frames only; --calibrate FOLDER compares on pictures")
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (368, 496, 3), dtype=np.uint8) for _ in range(4)]


def _readable(paths: Iterable[Path]) -> list[Path]:
    from openpaf.frame import to_frame

    readable = []
    for path in paths:
        try:
            to_frame(path)
        except (FrameError, SourceError) as error:
            warn(f"left out: {error}")
        else:
            readable.append(path)
    if not readable:
        raise SourceError("none of the pictures can be read")
    return readable


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the items, from everywhere among them."""
    step = max(1, -(-len(items) // most))
    return list(items[::step])


def _net_frames(engine: Engine, frames: Iterable[Any]) -> Iterable[NDArray[np.uint8]]:
    return (engine.prepare(frame).inputs[0].pixels for frame in frames)


def _openvino_speeds(
    original: Path, copy: Path, frame: Any, options: dict[str, Any]
) -> _Speeds | None:
    if importlib.util.find_spec("openvino") is None:
        return None
    from openpaf.engine import Engine
    from openpaf.evaluate.fidelity import time_network

    times = []
    for path, own_card in ((original, options["card"]), (copy, None)):
        with Engine(path, **(options | {"device": "openvino", "card": own_card})) as engine:
            times.append(time_network(engine, frame))
    return _Speeds(*times)


def _ap(engine: Engine, folder: Path) -> float:
    from openpaf.evaluate import evaluate_folder

    return evaluate_folder(engine, folder, resamples=1).ap.value


def _print(
    precision: str,
    files: tuple[Path, Path],
    fidelity: Fidelity,
    speeds: _Speeds | None,
    ap: tuple[float, float] | None,
) -> None:
    rows = [
        ("size, MB", *(f"{file.stat().st_size / 1e6:.1f}" for file in files), ""),
        ("network, ms, ONNX Runtime", *(f"{ms:.1f}" for ms in fidelity.network_ms), ""),
    ]
    if speeds is not None:
        both = f"{speeds.original:.1f}", f"{speeds.copy:.1f}"
        rows.append(("network, ms, OpenVINO", *both, ""))
    for what, error in (
        ("confidence maps, rms error", fidelity.confidence_error),
        ("PAFs, rms error", fidelity.paf_error),
    ):
        rows.append((what, "", f"{error[0]:.4f}", f"at most {error[1]:.3f}"))
    before, after = fidelity.people
    found = f"{fidelity.shared} the same, on {fidelity.pictures} pictures"
    rows.append(("people", str(before), str(after), found))
    if ap is not None:
        rows.append(("AP", f"{ap[0]:.3f}", f"{ap[1]:.3f}", ""))
    print(f"{'':<28}{'original':>10}{precision:>10}")
    for title, one, other, remark in rows:
        print(f"{title:<28}{one:>10}{other:>10}  {remark}".rstrip())
