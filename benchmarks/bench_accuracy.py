"""How well the networks find people on annotated pictures, at two sizes, with and without a mirror.

    python -m benchmarks.bench_accuracy coco_val
    python -m benchmarks.bench_accuracy coco_val --model human-pose-estimation-0001.xml

The same functions as `openpaf val`. Writes `accuracy--<folder>--<device>.json`, whose `rows` hold

    model, precision, runtime   str; precision is fp32, fp16 or int8
    net_height                  int, px
    flip, scales                bool; list of float, times the net height
    AP, AP_low, AP_high         OKS-AP and its 95 % interval, drawing the pictures anew
    AP50, AR                    float
    pictures, people            int: looked at, and annotated in them

or, in place of the figures, a `reason`. The README shows these rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.readme import ACCURACY
from benchmarks.tools.engines import MODELS, runtime
from benchmarks.tools.options import Out, read_counts, read_words
from benchmarks.tools.record import VERSIONS, result_path
from benchmarks.tools.report import publish
from benchmarks.tools.tables import show
from openpaf import DecoderConfig, Engine, OpenPafError
from openpaf.evaluate import KeypointFolder, evaluate, read_folder


def precision(path: Path, provider: str) -> str:
    """What a network file calculates in where `provider` runs it: fp32, fp16 or int8."""
    if path.suffix == ".pt":
        # Checkpoints are float32; on a GPU they run in half precision.
        return "fp32" if provider == "PyTorch CPU" else "fp16"
    if path.suffix == ".xml":
        text = path.read_text("utf-8")
        kinds = {"int8": "FakeQuantize", "fp16": 'element_type="f16"'}
        return next((kind for kind, mark in kinds.items() if mark in text), "fp32")
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    if any(node.op_type == "QuantizeLinear" for node in graph.node):
        return "int8"
    halves = any(values.data_type == onnx.TensorProto.FLOAT16 for values in graph.initializer)
    return "fp16" if halves else "fp32"


def look(engine: Engine, dataset: KeypointFolder, **options: Any) -> dict[str, Any]:
    """The figures of a row; options as `openpaf.evaluate.evaluate` takes them."""
    (evaluation,) = evaluate(engine, dataset, {"": DecoderConfig()}, **options).values()
    report = evaluation.report
    return {
        "flip": options["flip"],
        "scales": options["scales"],
        "AP": report.ap.value,
        "AP_low": report.ap.low,
        "AP_high": report.ap.high,
        "AP50": report.figures["AP50"].value,
        "AR": report.figures["AR"].value,
        "pictures": report.data.images,
        "people": report.data.people,
    }


def bench(
    models: list[str], heights: list[int], device: str, dataset: KeypointFolder, **options: Any
) -> Iterator[dict[str, Any]]:
    """A row a network, size and way of looking."""
    for model, height in product(models, heights):
        about: dict[str, Any] = {"model": Path(model).stem, "net_height": height}
        try:
            with Engine(model, device=device, net_height=height) as engine:
                about["precision"] = precision(engine.path, engine.provider)
                about["runtime"] = runtime(engine)
                if engine.net_size is not None:
                    about["net_height"] = engine.net_size[1]
                for flip in (False, True):
                    yield about | look(engine, dataset, flip=flip, **options)
        except OpenPafError as error:
            yield about | {"reason": str(error)}


def main(
    folder: Annotated[
        Path, typer.Argument(help="Holds images/ and COCO keypoints.", show_default=False)
    ],
    model: Annotated[
        list[str] | None, typer.Option(help="A network beside the bundled ones; repeat it.")
    ] = None,
    net_heights: Annotated[str, typer.Option(help="px, comma separated.")] = "368,256",
    scales: Annotated[str, typer.Option(help="Net sizes, times the net height.")] = "1",
    device: Annotated[str, typer.Option(help="As of `openpaf val`.")] = "cpu",
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap draws of the pictures.")] = 1000,
    out: Out = None,
) -> None:
    """Measure OKS-AP of the bundled networks and of others; print a table and write JSON."""
    name = folder.resolve().name
    dataset = read_folder(folder)
    models, heights = [*read_words(MODELS), *(model or [])], read_counts(net_heights)
    options = {"scales": [float(scale) for scale in read_words(scales)], "resamples": resamples}
    figures = {
        "folder": name,
        "annotations_sha256": dataset.sha256,
        "resamples": resamples,
        "seed": 0,
        "rows": show(ACCURACY, bench(models, heights, device, dataset, **options)),
    }
    path = out or result_path("accuracy", name, device)
    publish("accuracy", figures, path, versions=(*VERSIONS, "pycocotools"))


if __name__ == "__main__":
    typer.run(main)
