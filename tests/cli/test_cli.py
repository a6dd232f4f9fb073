"""The frame around the verbs: lazy loading, one-line errors, exit codes."""

from __future__ import annotations

import subprocess
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import typer

import openpaf
from openpaf import cli
from openpaf.errors import FrameError, OpenPafWarning

pytestmark = pytest.mark.usefixtures("quiet_environment")


@pytest.fixture
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENPAF_LOG_LEVEL", raising=False)


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], str]:
    """Put a function in the place of a verb's module, as `openpaf try`."""

    def install(command: Callable[..., Any]) -> str:
        module = types.ModuleType("openpaf.cli.try")
        module.command = command  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "openpaf.cli.try", module)
        monkeypatch.setitem(cli.VERBS, "try", "Try something.")
        return "try"

    return install


def exit_code(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == 0
    assert capsys.readouterr().out == f"openpaf {openpaf.__version__}\n"


def test_help_lists_every_verb_without_importing_any(capsys: pytest.CaptureFixture[str]) -> None:
    before = set(sys.modules)
    assert exit_code("--help") == 0
    out = capsys.readouterr().out
    assert all(verb in out for verb in cli.VERBS)
    loaded = set(sys.modules) - before
    assert not [name for name in loaded if name.removeprefix("openpaf.cli.") in cli.VERBS]


@pytest.mark.parametrize("name", cli.VERBS)
def test_every_verb_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = exit_code(name, "--help")
    captured = capsys.readouterr()
    if code == 0:
        assert f"openpaf {name}" in captured.out
    else:
        assert captured.err.count("\n") == 1
        assert "pip install" in captured.err


def test_no_words_shows_help_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code() == 2
    assert "detect" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["detcet"], "Did you mean 'detect'"),
        (["--colour"], "No such option"),
        (["detect", "--modle", "x"], "openpaf detect --help"),
        (["detect"], "SOURCE"),
    ],
)
def test_usage_errors_are_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("openpaf: ")
    assert said in captured.err


def test_an_openpaf_error_is_its_line_and_exit_2(
    verb: Callable[[Callable[..., Any]], str], capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise FrameError("frame must be\n(H, W, 3)")

    assert exit_code(verb(command)) == 2
    assert capsys.readouterr().err == "openpaf: frame must be (H, W, 3)\n"


@pytest.mark.parametrize("words", [["--debug", "try"], ["try", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(
    words: list[str],
    verb: Callable[[Callable[..., Any]], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command() -> None:
        raise FrameError("no picture")

    verb(command)
    assert exit_code(*words) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("openpaf: no picture\n")


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (KeyError("x"), 70, "this is a bug"),
        (OSError(28, "No space left on device"), 2, "No space left"),
        (ModuleNotFoundError("No module named 'ray.data'", name="ray.data"), 2, "openpaf[ray]"),
        (ModuleNotFoundError("No module named 'x'", name="x"), 70, "this is a bug"),
        (KeyboardInterrupt(), 130, ""),
        (typer.Exit(1), 1, ""),
    ],
)
def test_exit_codes(
    raised: BaseException,
    code: int,
    said: str,
    verb: Callable[[Callable[..., Any]], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command() -> None:
        raise raised

    assert exit_code(verb(command)) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == (1 if said else 0)


def test_a_warning_of_ours_is_one_line(
    verb: Callable[[Callable[..., Any]], str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def command() -> None:
        warnings.simplefilter("always")
        warnings.warn("device 'cuda' is not to be had", OpenPafWarning, stacklevel=1)

    assert exit_code(verb(command)) == 0
    assert capsys.readouterr().err == "openpaf: device 'cuda' is not to be had\n"


def test_a_wrong_log_level_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENPAF_LOG_LEVEL", "loud")
    assert exit_code("--version") == 2
    assert "OPENPAF_LOG_LEVEL" in capsys.readouterr().err


@pytest.mark.parametrize("lines", [100, 100_000])
def test_a_reader_that_goes_away_ends_it_quietly(lines: int) -> None:
    script = (
        f"lines = {lines}\n"
        "import sys, types\n"
        "from openpaf import cli\n"
        "def command():\n"
        "    for _ in range(lines): print('{}')\n"
        "sys.modules['openpaf.cli.try'] = types.SimpleNamespace(command=command)\n"
        "cli.VERBS['try'] = ''\n"
        "cli.main(['try'])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_python_dash_m_is_the_same_command() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "openpaf", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"openpaf {openpaf.__version__}\n"


_OPTIONAL = {"torch", "fastapi", "uvicorn", "starlette", "pyarrow", "ray", "onnx", "openvino"}


@pytest.mark.parametrize("name", list(cli.VERBS))
def test_every_verb_explains_itself_where_nothing_optional_is_installed(name: str) -> None:
    script = f"""
import sys
class Absent:
    @staticmethod
    def find_spec(name, *_):
        if name.partition(".")[0] in {_OPTIONAL}:
            raise ModuleNotFoundError("No module named " + name, name=name)
sys.meta_path.insert(0, Absent)
from openpaf import cli
cli.main([{name!r}, "--help"])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: openpaf" in done.stdout
