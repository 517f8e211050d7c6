"""One uploaded file as it arrives: straight into a temporary file, never whole in memory, and
refused before it is read to its end where it is too large.

The file has no name in any folder, so that nothing is left of it, even by a process that is killed.
"""

import errno
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO

from anyio import fail_after, to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from deepfake_detector.serving.limits import MIB
from deepfake_detector.serving.problems import RequestError

FIELD = "file"
STRESS, ANNOTATE = "stress", "annotate"  # fields that ask for more, and their values
ANSWERS = {b"false": False, b"true": True}
LONGEST_ANSWER = max(map(len, ANSWERS))
UNNAMED = "upload"
FULL = (errno.ENOSPC, errno.EDQUOT)  # errors of a disk
AROUND = 1 << 16  # bytes of a body beside its file: boundaries, headers, other fields
ARRIVAL_SECONDS = 600  # for the whole body; a sender who stalls keeps the place of another
AGAIN = f'send one file, as `curl --form "{FIELD}=@clip.mp4"` does'


@dataclass(frozen=True)
class Upload:
    """A file that has arrived: the name it was sent with, where it can be read meanwhile, and
    whether its verdict is to be tested and the file itself, with boxes and scores drawn in, sent
    back."""

    name: str
    path: Path
    stress: bool = False
    annotate: bool = False


@asynccontextmanager
async def received(
    headers: Mapping[str, str], body: AsyncIterator[bytes], most: int
) -> AsyncIterator[Upload]:
    """The file in a body of `multipart/form-data`, of at most so many bytes, while the block lasts.

    Raises RequestError where there is no such body or no such file in it, and where it is too
    large, takes too long or finds no room on the disk.
    """
    boundary = _boundary(headers.get("content-type", ""))
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most + AROUND:
        raise _too_large(most)
    with tempfile.TemporaryFile() as file:
        form = _Form(boundary, file, most)
        with _problems_of_arrival():
            with fail_after(ARRIVAL_SECONDS):
                async for chunk in body:
                    await to_thread.run_sync(form.feed, chunk)
            name, asked = form.end()
            file.flush()
        yield Upload(name, Path(f"/proc/self/fd/{file.fileno()}"), asked[STRESS], asked[ANNOTATE])


class _Form:
    """Reads a body chunk by chunk, and writes its file to `file`."""

    def __init__(self, boundary: bytes, file: IO[bytes], most: int) -> None:
        self._file, self._most = file, most
        self._body = self._bytes = 0
        self._header, self._value = b"", b""
        self._disposition: dict[bytes, bytes] = {}
        self._name: str | None = None
        self._asked: dict[str, bytes] = {}
        self._asking = ""
        self._inside = self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._on_header,
                    "on_header_value": self._on_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers,
                    "on_part_data": self._on_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _malformed() from error

    def feed(self, chunk: bytes) -> None:
        self._body += len(chunk)
        if self._body > self._most + AROUND:
            raise _too_large(self._most)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed() from error

    def end(self) -> tuple[str, dict[str, bool]]:
        """The name that the file was sent with, and what else was asked for."""
        if not self._ended:
            raise _malformed()
        if self._name is None:
            raise RequestError(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"no part `{FIELD}` in the form", AGAIN
            )
        for field, value in self._asked.items():
            if value not in ANSWERS:
                raise RequestError(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    f"`{field}` in the form is neither true nor false",
                    "send true or false, or leave it out",
                )
        asked = {field: ANSWERS[self._asked.get(field, b"false")] for field in (STRESS, ANNOTATE)}
        return self._name or UNNAMED, asked

    def _begin(self) -> None:
        self._header, self._value, self._disposition = b"", b"", {}

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, self._disposition = parse_options_header(self._value)
        self._header, self._value = b"", b""

    def _on_headers(self) -> None:
        field = self._disposition.get(b"name", b"").decode("utf-8", "replace")
        if field not in (FIELD, STRESS, ANNOTATE):
            raise RequestError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"a part of the form is called {field!r}",
                f"its parts are `{FIELD}`, and optionally `{STRESS}` and `{ANNOTATE}`",
            )
        self._inside, self._asking = field == FIELD, field if field != FIELD else ""
        if self._asking in self._asked:
            raise RequestError(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"more than one `{field}` in the form", AGAIN
            )
        if self._asking:
            self._asked[self._asking] = b""
        if not self._inside:
            return
        if self._name is not None:
            raise RequestError(
                HTTPStatus.UNPROCESSABLE_ENTITY, "more than one file in the form", AGAIN
            )
        if b"filename" not in self._disposition:
            raise RequestError(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"`{FIELD}` in the form is text, no file", AGAIN
            )
        self._name = self._disposition[b"filename"].decode("utf-8", "replace")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._asking:
            self._asked[self._asking] += data[start:end]
            if len(self._asked[self._asking]) > LONGEST_ANSWER:
                raise RequestError(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    f"{self._asking}: longer than any answer it may have",
                    AGAIN,
                )
        if not self._inside:
            return
        self._bytes += end - start
        if self._bytes > self._most:
            raise _too_large(self._most)
        self._file.write(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


@contextmanager
def _problems_of_arrival() -> Iterator[None]:
    try:
        yield
    except ClientDisconnect as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, "the upload broke off", AGAIN) from error
    except TimeoutError as error:
        raise RequestError(
            HTTPStatus.REQUEST_TIMEOUT,
            f"the upload took longer than {ARRIVAL_SECONDS} seconds",
            "send it over a faster connection, or a smaller file",
        ) from error
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise RequestError(
            HTTPStatus.INSUFFICIENT_STORAGE,
            "the server has no room for this upload",
            "send it again later",
        ) from error


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is no multipart/form-data", AGAIN
        )
    if not options.get(b"boundary"):
        raise _malformed()
    return options[b"boundary"]


def _too_large(most: int) -> RequestError:
    return RequestError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the file is larger than {most / MIB:g} MB",
        "send a shorter clip, or one of fewer bits a second",
    )


def _malformed() -> RequestError:
    return RequestError(
        HTTPStatus.BAD_REQUEST, "the body is no whole form of multipart/form-data", AGAIN
    )
