"""The `openpaf` command: one module a verb, imported only when that verb is typed.

To add a verb, write `openpaf/cli/<verb>.py` with a `command` (a function, or a `typer.Typer` for a
verb with verbs of its own) and give it a line in `VERBS`.

Exit codes: 0 all done, 1 some inputs failed and the rest were done (or the reader of stdout went
away), 2 nothing was done because of a usage error or an `OpenPafError`, 70 a bug, 130 Ctrl-C.
Results go to stdout; every message and progress bar goes to stderr.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from openpaf import __version__
from openpaf.cli.completion import completed_words
from openpaf.cli.messages import plain, warn
from openpaf.cli.peers import own_option
from openpaf.errors import ConfigError, MissingExtraError, OpenPafError, OpenPafWarning

VERBS = {
    "detect": "Find the people in pictures: annotated copies and JSON.",
    "run": "Follow people in a video, camera or stream.",
    "webcam": "Follow people in front of camera 0, in a window.",
    "smooth": "Clean up a recording: ids, sides, gaps, jitter; angles, TRC, C3D and more.",
    "plot": "Draw angles and positions over time: pictures, or a page with the video.",
    "draw": "Draw results on their video or pictures, without a network.",
    "batch": "Turn an archive of pictures and videos into a table of poses.",
    "weights": "List, fetch and convert models.",
    "export": "Turn a network into an ONNX file that describes itself.",
    "label": "Label photographs to train on: COCO keypoints of what a model finds at leisure.",
    "train": "Train a network on COCO-format keypoints.",
    "val": "Measure accuracy on COCO-format keypoints.",
    "calibrate": "Learn what a network's scores mean from human labels.",
    "serve": "Serve a page for the browser, and HTTP for programs.",
    "bench": "Measure how fast this machine is: preprocessing, network, decoder, frames/s.",
    "info": "Check this installation: versions, devices, models, a self-test.",
}

_EXTRAS = {
    "onnxruntime": "cpu",
    "openvino": "openvino",
    "torch": "train",
    "onnx": "export",
    "onnxscript": "export",
    "google": "convert",
    "safetensors": "convert",
    "pycocotools": "val",
    "fastapi": "serve",
    "fastapi_offline": "serve",
    "httptools": "serve",
    "prometheus_client": "serve",
    "av": "cpu",
    "PIL": "cpu",
    "uvicorn": "serve",
    "pyarrow": "batch",
    "ezc3d": "motion",
    "matplotlib": "motion",
    "ray": "ray",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after `openpaf`; `sys.argv[1:]` when left out.
    """
    # Closed, as daemons have them: print would take one for the other, and the next file that is
    # opened would get what libraries write there.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (until the end)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    words = list(sys.argv[1:] if arguments is None else arguments)
    # `--debug` is taken anywhere, because it is typed after something went wrong.
    end = words.index("--") if "--" in words else len(words)
    debug = "--debug" in words[:end]
    words = [word for word in words[:end] if word != "--debug"] + words[end:]
    try:
        _set_up_messages(debug)
        if not {"--refine", "--hands", "--face"}.isdisjoint(words):
            from openpaf.cli.options import complete_networks

            words = complete_networks(words)
        sys.exit(_run(words))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except BrokenPipeError:
        # What is still buffered has no reader; without this Python complains about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  (whatever it is, it gets one line and a code)
        if debug:
            traceback.print_exc()
        sys.exit(_explain(error, words))


def _run(words: list[str]) -> int:
    if not words:
        _application(words)(["--help"], prog_name="openpaf", standalone_mode=False)
        return 2
    result = _application(words)(words, prog_name="openpaf", standalone_mode=False)
    sys.stdout.flush()
    return result if isinstance(result, int) else 0


def _application(words: Sequence[str]) -> typer.Typer:
    app = typer.Typer(
        help="Frame in, people out: realtime multi-person 2-D pose.",
        epilog="Start with: openpaf detect photo.jpg --out found",
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    typed = [*words, *completed_words()]
    verb = next((word for word in typed if not word.startswith("-")), None)
    for name, summary in VERBS.items():
        command = _load(name) if name == verb else _not_loaded
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, help=summary)
        else:
            app.command(name, short_help=summary)(command)
    return app


def _load(verb: str) -> Callable[..., object] | typer.Typer:
    module = f"{__name__}.{verb}"
    try:
        command: Callable[..., object] | typer.Typer = importlib.import_module(module).command
    except ModuleNotFoundError as error:
        if error.name == module:
            raise ConfigError(f"the verb {verb!r} is not part of this version") from None
        raise
    return command


def _not_loaded() -> None:
    """Stand for a verb that was not typed; only its line in `--help` is ever used."""


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"openpaf {__version__}")
        raise typer.Exit()


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="On an error, show the traceback. Works after any verb.")
    ] = False,
) -> None:
    pass


class _Lines(logging.Formatter):
    """A record as a line like those of `warn`."""

    def format(self, record: logging.LogRecord) -> str:
        return f"openpaf: {plain(record.getMessage())}"


def _set_up_messages(debug: bool) -> None:
    level = "DEBUG" if debug else os.environ.get("OPENPAF_LOG_LEVEL", "WARNING").upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise ConfigError(
            f"OPENPAF_LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, got {level!r}"
        )
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    logger = logging.getLogger("openpaf")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level)
    if not debug:
        # What Pillow thinks of a file's tags is no news to whoever asked for people.
        warnings.filterwarnings("ignore", module=r"PIL\.")
    show, shown = warnings.showwarning, set[str]()

    def show_ours_as_a_line(
        message: Warning | str, category: type[Warning], *where: Any, **more: Any
    ) -> None:
        if issubclass(category, OpenPafWarning):
            # Two networks on a device that is not to be had are one thing to know.
            if str(message) not in shown:
                warn(str(message))
            shown.add(str(message))
        else:
            show(message, category, *where, **more)

    warnings.showwarning = show_ours_as_a_line


def _explain(error: Exception, words: list[str]) -> int:
    """Print the one line an error deserves and give the exit code that goes with it."""
    usage_message = getattr(error, "format_message", None)
    if usage_message is not None:
        verb = words[0] + " " if words and words[0] in VERBS else ""
        line = own_option(error) or " ".join(usage_message().split())
        line = line if line.endswith("?") else f"{line.rstrip('.')};"
        return _fail(f"{line} see openpaf {verb}--help")
    if isinstance(error, ModuleNotFoundError) and not isinstance(error, OpenPafError):
        error = _missing_library(error)
    if isinstance(error, OpenPafError | OSError):
        return _fail(str(error))
    _fail(f"{type(error).__name__}: {error}; this is a bug, --debug shows where")
    return 70


def _missing_library(error: ModuleNotFoundError) -> Exception:
    library = (error.name or "").partition(".")[0]
    if library not in _EXTRAS:
        return error
    extra = _EXTRAS[library]
    return MissingExtraError(
        f'this needs {library}, which is not installed; pip install "openpaf[{extra}]"'
    )


def _fail(line: str) -> int:
    warn(line)
    return 2
