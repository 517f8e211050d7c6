"""The limits file: what it gives, and what is said of one that makes no sense."""

import math
import tomllib
from pathlib import Path

import pytest

from deepfake_detector import UserError
from deepfake_detector.media.reading import Limits
from deepfake_detector.serving import limits

GOOD = {
    "upload_mb": 5,
    "clip_seconds": 2.5,
    "megapixels": 0.25,
    "seconds_per_clip": 3,
    "visitors_at_once": 2,
    "uploads_at_once": 3,
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    def write(text: str) -> None:
        (tmp_path / "mine.toml").write_text(text)
        monkeypatch.setenv("DEEPFAKE_LIMITS", str(tmp_path / "mine.toml"))

    return write


def lines(**changes: object) -> str:
    return "\n".join(
        f"{key} = {value}" for key, value in (GOOD | changes).items() if value is not None
    )


def test_the_file_that_comes_with_the_page_fits_the_server_that_comes_with_it():
    config = tomllib.loads(Path(".streamlit/config.toml").read_text())
    assert (
        limits.read(config["server"]["maxUploadSize"]).upload_mb
        == config["server"]["maxUploadSize"]
    )


def test_every_key_of_it_has_a_caption():
    rows = [
        line for line in limits.FILE.read_text().splitlines() if line and not line.startswith("#")
    ]
    assert [row.split(" = ")[0] for row in rows] == list(GOOD)
    assert all("# " in row for row in rows)


def test_another_file_can_be_named(written):
    written(lines())
    found = limits.read(200)
    assert found.model_dump() == GOOD
    assert found.of_a_file == Limits(pixels=250_000, duration=2.5, work=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            lines(upload_mb=None),
            "mine.toml: upload_mb: missing; .*limits.toml explains its keys",
        ),
        (lines(upload_mb=0), "mine.toml: upload_mb: Input should be greater than 0"),
        (lines(upload_mb=1.5), "mine.toml: upload_mb: Input should be a valid integer"),
        (lines(clip_seconds=-1), "mine.toml: clip_seconds: Input should be greater than 0"),
        (lines(clip_seconds='"long"'), "mine.toml: clip_seconds: Input should be a valid number"),
        (lines(megapixels=math.inf), "mine.toml: megapixels: Input should be a finite number"),
        (
            lines(visitors_at_once="true"),
            "mine.toml: visitors_at_once: Input should be a valid integer",
        ),
        (
            lines(visitors_at_once=65),
            "mine.toml: visitors_at_once: Input should be less than or equal to 64",
        ),
        (lines(upload_gb=1), "mine.toml: upload_gb: unknown key; check its spelling"),
        (
            lines(uploads_at_once=1),
            "mine.toml: uploads_at_once is less than visitors_at_once; ",
        ),
        ("upload_mb: 5", "mine.toml: no TOML file: .*limits.toml shows how it is written"),
        (
            lines(upload_mb=201),
            "mine.toml: upload_mb is 201, but the server takes 200 MB; start it with "
            "--server.maxUploadSize 201",
        ),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_key(written, text, message):
    written(text)
    with pytest.raises(UserError, match=message):
        limits.read(200)


def test_a_file_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPFAKE_LIMITS", str(tmp_path / "none.toml"))
    with pytest.raises(
        UserError, match=f"^{tmp_path}/none.toml: No such file or directory; DEEPFAKE_LIMITS names"
    ):
        limits.read(200)
