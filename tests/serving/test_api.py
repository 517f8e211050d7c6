"""The API: the report of the command for every upload, a problem with a remedy for every other
request, and nothing of the server in either."""

import json
import os
import subprocess
import sys
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from itertools import chain, repeat
from pathlib import Path

import anyio
import made
import numpy as np
import pytest
from fastapi.testclient import TestClient

from deepfake_detector.contract.model_file import REMEDY
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.serving import api, upload
from deepfake_detector.serving.api import AnnotatedReport
from deepfake_detector.serving.inference import Detector
from deepfake_detector.serving.limits import MIB, ServingLimits
from deepfake_detector.serving.problems import Problem, RequestError
from deepfake_detector.serving.report_model import JsonReport

CLIP, STILL = made.person_clip(), made.person_still()
GREY = made.picture(np.full((80, 80, 3), 90, np.uint8))
LIMITS = ServingLimits(
    upload_mb=1,
    clip_seconds=60,
    megapixels=4,
    seconds_per_clip=3600,
    visitors_at_once=1,
    uploads_at_once=2,
)
FILES = {"clip.mp4": CLIP, "still ü.jpg": STILL, "grey.png": GREY, "text.mp4": b"no video"}
KEY = "s3cret ü"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return made.write_model(tmp_path_factory.mktemp("models") / "m.onnx")


@pytest.fixture
def client(model) -> Iterator[TestClient]:
    with asking(model) as found:
        yield found


def asking(model: Path, limits: ServingLimits = LIMITS, **options: str) -> TestClient:
    """Asks an API in this process; an error of the program is answered, as a server does."""
    return TestClient(api.create(model, limits, **options), raise_server_exceptions=False)


def send(client: TestClient, data: bytes, name: str = "a.mp4", **options: object):
    return client.post("/v1/judge", files={"file": (name, data)}, **options)


def is_problem(answer, status: int, said: str) -> Problem:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(answer.json())
    assert problem.status == status
    assert said in problem.detail
    return problem


