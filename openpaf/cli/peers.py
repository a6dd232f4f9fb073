"""What other pose programs call their options, for those who type them out of habit."""

from __future__ import annotations

from typing import Any

# Options that do the same here; the first that the verb has is suggested. OpenPose's, Ultralytics',
# MMPose's, AlphaPose's and OpenCV's samples' names.
PEERS: dict[str, tuple[str, ...]] = {
    "conf": ("min-score",),
    "conf-thres": ("min-score",),
    "confidence": ("min-score",),
    "threshold": ("min-score",),
    "thr": ("min-score",),
    "bbox-thr": ("min-score",),
    "kpt-thr": ("min-score",),
    "render-threshold": ("min-score",),
    "number-people-max": ("max-people",),
    "max-det": ("max-people",),
    "max-detections": ("max-people",),
    "model-pose": ("model",),
    "weights": ("model",),
    "checkpoint": ("model",),
    "config": ("card",),
    "net-resolution": ("net-size",),
    "imgsz": ("net-height",),
    "img-size": ("net-height",),
    "input-size": ("net-size",),
    "scale-number": ("looks",),
    "scale-gap": ("looks",),
    "augment": ("looks",),
    "flip-test": ("looks",),
    "gpu": ("device",),
    "gpus": ("device",),
    "cuda": ("device",),
    "num-gpu": ("device",),
    "num-gpu-start": ("device",),
    "half": ("fast",),
    "int8": ("fast",),
    "workers": ("threads",),
    "num-workers": ("threads",),
    "output": ("out",),
    "output-dir": ("output", "out"),
    "output-root": ("output", "out"),
    "out-dir": ("output", "out"),
    "outdir": ("output", "out"),
    "out-file": ("output", "out"),
    "save": ("output", "out"),
    "save-dir": ("output", "out"),
    "save-path": ("output", "out"),
    "save-img": ("output", "out"),
    "save-image": ("output", "out"),
    "save-images": ("images", "output"),
    "save-video": ("video",),
    "save-txt": ("csv",),
    "save-json": ("ndjson", "format"),
    "json": ("ndjson", "format"),
    "project": ("output", "out"),
    "write-images": ("images", "output"),
    "write-video": ("video",),
    "write-json": ("openpose-json", "format"),
    "write-coco-json": ("coco-json", "format"),
    "write-keypoint": ("csv",),
    "show": ("show",),
    "display": ("show",),
    "view-img": ("show",),
    "vis": ("show",),
    "tracking": ("track",),
    "tracker": ("track",),
    "frame-step": ("step",),
    "vid-stride": ("step",),
    "frame-first": ("start",),
    "frame-last": ("end",),
    "process-real-time": ("live",),
    "verbose": ("debug",),
    "cli-verbose": ("debug",),
    "silent": ("quiet",),
}
# What is named without an option here.
SOURCES = (
    "source", "input", "inputs", "image", "img", "image-dir", "image-path", "img-root", "indir",
    "video-path", "video-input", "camera", "camera-id", "webcam", "ip-camera", "url",
)  # fmt: skip


def own_option(error: object) -> str | None:
    """Say which of our options somebody means, if the error is one that we do not have.

    Parameters
    ----------
    error : object
        What Typer raised: its "no such option" knows the word and the verb.
    """
    typed, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if not isinstance(typed, str) or not typed.startswith("--") or context is None:
        return None
    name = typed.removeprefix("--").lower().replace("_", "-")
    if name in SOURCES:
        return f"no such option: {typed}; sources are named without an option: {_example(context)}"
    own = _options(context)
    for option in (name, *PEERS.get(name, ())):
        if f"--{option}" in own:
            return f"no such option: {typed}; did you mean --{option}?"
    if PEERS.get(name) and context.info_name == "detect":
        return f"no such option: {typed}; openpaf run has --{PEERS[name][0]}, for pictures too"
    return None


def _options(context: Any) -> set[str]:
    # `--debug` is taken before Typer sees the words.
    return {"--debug", *(name for option in context.command.params for name in option.opts)}


def _example(context: Any) -> str:
    return f"{context.command_path} photo.jpg"
