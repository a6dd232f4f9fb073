"""`openpaf train`: a recipe and a folder of data in, a checkpoint out."""

from __future__ import annotations

import shutil
import signal
import time
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer

from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.options import known_device
from openpaf.errors import ConfigError, OutputError
from openpaf.files import refuse_to_replace
from openpaf.models import find_model
from openpaf.models.calibration import UNCALIBRATED
from openpaf.skeleton import Skeleton, is_built_in
from openpaf.skeleton_table import read_skeleton, skeleton_from


def command(
    recipe: Annotated[
        str | None,
        typer.Argument(
            help="A folder of photographs with COCO keypoint JSON, a recipe (TOML), or a built-in "
            "one: default, permissive, accurate, window."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder that the recipe's paths are relative to.", show_default="."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the run.", show_default="runs/<recipe>"),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(min=1, help="Pictures to see in all.", show_default="as the recipe says"),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            help="Start from the averaged weights in this .pt or .safetensors; `default` is the "
            "bundled network.",
            show_default="nothing; default for a folder",
        ),
    ] = None,
    skeleton: Annotated[
        str | None,
        typer.Option(
            help="Parts to find: a TOML file of parts and limbs, or a built-in one's name.",
            show_default="as the recipe, or a folder's data, say",
        ),
    ] = None,
    val: Annotated[
        Path | None,
        typer.Option(help="Validate on this folder on the way; it is one that openpaf val takes."),
    ] = None,
    val_every: Annotated[
        int, typer.Option(min=1, help="Pictures to see between two validations.")
    ] = 5000,
    device: Annotated[
        str,
        typer.Option(
            help="auto, cpu or cuda; cuda:1 is the second GPU.",
            callback=known_device,
        ),
    ] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0 means all cores.")] = 0,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Processes that cut pictures; 0 for a thread.",
            show_default="one a core for a GPU, else 0",
        ),
    ] = None,
) -> None:
    """Train a network on COCO-format keypoints.

    Given a folder, the bundled network goes on learning on its photographs, and what comes out is
    a model that --model takes everywhere. Of other things than people, it learns to find the parts
    that the data's categories[0] describes, or --skeleton. A recipe says everything else.

    A run that was stopped goes on where it stopped when the same command is typed again. Ctrl-C
    saves first. SIGUSR1 pauses the run and a second one lets it go on. Of the run's folder the
    small average.safetensors is enough to go on from on another machine.

    openpaf train photos/ --out runs/mine && openpaf detect photo.jpg --model runs/mine/model.onnx

    openpaf train default --data ../data --out runs/mine --val ../data/coco_val
    """
    from openpaf.train.config import (
        TrainConfig,
        WindowTrainConfig,
        read_recipe,
        with_skeleton,
    )
    from openpaf.train.fit import Trainer
    from openpaf.train.log import Log, plot
    from openpaf.train.own import START, recipe_for, start_weights

    if val is None:
        validation = None
    else:
        from openpaf.train.validation import Validation

        validation = Validation(val, val_every)

    if recipe is None and data is None:
        raise ConfigError(
            "name a folder of annotated photographs: openpaf train photos/; or a recipe and its "
            "data: openpaf train default --data DATA"
        )
    config: TrainConfig | WindowTrainConfig
    recipe = recipe or "default"
    own = recipe not in _built_in() and Path(recipe).is_dir()
    if own and data is not None:
        raise ConfigError(f"--data is for recipes; {recipe} holds its own pictures")
    out = out or Path("runs") / Path(recipe).resolve().stem
    chosen = None if skeleton is None else _skeleton(skeleton)
    if own:
        folder, config = Path(recipe), recipe_for(Path(recipe), images, chosen)
        start = start or Path(START)
    else:
        folder = data or Path()
        config = read_recipe(_recipe_path(recipe), {} if images is None else {"images": images})
        config = config if chosen is None else with_skeleton(config, chosen)
    _tell_of_parts(skeleton_from(config.network.skeleton))
    start = None if start is None else start_weights(start)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be a folder: {error.strerror}") from error
    if start is not None:
        refuse_to_replace([start], [out / "average.safetensors"])
    trainer = Trainer(config, folder, out, device, threads, workers)
    last, average = out / "last.pt", out / "average.safetensors"
    if last.exists():
        trainer.resume(last)
        if trainer.step < config.steps:
            warn(f"resuming {last} at step {trainer.step} of {config.steps}")
        else:
            warn(
                f"{last} has come to its end, step {trainer.step}; for more, type a larger "
                "--images, or another --out to begin anew"
            )
    elif average.exists():
        trainer.go_on(average)
        warn(f"going on from the weights of {average} at step {trainer.step} of {config.steps}")
    elif start is not None:
        trainer.start_from(start)
        warn(f"starting from the weights of {start}")
    if not own:
        _keep_recipe(_recipe_path(recipe), out)
    log = Log(out, config.batch)
    control = _Control()
    with progress_bar() as bar:
        task = bar.add_task("training", total=config.steps, completed=trainer.step)

        def validate() -> None:
            if validation is None:
                return
            bar.update(task, description="validating")
            ap = validation.measure(trainer, control.stop)
            if ap is not None:
                seen = trainer.step * config.batch
                bar.console.print(
                    f"AP {ap.value:.3f} ({ap.low:.3f} to {ap.high:.3f}) after {seen:,} pictures"
                )

        def report(progress: Any) -> None:
            log.add(progress)
            loss = sum(v for name, v in progress.losses.items() if name != "features")
            bar.update(
                task,
                completed=progress.step,
                description=f"loss {loss:.3f} {progress.images_per_second:.1f} images/s",
            )
            if validation is not None and validation.due(trainer):
                validate()

        if start is not None and trainer.step == 0:
            validate()
        trainer.run(report, control.stop)
    plot(out)
    if control.signal is not None:
        warn(f"stopped at step {trainer.step}; {last} is saved, the same command goes on")
        raise typer.Exit(128 + control.signal)
    if own:
        _export(
            last,
            out / "model.onnx",
            folder.resolve().name,
            skeleton_from(config.network.skeleton),
        )
    else:
        warn(f"done: {last}; export it with: openpaf export {last} -o {out / 'model.onnx'}")


