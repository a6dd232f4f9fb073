"""Options that other programs have: answered with ours, in one line."""

from __future__ import annotations

import pytest
import typer

from openpaf import cli
from openpaf.cli import detect, export, run, smooth
from openpaf.cli.peers import PEERS, SOURCES


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("openpaf: ") and err.count("\n") == 1
    return err.removeprefix("openpaf: ").rstrip()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("detect --conf 0.3 x.jpg",
         "no such option: --conf; did you mean --min-score?"),
        ("run --net_resolution 656x368 x.mp4",
         "no such option: --net_resolution; did you mean --net-size?"),
        ("run --max_people 3 x.mp4",
         "no such option: --max_people; did you mean --max-people?"),
        ("smooth x.ndjson --output y.csv",
         "no such option: --output; did you mean --out?"),
        ("detect --write_json x y.jpg",
         "no such option: --write_json; did you mean --output?"),
        ("detect --vis x.jpg",
         "no such option: --vis; openpaf run has --show, for pictures too;"),
        ("run --source x",
         "no such option: --source; sources are named without an option: openpaf run photo.jpg;"),
    ],
)  # fmt: skip
def test_each_is_answered(words: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    verb = words.split()[0]
    assert said(capsys, *words.split()) == f"{line} see openpaf {verb} --help"


def test_others_are_left_to_typer(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--model" in said(capsys, "detect", "--mdoel", "x")
    assert "o such option: -x" in said(capsys, "detect", "-x")
    assert "did you mean" not in said(capsys, "weights", "list", "--conf", "1")


def options(command: object) -> set[str]:
    app = typer.Typer()
    app.command()(command)  # type: ignore[type-var]
    return {
        name.removeprefix("--")
        for option in typer.main.get_command(app).params
        for name in option.opts
        if name.startswith("--")
    }


def test_what_is_suggested_exists_and_what_exists_is_no_mistake() -> None:
    to_run, to_detect = options(run.command), options(detect.command)
    elsewhere = options(smooth.command) | options(export.command)
    for peer, ours in PEERS.items():
        assert {*ours} <= to_run | to_detect | elsewhere | {"debug"}, peer
        # `openpaf detect` sends people to `run` for the first.
        assert {*ours} & (to_detect | {"debug", "out"}) or ours[0] in to_run, peer
    assert not ({*SOURCES} & (to_run | to_detect))
