"""Why a request was not served, for programs (RFC 9457): the sentence and the remedy that the
command prints."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal

from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from deepfake_detector import UserError
from deepfake_detector.common.settings import StrictModel

MEDIA_TYPE = "application/problem+json"
CLOSING = {"Connection": "close"}  # else the rest of a refused upload would be read all the same


class Problem(StrictModel):
    """A problem as RFC 9457 has it, with what to do about it."""

    type: Literal["about:blank"] = Field(description="the status says what kind of problem it is")
    title: str = Field(description="the status in words")
    status: int = Field(ge=400, le=599, description="the status of the answer")
    detail: str = Field(description="what is wrong with this request")
    remedy: str = Field(description="what to do about it; empty where the detail says enough")


class RequestError(UserError):
    """Why a request is not served; `headers` go with the answer."""

    def __init__(
        self,
        status: int,
        problem: str,
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(problem, remedy)
        self.status, self.headers = status, headers


def of(error: Exception) -> RequestError:
    """The answer to a request that raised an error; of an error of the program itself it gives no
    details."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, UserError):
        return RequestError(HTTPStatus.SERVICE_UNAVAILABLE, error.problem, error.remedy)
    if isinstance(error, HTTPException):
        remedy = "/docs tells what can be asked here"
        return RequestError(error.status_code, error.detail, remedy, error.headers)
    return RequestError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "an error of the program",
        "whoever runs this server finds it in its log",
    )


def answer(error: RequestError) -> JSONResponse:
    """The response with that error as a Problem, after which the connection is closed."""
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        detail=error.problem,
        remedy=error.remedy,
    )
    headers = CLOSING | dict(error.headers or {})
    return JSONResponse(problem.model_dump(), error.status, headers, media_type=MEDIA_TYPE)