def _keep_recipe(recipe: Path, out: Path) -> None:
    """Copy what the run is made from, as far as it is not there already."""
    from openpaf.train.config import skeleton_file

    copies = {recipe: out / "recipe.toml"}
    skeleton = skeleton_file(recipe)
    if skeleton is not None:
        copies[skeleton] = out / skeleton.name
    for path, copy in copies.items():
        if not (copy.exists() and copy.samefile(path)):
            shutil.copyfile(path, copy)


def _skeleton(word: str) -> Skeleton:
    return (
        read_skeleton(Path(word)) if word.endswith(".toml") else skeleton_from(word, "--skeleton")
    )


def _tell_of_parts(skeleton: Skeleton) -> None:
    """Say which parts and sides were understood, where they are not well known."""
    if is_built_in(skeleton):
        return
    pairs = ", ".join(f"{skeleton.parts[a]} and {skeleton.parts[b]}" for a, b in skeleton.pairs)
    warn(
        f"skeleton {skeleton.name}: {len(skeleton.parts)} parts, {len(skeleton.limbs)} limbs; "
        f"left and right: {pairs or 'none'}"
    )


def _export(last: Path, path: Path, name: str, skeleton: Skeleton) -> None:
    """Write a network that goes on from the bundled one; one of its parts is read as that one."""
    from openpaf.cli.export import export_checkpoint
    from openpaf.session import open_session

    bundled = open_session(find_model(None), device="cpu").card
    same = skeleton == bundled.skeleton
    export_checkpoint(last, path, name, calibration=bundled.calibration if same else UNCALIBRATED)
    warn(f"done: {path}; use it with --model {path}")


def _recipe_path(recipe: str) -> Path:
    path = Path(recipe)
    if path.suffix == ".toml":
        return path
    built_in = _built_in()
    if recipe not in built_in:
        raise ConfigError(
            f"there is no folder {recipe!r} and no built-in recipe of that name; give a folder of "
            f"annotated photographs, a .toml file, or one of {', '.join(sorted(built_in))}"
        )
    return built_in[recipe]


def _built_in() -> dict[str, Path]:
    folder = resources.files("openpaf.train") / "recipes"
    recipes = (Path(str(one)) for one in folder.iterdir())
    return {path.stem: path for path in recipes if path.suffix == ".toml"}


class _Control:
    """Turns signals into decisions the loop takes between two steps."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.paused = False
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGTERM, self._end)
        if hasattr(signal, "SIGUSR1"):
            signal.signal(signal.SIGUSR1, self._pause)

    def _end(self, number: int, _frame: object) -> None:
        self.signal = number
        self.paused = False

    def _pause(self, _number: int, _frame: object) -> None:
        self.paused = not self.paused

    def stop(self) -> bool:
        while self.paused:
            time.sleep(0.5)
        return self.signal is not None
