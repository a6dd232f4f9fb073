"""`openpaf val` as it is typed, with a network that knows its pictures and with a real one."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any, ClassVar, Self

import cv2
import numpy as np
import pytest

pytest.importorskip("pycocotools")
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import openpaf.engine
from openpaf.cli import main
from openpaf.cli.val import decoder_configs
from openpaf.decoder.config import DecoderConfig
from openpaf.errors import ConfigError
from openpaf.fields import Fields
from openpaf.looks import read_looks
from openpaf.models.card import ModelCard
from openpaf.skeleton import COCO_18

Run = tuple[int, str, str]


@pytest.fixture
def val(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `openpaf val` and give its exit code, stdout and stderr."""

    def run(*words: str | Path) -> Run:
        with pytest.raises(SystemExit) as exit_:
            main(["val", *map(str, words)])
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return run


class BlankEngine:
    """Sees nobody; remembers how it was made."""

    made: ClassVar[dict[str, Any]] = {}

    def __init__(self, model: str | None, **options: Any) -> None:
        BlankEngine.made = {"model": model, **options}
        self.card = ModelCard(name="blank", skeleton=COCO_18)
        self.path = Path("blank.onnx")
        self.skeleton, self.provider, self.session = COCO_18, "none", self
        self.refiner = self.tiles = None
        self.net_size, self.max_batch = options["net_size"], None
        self.net_height = options["net_height"] or 368
        self.looks = read_looks(options["looks"])

    def finish(self, poses: Any, *_: object) -> Any:
        return poses

    def run(self, net_frames: np.ndarray) -> list[Fields]:
        count, height, width, _ = net_frames.shape
        nothing = np.zeros((56, height // 8, width // 8), np.float32)
        return [Fields(nothing[:18], nothing[18:])] * count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One picture with one person, and an engine that does not see them."""
    monkeypatch.setattr(openpaf.engine, "Engine", BlankEngine)
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    cv2.imwrite(str(folder / "images" / "a.png"), np.zeros((64, 96, 3), np.uint8))
    person = {
        "id": 1, "image_id": 1, "iscrowd": 0, "num_keypoints": 2, "area": 2000,
        "bbox": [10, 10, 40, 50], "keypoints": [12, 12, 2, 40, 50, 2],
    }  # fmt: skip
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 96, "height": 64}],
        "annotations": [person],
        "categories": [{"id": 1, "keypoints": ["nose", "left_hip"]}],
    }
    (folder / "person_keypoints.json").write_text(json.dumps(content))
    return folder


def test_prints_figures_parts_failures_and_speed(val: Any, folder: Path) -> None:
    code, out, err = val(folder, "--model", "m.onnx", "--net-height", "64", "--resamples", "5")
    assert (code, err) == (0, "")
    assert "blank (blank.onnx) at net height 64 on 1 pictures with 1 people" in out
    assert any(line.split() == ["AP", "0.000", "0.000", "to", "0.000"] for line in out.splitlines())
    assert "left_hip" in out and "1 x missed person" in out and "frames/s" in out
    assert BlankEngine.made == {
        "model": "m.onnx",
        "device": "auto",
        "net_height": 64,
        "net_size": None,
        "looks": "one",
        "tiles": False,
        "threads": None,
        "card": None,
    }


def test_options_reach_the_engine(val: Any, folder: Path) -> None:
    code, *_ = val(
        folder, "--net-size", "96x64", "--device", "cpu", "--threads", "2", "--resamples", "2"
    )
    assert code == 0
    assert BlankEngine.made["net_size"] == (96, 64)
    assert (BlankEngine.made["device"], BlankEngine.made["threads"]) == ("cpu", 2)


def test_json_goes_to_a_file_or_to_stdout_alone(val: Any, folder: Path, tmp_path: Path) -> None:
    code, out, _ = val(folder, "--json", "-", "--resamples", "2", "--flip", "--scales", "0.5,1")
    report = json.loads(out)
    assert code == 0 and report["figures"]["AP"]["value"] == 0
    assert (report["settings"]["flip"], report["settings"]["scales"]) == (True, [0.5, 1.0])
    path = tmp_path / "new" / "r.json"
    code, out, _ = val(folder, "--json", path, "--resamples", "2")
    assert code == 0 and "AP" in out
    assert json.loads(path.read_text())["data"]["people"] == 1


def test_gallery_is_one_page(val: Any, folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert val(folder, "--gallery", page, "--resamples", "2")[0] == 0
    assert page.read_text().count("<figure>") == 1


def test_a_sweep_prints_one_line_a_setting(val: Any, folder: Path) -> None:
    code, out, _ = val(
        folder, "--refinement", "none,centroid", "--sweep", "min_parts=2,4", "--resamples", "2"
    )
    rows = [line for line in out.splitlines() if line.startswith("refinement")]
    assert code == 0
    assert [row.split("  ")[0] for row in rows] == [
        f"refinement {name}, min_parts {count}" for name in ("none", "centroid") for count in (2, 4)
    ]


def test_decoder_configs() -> None:
    assert decoder_configs(None, []) == {"decoder": DecoderConfig()}
    assert decoder_configs("none", ["max_people=3", "min_score=0.5"]) == {
        "decoder": DecoderConfig(refinement="none", max_people=3, min_score=0.5)
    }
    assert decoder_configs(None, ["openpose_rules=cpu,cuda"]) == {
        f"openpose_rules {assembly}": DecoderConfig.openpose(assembly)
        for assembly in ("cpu", "cuda")
    }
    switched = decoder_configs(None, ["complete=True", "join_fragments=true,False"])
    assert switched == {
        f"join_fragments {text}": DecoderConfig(complete=True, join_fragments=value)
        for text, value in (("true", True), ("False", False))
    }
    with pytest.raises(ConfigError, match="complete must be True or False"):
        decoder_configs(None, ["complete=1"])
    with pytest.raises(ConfigError, match="refinement is given twice"):
        decoder_configs("none", ["refinement=quadratic"])


def test_compare_prints_differences(val: Any, folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        val(folder, "--json", tmp_path / f"{name}.json", "--resamples", "2")
    code, out, _ = val("--compare", tmp_path / "a.json", tmp_path / "b.json", "--resamples", "10")
    assert code == 0
    assert any(line.split()[:4] == ["AP", "0.000", "0.000", "+0.000"] for line in out.splitlines())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name a folder of annotated pictures, or two reports"),
        (["DATA", "--sweep", "nonsense=1"], "--sweep takes KEY=VALUE"),
        (["DATA", "--sweep", "peak_threshold=7"], "peak_threshold must be a number from 0 to 1"),
        (["DATA", "--refinement", "magic"], "refinement must be one of"),
        (["DATA", "--refinement", "none,centroid", "--gallery", "x.html"], "shows one decoder"),
        (["DATA", "--scales", "1,a"], "--scales must be numbers"),
        (["DATA", "--scales", "0"], "scales must be numbers above 0"),
        (["DATA", "--net-size", "96"], "--net-size must be WIDTHxHEIGHT"),
        (["DATA", "--resamples", "0"], "resamples"),
        (["DATA/images"], "must hold person_keypoints.json"),
        (["DATA/none"], "is not a folder"),
        (["--compare", "DATA/x.json", "DATA/y.json"], "cannot be read"),
    ],
)
def test_mistakes_get_one_line_and_code_2(
    val: Any, folder: Path, words: list[str], message: str
) -> None:
    code, out, err = val(*(word.replace("DATA", str(folder)) for word in words))
    assert (code, out) == (2, "")
    assert message in err and err.count("\n") == 1


def test_nothing_is_left_behind_when_a_picture_is_missing(
    val: Any, folder: Path, tmp_path: Path
) -> None:
    (folder / "images" / "a.png").unlink()
    code, out, err = val(folder, "--json", tmp_path / "r.json", "--gallery", tmp_path / "g.html")
    assert (code, out) == (2, "") and "1 of 1 pictures" in err
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_real_network_scores_what_pycocotools_says(
    val: Any, shared: Path, tmp_path: Path
) -> None:
    """`openpaf val` against detect, to_coco and pycocotools on the file, with nothing of ours."""
    pytest.importorskip("openvino")
    model = shared / "models" / "human-pose-estimation-0001" / "human-pose-estimation-0001.xml"
    source = shared / "data" / "coco_val"
    content = json.loads((source / "person_keypoints.json").read_text())
    content["images"] = content["images"][:8]
    kept = {image["id"] for image in content["images"]}
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] in kept]
    (tmp_path / "images").mkdir()
    for image in content["images"]:
        shutil.copy(source / "images" / image["file_name"], tmp_path / "images")
    truth = tmp_path / "person_keypoints.json"
    truth.write_text(json.dumps(content))

    code, out, _ = val(
        tmp_path, "--model", model, "--net-height", "160", "--json", "-", "--resamples", "2"
    )
    assert code == 0
    ours = json.loads(out)["figures"]

    with openpaf.engine.Engine(model, net_height=160) as engine:
        results = [
            row
            for image in content["images"]
            for row in engine.detect(tmp_path / "images" / image["file_name"]).to_coco(image["id"])
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(truth))
        evaluation = COCOeval(coco, coco.loadRes(results), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    names = ("AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL")
    assert [ours[name]["value"] for name in names] == pytest.approx(evaluation.stats, abs=1e-6)
    assert ours["AP"]["value"] > 0.1
