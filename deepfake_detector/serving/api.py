"""The API for other programs: an image or a video in, the report of `predict --json` out.

It is a process of its own beside the page, with the same limits, line and models. It knows no users
and keeps nothing: an upload lies in a temporary file until it is answered.
"""

import hmac
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal

import uvicorn
from anyio import CapacityLimiter, WouldBlock, from_thread, to_thread
from fastapi import Depends, FastAPI, Request, Response, Security
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.security import APIKeyHeader
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from deepfake_detector import UserError
from deepfake_detector.common.settings import StrictModel
from deepfake_detector.media.reading import MediaError
from deepfake_detector.serving import annotation, monitoring, problems
from deepfake_detector.serving.api_page import as_page
from deepfake_detector.serving.engine import Engine, without_folder
from deepfake_detector.serving.inference import Report
from deepfake_detector.serving.limits import ServingLimits
from deepfake_detector.serving.problems import Problem, RequestError
from deepfake_detector.serving.report_model import JsonReport, JudgedBy
from deepfake_detector.serving.upload import ANNOTATE, FIELD, STRESS, Upload, received

TITLE = "Deepfake detector"
KEY = "X-API-Key"
AGAIN_SECONDS = 10  # after which somebody who came when all was full may come again
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "additionalProperties": False,
                    "properties": {
                        FIELD: {
                            "type": "string",
                            "format": "binary",
                            "description": "an image or a video; what it is follows from its content",
                        },
                        STRESS: {
                            "type": "boolean",
                            "default": False,
                            "description": "whether the verdict is tested on changed copies, which takes several times as long",
                        },
                        ANNOTATE: {
                            "type": "boolean",
                            "default": False,
                            "description": "whether the file comes back with boxes, scores and time drawn in",
                        },
                    },
                }
            }
        },
    }
}
REFUSALS = {
    HTTPStatus.BAD_REQUEST: "the form is damaged",
    HTTPStatus.UNAUTHORIZED: f"the header {KEY} is missing or wrong",
    HTTPStatus.REQUEST_TIMEOUT: "the upload did not arrive in time",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the file is larger than the limit",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the body is no form",
    HTTPStatus.UNPROCESSABLE_ENTITY: "there is no file in the form, or more than one, or another field is wrong",
    HTTPStatus.SERVICE_UNAVAILABLE: "too many uploads at once, or the model cannot be used",
    HTTPStatus.INSUFFICIENT_STORAGE: "no room for the upload",
}


class ServedModel(StrictModel):
    """The model that judges, and what is taken."""

    name: str = Field(description="name of its file")
    warning: str = Field(description="what to know before any of its verdicts; else empty")
    frames: int = Field(ge=1, description="frames of a video that it looks at")
    model: JudgedBy = Field(description="as every report has it")
    limits: ServingLimits = Field(description="what a file may ask for, and how many are judged")


class AnnotatedFile(StrictModel):
    """The judged file with everybody's box, number and score drawn in, and no sound."""

    media_type: Literal["video/mp4", "image/jpeg", "image/png"] = Field(
        description="H.264 in MP4 of a video; of an image its own kind, else PNG"
    )
    base64: str = Field(description="its bytes")


class AnnotatedReport(JsonReport):
    """The report where the form asked to `annotate`."""

    annotated: AnnotatedFile | None = Field(description="null where it could not be made")
    not_annotated: str = Field(description="why it could not be made; else empty")


class Health(StrictModel):
    """Whether files can be judged."""

    status: Literal["ok"] = Field(description="the model is loaded")