@pytest.fixture(scope="module")
def by_command(model, tmp_path_factory) -> dict[str, dict]:
    """The command's report on each of FILES, by name."""
    folder = tmp_path_factory.mktemp("files")
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    command = [sys.executable, "-m", "deepfake_detector", "predict", *FILES]
    subprocess.run(
        [*command, "--model", str(model), "--json", "reports.json"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        check=False,
        capture_output=True,
    )
    reports = json.loads((folder / "reports.json").read_text())
    return {one["input"]["name"]: one for one in reports}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_an_upload_gets_the_report_of_the_command(client, by_command, name):
    answer = send(client, FILES[name], name)
    assert answer.status_code == 200
    assert answer.json() | {"seconds": 0} == by_command[name] | {"seconds": 0}
    JsonReport.model_validate(answer.json())


@pytest.mark.slow
def test_a_file_beyond_a_limit_is_answered_with_the_limit(model):
    strict = LIMITS.model_copy(update={"megapixels": 0.001})
    found = send(asking(model, strict), STILL).json()
    assert found["verdict"] == "ERROR"
    assert "the limit is 0.001 million" in found["error"]


@pytest.mark.slow
def test_nothing_of_an_upload_is_left(client, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert send(client, CLIP).status_code == 200
    assert send(client, bytes(2 * MIB)).status_code == 413
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("extra", [0, 1])
def test_the_limit_of_an_upload_is_that_of_its_file(client, extra):
    answer = send(client, bytes(MIB + extra))
    if extra:
        problem = is_problem(answer, 413, "the file is larger than 1 MB")
        assert problem.remedy == "send a shorter clip, or one of fewer bits a second"
    else:
        assert answer.json()["verdict"] == "ERROR"


def body(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(b"--x\r\n%b\r\n" % part for part in parts) + end


def part(name: bytes, data: bytes = b"12", more: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="%b"%b\r\n\r\n%b' % (name, more, data)


def file_part(data: bytes = b"12", more: bytes = b'; filename="a.mp4"') -> bytes:
    return part(b"file", data, more)


FORM = {"content-type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(
    ("headers", "content", "status", "said"),
    [
        ({"content-type": "video/mp4"}, CLIP, 415, "the body is no multipart/form-data"),
        ({}, b"", 415, "the body is no multipart/form-data"),
        ({"content-type": "multipart/form-data"}, b"", 400, "no whole form"),
        ({"content-type": f"multipart/form-data; boundary={'x' * 300}"}, b"", 400, "no whole form"),
        (FORM, b"", 400, "no whole form"),
        (FORM, b"something else", 400, "no whole form"),
        (FORM, body(file_part(), end=b""), 400, "no whole form"),
        (FORM, body(), 422, "no part `file`"),
        (FORM, body(part(b"file")), 422, "`file` in the form is text, no file"),
        (FORM, body(file_part(), part(b"stressed", b"true")), 422, "is called 'stressed'"),
        (FORM, body(file_part(), b"X: y\r\n\r\n1"), 422, "is called ''"),
        (FORM, body(file_part(), file_part()), 422, "more than one file"),
        (FORM, body(file_part(), part(b"stress", b"yes")), 422, "neither true nor false"),
        (FORM, body(file_part(), part(b"annotate", b"1")), 422, "neither true nor false"),
        (FORM, body(file_part(), part(b"stress", b"")), 422, "neither true nor false"),
        (
            FORM,
            body(part(b"stress", b"true"), part(b"stress", b"true"), file_part()),
            422,
            "more than one `stress`",
        ),
        (FORM, body(part(b"stress", b"a" * 1000), file_part()), 422, "longer than any answer"),
        (FORM, body(file_part(bytes(2 * MIB))), 413, "larger than 1 MB"),
    ],
)
def test_a_body_that_is_no_upload_is_refused_with_what_to_send(
    client, headers, content, status, said
):
    problem = is_problem(client.post("/v1/judge", headers=headers, content=content), status, said)
    assert problem.remedy


@pytest.mark.parametrize(
    ("more", "name"),
    [
        (b'; filename=""', "upload"),
        (b'; filename="a b.mp4"', "a b.mp4"),
        ('; filename="möwe.mp4"'.encode(), "möwe.mp4"),
        (b'; filename="\xff.mp4"', "\ufffd.mp4"),
    ],
)
def test_a_file_keeps_the_name_it_was_sent_with(client, more, name):
    content = body(part(b"stress", b"false"), file_part(more=more), part(b"annotate", b"false"))
    found = client.post("/v1/judge", headers=FORM, content=content).json()
    assert found["input"]["name"] == name
    assert found["input"]["facts"]["bytes"] == 2


@pytest.mark.parametrize(("sent", "tested"), [(b"true", True), (b"false", False)])
def test_a_verdict_is_tested_where_the_form_asks_for_it(client, sent, tested):
    content = body(part(b"stress", sent), file_part(STILL))
    found = client.post("/v1/judge", headers=FORM, content=content).json()
    assert found["verdict"] == "FAKE"
    assert (found["stress"] is not None) == tested
    JsonReport.model_validate(found)


@pytest.mark.parametrize(
    ("sent", "media_type"),
    [(STILL, "image/jpeg"), pytest.param(CLIP, "video/mp4", marks=pytest.mark.slow)],
    ids=["image", "video"],
)
def test_the_file_comes_back_annotated_where_the_form_asks_for_it(client, sent, media_type):
    content = body(part(b"annotate", b"true"), file_part(sent))
    found = client.post("/v1/judge", headers=FORM, content=content).json()
    report = AnnotatedReport.model_validate(found)
    assert (report.annotated.media_type, report.not_annotated) == (media_type, "")
    before, after = (
        list(sample_frames(data, 1000)) for data in (sent, b64decode(report.annotated.base64))
    )
    assert len(after) == len(before)
    assert after[0].image.shape == before[0].image.shape
    assert np.abs(after[0].image.astype(int) - before[0].image).max() > 100, "nothing is drawn in"


def test_what_cannot_be_annotated_says_why_beside_its_report(client):
    content = body(part(b"annotate", b"true"), file_part())
    found = client.post("/v1/judge", headers=FORM, content=content).json()
    assert (found["verdict"], found["annotated"]) == ("ERROR", None)
    assert found["not_annotated"] == found["error"]


@pytest.mark.parametrize("length", [{}, {"content-length": str(1 << 40)}], ids=["untold", "told"])
def test_a_body_beyond_the_limit_is_not_read_to_its_end(length):
    read = []

    async def endless() -> AsyncIterator[bytes]:
        for chunk in chain([body(file_part(), end=b"")], repeat(bytes(MIB))):
            read.append(len(chunk))
            yield chunk

    async def take() -> None:
        async with upload.received(FORM | length, endless(), 3 * MIB):
            pass

    with pytest.raises(RequestError, match="larger than 3 MB"):
        anyio.run(take)
    assert len(read) == (0 if length else 4)


def test_an_upload_that_takes_too_long_is_refused(client, monkeypatch):
    monkeypatch.setattr(upload, "ARRIVAL_SECONDS", 0)
    is_problem(send(client, CLIP), 408, "the upload took longer than 0 seconds")


def test_a_full_disk_is_told_without_its_place(client, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/srv/secret")

    monkeypatch.setattr(upload._Form, "feed", full)
    answer = send(client, CLIP)
    is_problem(answer, 507, "no room for this upload")
    assert "secret" not in answer.text


def test_an_error_of_the_program_tells_nothing(client, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ValueError("/srv/secret")

    monkeypatch.setattr(Detector, "predict", broken)
    answer = send(client, CLIP)
    is_problem(answer, 500, "an error of the program")
    assert "secret" not in answer.text


@pytest.mark.slow
def test_a_model_that_is_damaged_meanwhile_is_told_without_its_folder(tmp_path):
    client = asking(made.write_model(tmp_path / "m.onnx"))
    assert client.get("/healthz").status_code == 200
    (tmp_path / "m.onnx").write_bytes(b"no model")
    for answer in (send(client, CLIP), client.get("/healthz"), client.get("/v1/model")):
        problem = is_problem(answer, 503, "m.onnx: not an ONNX model that can be loaded")
        assert problem.detail.startswith("m.onnx: ")
        assert problem.remedy == REMEDY


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/judge/", "/v2/judge"])
def test_what_is_not_there_is_told_as_a_problem(client, path):
    assert "/docs" in is_problem(client.get(path), 404, "Not Found").remedy


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/docs", "/v1/model"])
def test_whoever_asks_for_the_head_alone_gets_it(client, path):
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.headers["content-type"], head.content) == (
        200,
        whole.headers["content-type"],
        b"",
    )


def test_another_method_is_told_with_the_one_there_is(client):
    answer = client.get("/v1/judge")
    is_problem(answer, 405, "Method Not Allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("sent", [None, "", "s3cret", "S3CRET ü", f"{KEY} "])
def test_nobody_without_the_key_is_served(model, sent):
    client = asking(model, key=KEY)
    headers = {} if sent is None else {"X-API-Key": sent.encode() + b"?"}
    for answer in (send(client, CLIP, headers=headers), client.get("/v1/model", headers=headers)):
        is_problem(answer, 401, "the header X-API-Key is missing or wrong")
        assert answer.headers["www-authenticate"]


def test_whoever_has_the_key_is_served(model):
    client, headers = asking(model, key=KEY), {"X-API-Key": KEY.encode()}
    assert send(client, STILL, headers=headers).json()["verdict"] == "FAKE"
    assert client.get("/v1/model", headers=headers).status_code == 200


def test_health_and_counts_need_no_key(model):
    client = asking(model, key=KEY)
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/metrics").status_code == 200


@pytest.mark.slow
def test_uploads_beyond_those_that_are_held_are_asked_to_come_again(model, monkeypatch):
    """The second comes while the first is judged."""
    client = asking(model, LIMITS.model_copy(update={"uploads_at_once": 1}))
    predict, answers = Detector.predict, []

    def and_another(self: Detector, *arguments: object, **options: object):
        answers.append(send(client, STILL))
        return predict(self, *arguments, **options)

    monkeypatch.setattr(Detector, "predict", and_another)
    assert send(client, STILL).status_code == 200
    problem = is_problem(answers[0], 503, "1 uploads are waiting or being judged")
    assert answers[0].headers["retry-after"] == "10"
    assert problem.remedy == "send it again in 10 seconds"
    monkeypatch.setattr(Detector, "predict", predict)
    assert send(client, STILL).status_code == 200


@pytest.mark.slow
def test_the_model_is_told_with_the_limits(client, model):
    found = client.get("/v1/model").json()
    assert (found["name"], found["warning"], found["frames"]) == ("m.onnx", "", 6)
    assert found["model"] == send(client, STILL).json()["model"]
    assert found["limits"] == LIMITS.model_dump()


@pytest.mark.slow
def test_what_was_done_is_counted(client):
    for data in (STILL, GREY, STILL):
        send(client, data)
    client.get("/nowhere")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    counts = dict(
        line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#")
    )
    assert counts['deepfake_verdicts_total{verdict="FAKE"}'] == "2.0"
    assert counts['deepfake_verdicts_total{verdict="INCONCLUSIVE"}'] == "1.0"
    assert counts['deepfake_verdicts_total{verdict="REAL"}'] == "0.0"
    assert counts['deepfake_refused_total{status="404"}'] == "1.0"
    assert counts["deepfake_judging_seconds_count"] == "3.0"
    assert counts["deepfake_uploads"] == "0.0"
    assert float(counts["process_resident_memory_bytes"]) > 1e6


@pytest.mark.parametrize(("key", "secured"), [(None, False), (KEY, True)])
def test_the_description_is_that_of_this_server(model, key, secured):
    client = asking(model, key=key)
    found = client.get("/openapi.json").json()
    assert sorted(found["paths"]) == ["/healthz", "/metrics", "/v1/judge", "/v1/model"]
    judge = found["paths"]["/v1/judge"]["post"]
    report = judge["responses"]["200"]["content"]["application/json"]["schema"]
    names = [one["$ref"].rpartition("/")[2] for one in report["anyOf"]]
    assert names == ["AnnotatedReport", "JsonReport"]
    assert list(judge["responses"]["413"]["content"]) == ["application/problem+json"]
    assert ("security" in judge) == secured
    assert ("X-API-Key" in client.get("/docs").text) == secured


def test_the_page_about_it_needs_no_network(client):
    page = client.get("/docs").text
    assert "POST /v1/judge" in page
    assert "curl" in page
    assert not [word for word in ("src=", "href=", "@import", "url(") if word in page]


@pytest.mark.slow
def test_none_but_serve_opens_its_libraries(model, tmp_path):
    (tmp_path / "a.jpg").write_bytes(STILL)
    without = (
        "import sys; sys.modules.update(dict.fromkeys(['fastapi', 'prometheus_client']));"
        f"sys.argv += ['predict', {str(tmp_path / 'a.jpg')!r}, '--model', {str(model)!r}];"
        "from deepfake_detector.cli.arguments import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
