"""What a request may ask for, as query parameters and as live settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from openpaf.decoder.config import DecoderConfig


class Options(BaseModel):
    """How one picture, or the live frames from now on, are looked at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[
        str | None,
        Field(max_length=200, description="A name from `/models`; the first if left out."),
    ] = None
    net_height: Annotated[
        int | None,
        Field(
            ge=64,
            le=4096,
            multiple_of=16,
            description="Height of the network input, px; higher finds smaller people, slower.",
        ),
    ] = None
    looks: Annotated[
        Literal["one", "close", "accurate", "best"],
        Field(description="How often the picture is looked at; each step is slower and sees more."),
    ] = "one"
    peak_threshold: Annotated[
        float | None,
        Field(ge=0.01, le=1, description="Lowest peak of a confidence map; the model's own."),
    ] = None
    min_score: Annotated[
        float | None, Field(ge=0, le=1, description="Lowest score of a person; the model's own.")
    ] = None
    hands: Annotated[
        bool | None,
        Field(description="Whether to find 21 parts of each hand; as the service was started."),
    ] = None
    face: Annotated[
        bool | None,
        Field(description="Whether to find 70 parts of each face; as the service was started."),
    ] = None

    def decoder_config(self) -> DecoderConfig:
        """The decoder these options ask for; steps of 0.01, so that few of them are made."""
        return DecoderConfig(
            peak_threshold=_rounded(self.peak_threshold), min_score=_rounded(self.min_score)
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


class DetectOptions(Options):
    """`Options`, and the form of the answer."""

    format: Annotated[
        Literal["openpose", "coco"],
        Field(description="OpenPose's JSON of one frame, or COCO keypoint results."),
    ] = "openpose"
    image_id: Annotated[
        int, Field(ge=0, le=2**53 - 1, description="`image_id` of COCO results.")
    ] = 0
