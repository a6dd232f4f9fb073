"""The REST side: pictures in, people out."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile

from openpaf.poses import Poses
from openpaf.serve.errors import RequestError
from openpaf.serve.options import DetectOptions
from openpaf.serve.pipeline import Pipeline

MAX_FILES = 64
"""Pictures of one `/detect/batch`."""

_BINARY = {"type": "string", "format": "binary"}


def _form(field: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"schema": {"type": "object", "properties": {field: schema}, "required": [field]}}


_ONE_PICTURE = {
    "required": True,
    "content": {
        **{
            kind: {"schema": _BINARY}
            for kind in ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
        },
        "multipart/form-data": _form("image", _BINARY),
    },
}
_PICTURES = {
    "required": True,
    "content": {
        "multipart/form-data": _form(
            "images", {"type": "array", "items": _BINARY, "minItems": 1, "maxItems": MAX_FILES}
        )
    },
}


class ErrorLine(BaseModel):
    """What went wrong."""

    error: str


class OpenPosePerson(BaseModel):
    """One person; `pose_keypoints_2d` is x, y, score of each part in turn, zeros where missing."""

    person_id: list[int]
    pose_keypoints_2d: list[float]
    face_keypoints_2d: list[float]
    hand_left_keypoints_2d: list[float]
    hand_right_keypoints_2d: list[float]
    pose_keypoints_3d: list[float]
    face_keypoints_3d: list[float]
    hand_left_keypoints_3d: list[float]
    hand_right_keypoints_3d: list[float]


class OpenPoseFrame(BaseModel):
    """OpenPose's JSON of one frame; `skeleton` describes one that is not built in."""

    version: float
    skeleton: dict[str, Any] | None = None
    people: list[OpenPosePerson]


class CocoResult(BaseModel):
    """A COCO keypoint result; `keypoints` is x, y, score of each part, zeros where missing:
    COCO's 17, or those of a skeleton that is not built in. The others are COCO-WholeBody's, where
    hands or faces were asked for."""

    image_id: int
    category_id: int
    keypoints: list[float]
    score: float
    foot_kpts: list[float] | None = None
    face_kpts: list[float] | None = None
    lefthand_kpts: list[float] | None = None
    righthand_kpts: list[float] | None = None


class Picture(BaseModel):
    """One picture of a batch: its `result`, or its `error` and the status it would have had."""

    name: str
    result: OpenPoseFrame | list[CocoResult] | None = None
    error: str | None = None
    status: int = 200


class Pictures(BaseModel):
    """The pictures of a batch, in the order they came."""

    pictures: list[Picture]


class Health(BaseModel):
    """Whether frames are going through."""

    status: str


_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorLine, "description": meaning}
    for status, meaning in {
        400: "An empty picture, or a body that is not what its content type says.",
        401: "No token, or a wrong one.",
        408: "The body took too long to arrive.",
        413: "Too many bytes, pixels or files.",
        415: "Not a JPEG, PNG or WebP picture.",
        422: "A damaged picture, or a parameter that cannot work.",
        503: "Too busy; try again after `Retry-After` seconds.",
    }.items()
}


def routes(pipeline: Pipeline) -> APIRouter:
    """Every REST route, answered by `pipeline`."""
    router = APIRouter()

    @router.post(
        "/detect",
        summary="Find the people in a picture",
        response_model=OpenPoseFrame | list[CocoResult],
        responses=_ERRORS,
        openapi_extra={"requestBody": _ONE_PICTURE},
    )
    async def detect(request: Request, options: Annotated[DetectOptions, Query()]) -> JSONResponse:
        """The body is the picture itself, or a form with a file `image`."""
        poses = await pipeline.detect(await _picture(request), options)
        timing = ", ".join(f"{stage};dur={ms:.1f}" for stage, ms in poses.timings.items())
        return JSONResponse(_formed(poses, options, 0), headers={"server-timing": timing})

    @router.post(
        "/detect/batch",
        summary="Find the people in several pictures",
        response_model=Pictures,
        responses=_ERRORS,
        openapi_extra={"requestBody": _PICTURES},
    )
    async def detect_batch(
        request: Request, options: Annotated[DetectOptions, Query()]
    ) -> JSONResponse:
        """A form with files `images`. A bad picture has its error, the others their people; COCO
        results count `image_id` up from the one given."""
        pipeline.model(options)

        async def one(index: int, file: UploadFile) -> dict[str, Any]:
            name = (file.filename or f"picture {index}")[:200]
            try:
                poses = await pipeline.detect(await file.read(), options, name)
            except RequestError as error:
                return {"name": name, "error": str(error), "status": error.status}
            return {"name": name, "result": _formed(poses, options, index), "status": 200}

        async with _form_of(request, MAX_FILES) as form:
            files = [file for file in form.getlist("images") if isinstance(file, UploadFile)]
            if not files:
                raise RequestError(422, "send a multipart form with one or more files `images`")
            found = await asyncio.gather(*(one(n, file) for n, file in enumerate(files)))
        return JSONResponse({"pictures": found})

    @router.get("/models", summary="List the models and their skeletons", responses=_only(401))
    async def models() -> list[dict[str, Any]]:
        """The first is the default; `limbs` index `parts`, whose order the answers follow."""
        highest = pipeline.config.max_net_height
        return [model.describe(highest) for model in pipeline.models.values()]

    @router.get("/healthz", summary="Say whether frames go through", responses=_only(503))
    async def healthz() -> Health:
        if pipeline.stalled:
            raise RequestError(503, "the network has not answered for a long time")
        return Health(status="ok")

    @router.get(
        "/metrics",
        summary="Counters for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **_only(401)},
    )
    async def metrics() -> Response:
        return Response(pipeline.metrics.render(), media_type=CONTENT_TYPE_LATEST)

    return router


def _only(status: int) -> dict[int | str, dict[str, Any]]:
    return {status: _ERRORS[status]}


def _formed(poses: Poses, options: DetectOptions, index: int) -> Any:
    if options.format == "coco":
        return poses.to_coco(options.image_id + index)
    return poses.to_openpose()


def _form_of(request: Request, max_files: int) -> AbstractAsyncContextManager[FormData]:
    """The form of a request, its names read as UTF-8 and never by a codec that it asks for."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if b"boundary" in options:
        boundary = options[b"boundary"].replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        kind += b'; boundary="' + boundary + b'"'
    headers = [pair for pair in request.scope["headers"] if pair[0].lower() != b"content-type"]
    scope = {**request.scope, "headers": [*headers, (b"content-type", kind)]}
    return Request(scope, request.receive).form(max_files=max_files, max_fields=0)


async def _picture(request: Request) -> bytes:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await request.body()
    async with _form_of(request, 1) as form:
        file = form.get("image")
        if not isinstance(file, UploadFile):
            raise RequestError(422, "send the picture as the body, or as the form's file `image`")
        return await file.read()