def create(
    model: Path, limits: ServingLimits, key: str | None = None, sha256: str | None = None
) -> FastAPI:
    """The API that judges by the model file `model` (with `sha256`, no other file than that one);
    with a `key`, for those who send it. Raises UserError where the model cannot be used."""
    engine, monitor = Engine(limits.visitors_at_once, sha256), monitoring.Monitor()
    places, threads = (CapacityLimiter(limits.uploads_at_once) for _ in range(2))
    app = FastAPI(
        title=TITLE,
        version="1",
        description=__doc__ or "",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(HeadAsGet)
    app.state.banner = engine.detector(model).banner
    app.openapi = partial(_description, app)  # type: ignore[method-assign]
    _answer_errors(app, monitor, model)
    for_holders = [Depends(_holder_of(key))] if key else []
    refused = partial(_refusals, {HTTPStatus.UNAUTHORIZED} if not key else set())

    @app.post(
        "/v1/judge",
        summary="Judge an image or a video",
        description="A file that cannot be judged is answered too: its report has the verdict ERROR.",
        dependencies=for_holders,
        responses=refused(*REFUSALS),
        openapi_extra=FORM,
    )
    async def judge(request: Request) -> AnnotatedReport | JsonReport:
        with _held(places, monitor):
            async with received(request.headers, request.stream(), limits.upload_bytes) as upload:
                work = partial(_judged, engine, monitor, model, limits, upload, request)
                return await to_thread.run_sync(work, limiter=threads)

    @app.get(
        "/v1/model",
        summary="The model that judges, and the limits",
        dependencies=for_holders,
        responses=refused(HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def served() -> ServedModel:
        detector = engine.detector(model)
        return ServedModel(
            name=model.name,
            warning=detector.banner,
            frames=detector.contract.frames,
            model=JudgedBy.of(detector.contract, detector.sha256),
            limits=limits,
        )

    @app.get(
        "/healthz",
        summary="Whether files can be judged",
        responses=refused(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def healthz() -> Health:
        engine.detector(model)
        return Health(status="ok")

    @app.get("/metrics", summary="Counts for Prometheus", response_class=PlainTextResponse)
    def metrics() -> Response:
        return Response(monitor.text(), media_type=monitoring.CONTENT_TYPE)

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(as_page(app.openapi()))

    return app


class HeadAsGet:
    """Has HEAD answered as GET is; the server leaves the body out (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_head = scope["type"] == "http" and scope["method"] == "HEAD"
        await self._app({**scope, "method": "GET"} if is_head else scope, receive, send)


def serve(app: FastAPI, host: str, port: int, on_listening: Callable[[str], None]) -> None:
    """Answer at that address (port 0: any that is free) until a signal ends it. `on_listening` is
    called with the URL once connections are taken. Raises UserError where the address is not
    available."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        raise UserError(
            f"{host}:{port}: {why}", "choose another address with --host and --port"
        ) from error
    host_in_url = f"[{host}]" if family == socket.AF_INET6 else host
    on_listening(f"http://{host_in_url}:{listening.getsockname()[1]}")
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, ws="none"
    )
    uvicorn.Server(config).run(sockets=[listening])


def _judged(
    engine: Engine,
    monitor: monitoring.Monitor,
    model: Path,
    limits: ServingLimits,
    upload: Upload,
    request: Request,
) -> AnnotatedReport | JsonReport:
    """The report on an upload, when its turn has come. Raises RequestError where the client has
    disconnected before."""

    def check_connection(_before: int) -> None:
        if from_thread.run(request.is_disconnected):
            raise RequestError(HTTPStatus.BAD_REQUEST, "the client has disconnected")

    with engine.turn(model, check_connection) as detector:
        report = detector.predict(
            upload.path, upload.name, limits=limits.of_a_file, stressed=upload.stress
        )
        monitor.judged(report)
        plain = JsonReport.of(report, detector.contract, detector.sha256)
        return _annotated(plain, report, upload.path, limits) if upload.annotate else plain


def _annotated(
    plain: JsonReport, report: Report, path: Path, limits: ServingLimits
) -> AnnotatedReport:
    answer = partial(AnnotatedReport, **plain.model_dump(by_alias=True))
    try:
        data = annotation.annotated(path, report, limits.of_a_file)
    except MediaError as error:
        return answer(annotated=None, not_annotated=str(error))
    media_type = annotation.MEDIA_TYPES[annotation.suffix(report)]
    file = AnnotatedFile(media_type=media_type, base64=b64encode(data).decode())
    return answer(annotated=file, not_annotated="")


@contextmanager
def _held(places: CapacityLimiter, monitor: monitoring.Monitor) -> Iterator[None]:
    """Hold one of the places for uploads while the block lasts. Raises RequestError where all are
    taken."""
    try:
        places.acquire_nowait()
    except WouldBlock as error:
        raise RequestError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{places.total_tokens:g} uploads are waiting or being judged",
            f"send it again in {AGAIN_SECONDS} seconds",
            {"Retry-After": str(AGAIN_SECONDS)},
        ) from error
    try:
        with monitor.uploads.track_inprogress():
            yield
    finally:
        places.release()


def _holder_of(key: str) -> Callable[[str | None], None]:
    """A dependency that refuses every request without the key."""

    def check(
        sent: Annotated[str | None, Security(APIKeyHeader(name=KEY, auto_error=False))],
    ) -> None:
        if not hmac.compare_digest((sent or "").encode("latin-1"), key.encode()):
            raise RequestError(
                HTTPStatus.UNAUTHORIZED,
                f"the header {KEY} is missing or wrong",
                "send the key that this server was started with",
                {"WWW-Authenticate": "ApiKey"},
            )

    return check


def _answer_errors(app: FastAPI, monitor: monitoring.Monitor, model: Path) -> None:
    """Have every error answered as a problem, without the folder that the model lies in."""

    def answered(request: Request, error: Exception) -> Response:
        refusal = problems.of(error)
        refusal.problem = without_folder(refusal.problem, model)
        monitor.refused(refusal.status)
        return problems.answer(refusal)

    for kind in (UserError, HTTPException, Exception):
        app.add_exception_handler(kind, answered)


def _refusals(never: Set[HTTPStatus], *statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's description of the refusals by status, without those that are `never` sent."""
    return {
        int(status): {"model": Problem, "description": REFUSALS[status]}
        for status in statuses
        if status not in never
    }


def _description(app: FastAPI) -> dict[str, Any]:
    """OpenAPI's, in which problems have the media type that they are sent with."""
    if app.openapi_schema is None:
        description = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for operations in description["paths"].values():
            for operation in operations.values():
                for status, described in operation["responses"].items():
                    if int(status) >= HTTPStatus.BAD_REQUEST:
                        content = described["content"]
                        content[problems.MEDIA_TYPE] = content.pop("application/json")
        app.openapi_schema = description
    return app.openapi_schema
