"""The service as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from openpaf import __version__
from openpaf.serve.config import ServeConfig
from openpaf.serve.errors import RequestError, error_body, validation_message
from openpaf.serve.guard import LIVE, Guard
from openpaf.serve.live import LiveConnections
from openpaf.serve.metrics import Metrics
from openpaf.serve.models import Model
from openpaf.serve.options import DetectOptions
from openpaf.serve.pipeline import Pipeline
from openpaf.serve.rest import routes

_PAGE = Path(__file__).with_name("page")
_DESCRIPTION = """
Find people in pictures: send the bytes of one to `/detect`. Live frames go over a WebSocket at
`/live`; the page at `/` shows how. Errors are one JSON line, `{"error": "..."}`.
"""
_PAGE_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def create_app(models: Mapping[str, Model], config: ServeConfig | None = None) -> FastAPI:
    """Make the service; any ASGI server can run it, in one process.

    Parameters
    ----------
    models : mapping of str to Model
        From `open_models`; the first is the default.
    config : ServeConfig, optional

    Returns
    -------
    fastapi.FastAPI
    """
    config = ServeConfig() if config is None else config
    metrics = Metrics()
    pipeline = Pipeline(models, config, metrics)
    live = LiveConnections(pipeline, config)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with pipeline.running():
            yield

    app: FastAPI = FastAPIOffline(
        title="openpaf",
        version=__version__,
        description=_DESCRIPTION,
        redoc_url=None,
        lifespan=lifespan,
        # A redirect would repeat the `Host` that the client gave.
        redirect_slashes=False,
    )
    app.state.config = config
    # `Guard` checks the token; this tells the documentation, which then asks for it.
    bearer = [] if config.token is None else [Depends(HTTPBearer(auto_error=False))]
    app.include_router(routes(pipeline), dependencies=bearer)
    app.add_api_websocket_route(LIVE, live.serve)

    @app.get(LIVE, include_in_schema=False)
    async def not_live() -> None:
        raise RequestError(426, "connect with a WebSocket here, by its whole handshake")

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(
            _PAGE / "index.html",
            headers={"content-security-policy": _PAGE_POLICY, "cache-control": "no-cache"},
        )

    app.mount("/page", StaticFiles(directory=_PAGE))
    app.add_exception_handler(RequestError, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(Exception, _refuse)
    # The one added last comes first: a browser asks for leave before it sends the token.
    app.add_middleware(Guard, config=config, metrics=metrics)
    if config.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=config.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    headers = {}
    if isinstance(error, RequestError):
        status, message = error.status, str(error)
    elif isinstance(error, RequestValidationError):
        status, message = 422, validation_message(error.errors(), [*DetectOptions.model_fields])
    elif isinstance(error, HTTPException):
        status, headers = error.status_code, dict(error.headers or {})
        message = _plainly(request, error)
    else:
        # The server's log has the traceback; a client has no use for it.
        status, message = 500, "something went wrong here; the server's log says what"
    return Response(error_body(message), status, headers, "application/json")


def _plainly(request: Request, error: HTTPException) -> str:
    """What is wrong with an address or a method, in place of HTTP's own words."""
    path = request.url.path[:100]
    if error.status_code == 404:
        return f"there is nothing at {path}; /docs says what there is"
    if error.status_code == 405:
        return f"{path} does not take {request.method}; pictures go to /detect with POST"
    return str(error.detail)
