"""The page, driven without a browser: what it says for every kind of input."""

import sys
from pathlib import Path

import made
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

APP = Path("app/streamlit_app.py").resolve()


@pytest.fixture(autouse=True)
def own_main(monkeypatch):
    """AppTest leaves the page as Python's main module, which later processes of `spawn` would then run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def page(in_toy_project) -> AppTest:
    return AppTest.from_file(str(APP), default_timeout=120).run()


def upload(page: AppTest, name: str, data: bytes, mime: str = "video/mp4") -> AppTest:
    return page.file_uploader[0].upload(name, data, mime).run()


def words(page: AppTest) -> str:
    shown = [*page.markdown, *page.subheader, *page.caption, *page.warning, *page.info, *page.error]
    return "\n".join(str(element.value) for element in shown)


def test_it_opens_with_the_banner_of_a_demonstration_model(page):
    assert not page.exception
    assert "Demonstration model" in page.warning[0].value
    assert "pick an example" in words(page)


def test_an_example_gets_a_verdict_and_its_evidence(page):
    examples = sorted(Path("models/examples").glob("*.mp4"))
    page.button_group[0].select(examples[0].stem.replace("_", " ")).run()
    assert not page.exception
    assert page.metric[0].label == "Probability of fake"
    assert "Through the clip" in words(page)
    assert "Faces, the most suspicious first" in words(page)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("stranger.mp4", made.person_clip(), "judges nothing but the demo's own files"),
        ("stranger.jpg", made.person_still(), "judges nothing but the demo's own files"),
        ("grey.png", made.picture(np.full((80, 80, 3), 90, np.uint8)), "judges nothing but the demo's own files"),
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"this is no video at all" * 50, "cannot be judged"),
        ("sound.mp4", made.audio_only(), "audio only"),
    ],
)
def test_an_upload_gets_clear_words_and_no_number_it_cannot_stand_behind(page, name, data, said):
    upload(page, name, data)
    assert not page.exception
    assert said in words(page)
    assert not page.metric


def test_without_a_model_it_says_what_to_do(in_toy_project, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPFAKE_MODEL", str(tmp_path / "none.onnx"))
    page = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not page.exception
    assert "make repro" in page.error[0].value
