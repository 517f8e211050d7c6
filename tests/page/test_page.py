"""The page, driven without a browser: what it says for every kind of input and model."""

import csv
import hashlib
import io
import json
import os
import re
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock, patch

import made
import numpy as np
import pytest
from patience import HANG
from served import clip_side_by_side, side_by_side, write_verdicts
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from app import history, results
from app.words import BESIDE
from app.work import Work
from benchmarks.served_page import APP
from deepfake_detector.common.percent import percent
from deepfake_detector.media.probing import probe
from deepfake_detector.media.stills import read_image
from deepfake_detector.serving.inference import DEMONSTRATION, Detector, Report
from deepfake_detector.serving.sentences import LIMITS, SAID

GREY = made.picture(np.full((80, 80, 3), 90, np.uint8))
CLIP, STILL = made.person_clip(), made.person_still()
LIMITS_FILE = (
    "upload_mb = 5\nclip_seconds = {}\nmegapixels = {}\nseconds_per_clip = 3600\n"
    "visitors_at_once = 1\nuploads_at_once = 1\n"
)
pytestmark = pytest.mark.slow  # each runs the whole page


@pytest.fixture(autouse=True)
def own_main(monkeypatch):
    """AppTest leaves the page as Python's main module, which later processes of `spawn` would then
    run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A folder without models and examples."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def model_of(tmp_path_factory) -> dict[str, Path]:
    return write_verdicts(tmp_path_factory.mktemp("verdicts"))


@pytest.fixture
def page_of(model_of, monkeypatch) -> Callable[[str], AppTest]:
    """The page with the model that gives a verdict, or with the one at a path."""

    def opened(model: str | Path) -> AppTest:
        monkeypatch.setenv("DEEPFAKE_MODEL", str(model_of.get(model, model)))
        return opened_page()

    return opened


def opened_page() -> AppTest:
    page = AppTest.from_file(str(APP), default_timeout=HANG).run()
    assert not page.exception
    return page


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    page.file_uploader[0].set_value([(name, data, "video/mp4") for name, data in files]).run()
    return all_judged(page)


def pick(page: AppTest, example: str) -> AppTest:
    page.button_group[0].select(example).run()
    return all_judged(page)


def all_judged(page: AppTest) -> AppTest:
    """The page as it is drawn when all is judged; here nothing but a test makes it look."""
    work, end = page.session_state["visit"].work, time.monotonic() + HANG
    while work.busy:
        assert time.monotonic() < end
        time.sleep(0.01)
    page.run()
    assert not page.exception
    return page


def history_of(page: AppTest) -> history.History:
    return page.session_state["visit"].history


def words(block: AppTest | Block) -> str:
    """What is written in a block, or beside the sidebar on the whole page; names without their
    backslashes."""
    kinds = ("title", "header", "markdown", "html", "caption", "warning", "info", "error")
    place = block.main if isinstance(block, AppTest) else block
    shown = [str(element.value) for kind in kinds for element in getattr(place, kind)]
    return re.sub(r"\\([^\w]|_)", r"\1", "\n".join(shown))


def score_of(page: AppTest) -> str:
    """The probability as it is shown, beside or without its large letters."""
    if page.metric:
        return f"{page.metric[0].label}: {page.metric[0].value}"
    return next(one.value for one in page.markdown if one.value.startswith("Probability of fake"))


def table(page: AppTest) -> list[tuple[str, str]]:
    """Verdict and name of every row."""
    frame = page.dataframe[0].value
    return [
        (verdict.split()[-1], name) for verdict, name in zip(frame.verdict, frame.file, strict=True)
    ]


def choose(page: AppTest, place: int) -> AppTest:
    """The row in one place of the table, as a click on it does."""
    page.session_state["shown"] = page.session_state["listed"][place]
    page.run()
    assert not page.exception
    return page


def captions(block: AppTest | Block) -> list[str]:
    """Those of single faces."""
    every = [caption for image in block.image for caption in image.captions if caption]
    return [caption for caption in every if not caption.startswith("Each box")]


def urls(page: AppTest) -> list[str]:
    return [url for image in page.image for url in image.value]


def test_what_was_forgotten_in_another_tab_is_gone_and_what_is_dropped_then_is_judged(page_of):
    page = upload(page_of("fake"), ("a.jpg", STILL))
    other = AppTest.from_file(str(APP), default_timeout=HANG)
    other.query_params["visit"] = page.session_state["visit"].token
    other.run()
    assert [row.name for row in history_of(other).rows()] == ["a.jpg"]
    next(one for one in other.button if one.label == "Forget what was judged").click().run()
    page.file_uploader[0].set_value([("b.jpg", STILL, "image/jpeg")]).run()
    assert "forgotten in another tab" in page.toast[0].value
    all_judged(page)
    assert [row.name for row in history_of(page).rows()] == ["b.jpg"]


def test_it_opens_with_what_the_model_learned_from_and_cannot_do(page_of):
    page = page_of("fake")
    assert "Drop images or clips above. You get a verdict" in words(page)
    assert not page.warning
    beside = words(page.sidebar)
    for said in (
        "möwe: 3 real, 2 swap",
        "Checked on 3 real and 2 fake clips",
        "fake.onnx, fp32, faces found by haar",
        *LIMITS,
    ):
        assert said.replace("möwe:", "**möwe**:") in beside


@pytest.mark.parametrize(
    ("model", "verdict", "said", "meaning"),
    [
        (
            "fake",
            "FAKE",
            "FAKE from under 0.1%, REAL below.",
            "The model was checked on 3 real clips only",
        ),
        (
            "real",
            "REAL",
            "never FAKE, REAL up to 100%; otherwise there is no verdict.",
            "The model was checked on 2 fake clips only",
        ),
        (
            "band",
            "INCONCLUSIVE",
            "otherwise there is no verdict",
            "do not show that it is seldom wrong at such a score",
        ),
    ],
)
@pytest.mark.parametrize(("suffix", "data"), [("mp4", CLIP), ("jpg", STILL)], ids=["clip", "still"])
def test_a_verdict_comes_with_its_score_what_that_means_and_the_faces(
    page_of, model, verdict, said, meaning, suffix, data
):
    page = upload(page_of(model), (f"one.{suffix}", data))
    assert f"</span> {verdict} <strong>{BESIDE[verdict]}</strong>" in words(page)
    assert SAID[verdict] in words(page)
    (score,) = re.findall(r"(?:over |under )?[\d.]+%$", score_of(page))
    assert bool(page.metric) == (verdict != "INCONCLUSIVE"), "no large number without a verdict"
    assert said in words(page)
    assert meaning in words(page)
    assert "A sign, not a proof" in words(page)
    assert captions(page)
    if data is STILL:
        assert captions(page)[0].endswith(f"{score} fake")


def test_a_verdict_can_be_tested_on_changed_copies_of_the_file(page_of):
    page = upload(page_of("fake"), ("one.jpg", STILL))
    assert "Firmness not tested." in words(page)
    assert not page.table
    next(one for one in page.button if one.label == "Test how stable the verdict is").click().run()
    all_judged(page)
    assert "Firm: FAKE on all" in words(page)
    copies = history_of(page).evidence(1).report.firmness.outcomes
    assert list(page.table[0].value.index) == [one.words for one in copies]
    assert not [one for one in page.button if one.label == "Test how stable the verdict is"]
    assert len(history_of(page).rows()) == 1
    assert history_of(page).row(1).report["stress"]
    assert "judged before" not in words(page), "nothing was dropped again"


def test_where_the_file_is_gone_it_is_to_be_dropped_again_to_be_tested(page_of):
    page = upload(page_of("fake"), ("one.jpg", STILL))
    kept = history_of(page).kept
    kept[1] = replace(kept[1], judged=kept[1].judged.slim())
    page.run()
    assert "To test how stable the verdict is, drop the file again" in words(page)
    upload(page, ("one.jpg", STILL))
    assert "drop the file again" not in words(page)
    assert [one for one in page.button if one.label == "Test how stable the verdict is"]


def test_the_file_that_is_shown_is_the_one_to_keep(page_of):
    page = upload(page_of("fake"), ("b.png", GREY), ("a.jpg", STILL))
    assert history_of(page).row(history_of(page).shown).name == "b.png"
    choose(page, 0)
    assert history_of(page).row(history_of(page).shown).name == "a.jpg"


def test_without_a_verdict_there_is_nothing_to_test(page_of):
    page = upload(page_of("band"), ("one.jpg", STILL))
    assert "there is no verdict" in words(page)
    assert not [one for one in page.button if one.label == "Test how stable the verdict is"]


def test_files_on_the_server_are_judged_where_it_has_a_folder_for_them(
    page_of, tmp_path, monkeypatch
):
    page = page_of("fake")
    assert "files on the server" not in str([one.label for one in page.expander])
    own = tmp_path / "own"
    for place, data in (("a.jpg", STILL), ("deep/b_*.jpg", STILL), ("deep/c.mp4", bytes(6 << 20))):
        (own / place).parent.mkdir(parents=True, exist_ok=True)
        (own / place).write_bytes(data)
    (own / "notes.txt").write_text("no picture")
    os.mkfifo(own / "deep/no_file.mp4")
    (own / "deep/pipe.mp4").touch()
    monkeypatch.setenv("DEEPFAKE_FOLDER", str(own))
    (tmp_path / "limits.toml").write_text(LIMITS_FILE.format(60, 64))  # 5 MiB a file
    monkeypatch.setenv("DEEPFAKE_LIMITS", str(tmp_path / "limits.toml"))
    page = page_of("fake")
    folders = ["everything (4 files)", "deep (3 files)"]
    assert page.selectbox[0].options[:2] == folders
    assert len(page.selectbox[0].options) == 2 + 4, "and each file"
    page.selectbox[0].select("deep").run()
    (own / "deep/pipe.mp4").unlink()
    os.mkfifo(own / "deep/pipe.mp4")
    next(one for one in page.button if one.label == "Judge 3 files").click().run()
    all_judged(page)
    found = {row.name: (row.verdict, row.said) for row in history_of(page).rows()}
    assert found["deep/b_*.jpg"][0] == "FAKE"
    assert found["deep/c.mp4"] == (
        "ERROR",
        "Too large: 6.0 MiB, the limit is 5 MiB; shorten it, or compress it more.",
    )
    assert found["deep/pipe.mp4"] == ("ERROR", "No ordinary file.")
    assert str(tmp_path) not in words(page)


def test_a_file_that_is_gone_when_its_turn_comes_is_told(page_of, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.jpg").write_bytes(STILL)
    monkeypatch.setenv("DEEPFAKE_FOLDER", str(tmp_path / "own"))
    page = page_of("fake")
    (tmp_path / "own" / "a.jpg").unlink()
    next(one for one in page.button if one.label == "Judge 1 file").click().run()
    all_judged(page)
    assert "No such file" in words(page)
    assert str(tmp_path) not in words(page)


def test_a_name_that_is_no_text_has_downloads_too(page_of, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(STILL)
    monkeypatch.setenv("DEEPFAKE_FOLDER", str(tmp_path / "own"))
    page = page_of("fake")
    next(one for one in page.button if one.label == "Judge 1 file").click().run()
    all_judged(page)
    assert not page.exception
    assert page.metric
    assert "caf?.jpg" in words(page).replace("\\", "")


def test_a_folder_that_cannot_be_looked_into_is_told_and_costs_no_other(
    page_of, tmp_path, monkeypatch
):
    (tmp_path / "own" / "shut").mkdir(parents=True)
    (tmp_path / "own" / "a.jpg").write_bytes(STILL)
    scandir = os.scandir

    def refusing(folder: Path):
        if Path(folder).name == "shut":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    monkeypatch.setenv("DEEPFAKE_FOLDER", str(tmp_path / "own"))
    page = page_of("fake")
    assert "One folder on the server cannot be read." in words(page)
    assert [one.label for one in page.button if one.label.startswith("Judge")] == ["Judge 1 file"]


def test_a_folder_that_is_not_there_is_told_before_anything_is_judged(page_of, monkeypatch):
    monkeypatch.setenv("DEEPFAKE_FOLDER", "/nowhere/at/all")
    page = page_of("fake")
    assert "the folder that DEEPFAKE_FOLDER names is not there" in words(page)
    assert "/nowhere" not in words(page)
    assert not page.file_uploader


def test_the_faces_come_by_suspicion(page_of):
    page = upload(page_of("fake"), ("clip.mp4", CLIP))
    shares = [
        float(found.group(1))
        for one in captions(page)[2:]
        if (found := re.search(r"s, (?:over |under )?([\d.]+)% fake$", one))
    ]
    assert len(shares) == 6
    assert shares == sorted(shares, reverse=True)


def test_the_moment_chosen_shows_its_face_plain_and_marked(page_of):
    page = upload(page_of("fake"), ("clip.mp4", CLIP))
    assert captions(page)[0] == captions(page)[2], "the most suspicious moment comes first"
    moments = history_of(page).evidence(1).report.faces[0].frames
    assert len(moments) == 6
    for one in moments:
        page.select_slider[0].set_value(one.frame).run()
        assert captions(page)[:2] == [
            f"{one.time:.1f} s, {percent(one.fake_probability)} fake",
            "Regions that raised the score",
        ]


def test_a_clip_that_begins_after_its_sound_is_played_from_the_same_moment(page_of):
    page = upload(page_of("fake"), ("clip.mp4", CLIP))
    kept = history_of(page).evidence(1)
    late = replace(kept, report=replace(kept.report, starts_at=7.03))
    first = kept.report.faces[0].frames[0]
    page.select_slider[0].set_value(first.frame)
    with patch.object(history.History, "evidence", return_value=late):
        page.run()
    assert page.get("video")[0].proto.start_time == int(7.03 + first.time)


def test_the_clip_is_played_from_the_moment_chosen_and_with_boxes_when_asked_for(page_of):
    page = upload(page_of("fake"), ("clip.mp4", made.person_clip(seconds=2.5)))
    last = history_of(page).evidence(1).report.faces[0].frames[-1]
    page.select_slider[0].set_value(last.frame).run()
    assert page.get("video")[0].proto.start_time == int(last.time) == 2
    assert not hasattr(page.session_state, "drawn")
    page.toggle[0].set_value(True).run()
    assert not page.exception
    number, drawn = page.session_state["drawn"]
    assert number == 1
    assert probe(drawn).facts["codec"] == "h264"


def test_faces_can_be_marked(page_of):
    page = upload(page_of("fake"), ("still.png", side_by_side(0, 2)))
    plain = urls(page)
    page.toggle[0].set_value(True).run()
    marked = urls(page)
    assert len(plain) == len(marked) == 5
    assert plain[:3] == marked[:3], "the people and the whole picture stay as they are"
    assert plain[3] != marked[3]


@pytest.mark.parametrize(
    "data", [side_by_side(0, 2), clip_side_by_side(0, 2)], ids=["still", "clip"]
)
def test_of_several_people_each_has_a_verdict_and_one_decides(page_of, data):
    page = upload(page_of("fake"), ("two.mp4", data))
    cards = [words(block) for block in people(page)]
    assert len(cards) == 2
    assert all(
        "FAKE]" in card and re.search(r"Probability of fake: (?:over )?[\d.]+%", card)
        for card in cards
    )
    assert ["Decides the verdict" in card for card in cards] == [True, False]
    assert f"Probability of fake: {page.metric[0].value}" in cards[0]


def people(page: AppTest) -> list[Block]:
    """The cards of the people."""
    found = []

    def search(block: Block) -> None:
        for child in block.children.values():
            if str(getattr(child, "value", "")).startswith("**Person "):
                found.append(block)
            if isinstance(child, Block):
                search(child)

    search(page.main)
    return found


def test_somebody_who_is_seen_too_seldom_gets_no_score(page_of, tmp_path):
    frames = [read_image(side_by_side(0, 2)) for _ in range(6)]
    for frame in frames[2:]:
        frame[:, frame.shape[1] // 2 :] = 90  # the second person is there in the first frames only
    model = made.write_model(
        tmp_path / "m.onnx", decision={"band_low": 0.0, "band_high": 0.0, "min_faces": 3}
    )
    page = upload(page_of(model), ("two.mp4", made.clip_of(frames)))
    (judged,) = [card for card in people(page) if "Decides" in words(card)]
    (seldom,) = [card for card in people(page) if "Decides" not in words(card)]
    assert "Probability of fake" in words(judged)
    assert "INCONCLUSIVE" in words(seldom)
    assert "too few of the frames" in words(seldom)
    assert "Probability of fake" not in words(seldom)
    counted = ["not counted: seen in too few frames" not in one for one in captions(page)[-8:]]
    assert counted == sorted(counted, reverse=True), "they come last"
    assert counted.count(False) == 2
    (decides,) = [one for one in history_of(page).evidence(1).report.faces if one.scored]
    worst = max(decides.frames, key=lambda one: one.fake_probability)
    assert page.select_slider[0].value == worst.frame, "the moment of whoever decides"


@pytest.mark.parametrize(
    ("name", "data", "verdict", "said"),
    [
        (
            "grey.png",
            GREY,
            "INCONCLUSIVE",
            "pixels was found in the picture",
        ),
        ("numbers.mp4", made.clip(), "INCONCLUSIVE", "pixels was found in any of the"),
        ("empty.mp4", b"", "ERROR", "Empty file"),
        (
            "text.mp4",
            b"this is no video at all" * 50,
            "ERROR",
            "Neither an image nor a video that can be decoded",
        ),
        ("sound.mp4", made.audio_only(), "ERROR", "audio only"),
        ("half.jpg", STILL[:2000], "ERROR", "Damaged image"),
    ],
)
def test_what_has_no_verdict_gets_clear_words_and_no_number(page_of, name, data, verdict, said):
    page = upload(page_of("fake"), (name, data))
    assert f"</span> {verdict} <strong>{BESIDE[verdict]}</strong>" in words(page)
    assert said in words(page)
    assert name in words(page)
    assert not page.metric
    assert not page.image
    assert not [one.label for one in page.download_button if "boxes" in one.label]


@pytest.mark.parametrize(
    ("seconds", "megapixels", "said"),
    [(0.1, 64, "Too long: 0 seconds, the limit is 0.1"), (60, 0.001, "the limit is 0.001 million")],
    ids=["too long", "too large"],
)
def test_a_file_beyond_a_limit_is_told_which(
    page_of, tmp_path, monkeypatch, seconds, megapixels, said
):
    (tmp_path / "limits.toml").write_text(LIMITS_FILE.format(seconds, megapixels))
    monkeypatch.setenv("DEEPFAKE_LIMITS", str(tmp_path / "limits.toml"))
    page = upload(page_of("fake"), ("clip.mp4", CLIP))
    assert "ERROR" in words(page)
    assert said in words(page)
    assert not page.metric


def test_the_uploader_takes_files_up_to_the_limit(page_of, tmp_path, monkeypatch):
    (tmp_path / "limits.toml").write_text(LIMITS_FILE.format(60, 64))
    monkeypatch.setenv("DEEPFAKE_LIMITS", str(tmp_path / "limits.toml"))
    assert page_of("fake").file_uploader[0].proto.max_upload_size_mb == 5


def test_limits_that_make_no_sense_stop_the_page_with_their_key(page_of, tmp_path, monkeypatch):
    (tmp_path / "limits.toml").write_text("upload_mb = 0\n")
    monkeypatch.setenv("DEEPFAKE_LIMITS", str(tmp_path / "limits.toml"))
    page = page_of("fake")
    assert "limits.toml: upload_mb: Input should be greater than 0" in words(page)
    assert str(tmp_path) not in words(page)
    assert not page.file_uploader


def test_several_files_are_listed_fake_first_and_the_first_judged_is_shown(page_of):
    page = upload(page_of("fake"), ("c.mp4", b"broken"), ("b.png", GREY), ("a.mp4", CLIP))
    assert table(page) == [("FAKE", "a.mp4"), ("INCONCLUSIVE", "b.png"), ("ERROR", "c.mp4")]
    assert "c.mp4: **This file cannot be judged.** Neither an image nor" in words(page)
    assert "3 files: " in words(page)
    (model,) = set(page.dataframe[0].value.model)
    assert model == "fake.onnx"


def test_what_was_judged_is_shown_again_without_judging_it_anew(page_of, monkeypatch):
    page = upload(page_of("fake"), ("a.mp4", CLIP), ("b.png", GREY))
    monkeypatch.setattr(Detector, "predict", None)
    assert "No face of at least" in words(choose(page, 1))
    assert "a.mp4: **Signs of face manipulation found.**" in words(choose(page, 0))
    upload(page, ("b.png", GREY))
    assert "b.png: **No verdict.** No face of at least" in words(page)
    assert len(table(page)) == 2


def test_the_box_shows_the_file_whose_verdict_is_shown_though_another_is_first(page_of):
    """A browser that missed the drawing before shows what the box begins with."""
    page = upload(page_of("fake"), ("c.mp4", b"broken"), ("b.png", GREY), ("a.jpg", STILL))
    box = page.selectbox(key="choice")
    assert box.options[box.proto.default] == "✕ ERROR  c.mp4"
    assert "c.mp4: **This file cannot be judged.**" in words(page)


@pytest.mark.parametrize(
    ("verdicts", "text", "left"),
    [
        ([], "", ["one.jpg", "grey.png", "broken.mp4"]),
        (["INCONCLUSIVE", "ERROR"], "", ["grey.png", "broken.mp4"]),
        ([], "NO FACE", ["grey.png"]),
        (["ERROR"], "grey", []),
    ],
)
def test_the_table_can_be_filtered(page_of, verdicts, text, left):
    page = upload(page_of("fake"), ("one.jpg", STILL), ("grey.png", GREY), ("broken.mp4", b"x"))
    page.button_group(key="verdicts").set_value(verdicts)
    page.text_input(key="text").set_value(text).run()
    assert [name for _, name in table(page)] == left


def test_a_file_dropped_twice_is_one_row_and_that_is_said(page_of, monkeypatch):
    page = upload(page_of("fake"), ("a.jpg", STILL), ("b.png", GREY), ("a.jpg", STILL))
    assert len(table(page)) == 2
    assert "a.jpg was judged before: same name and content. Each such file has one row." in words(
        page
    )
    upload(page, ("c.png", GREY))
    assert "judged before" not in words(page)
    monkeypatch.setattr(history.Judged, "whole", False)
    upload(page, ("a.jpg", STILL), ("b.png", GREY))
    assert re.search("(a.jpg, b.png|b.png, a.jpg) were judged before", words(page))


def test_two_models_on_one_file_are_two_rows_that_name_their_model(tmp_path):
    models(tmp_path, detector={}, other={"decision": made.SURE | {"min_faces": 1}})
    page = upload(opened_page(), ("a.jpg", STILL))
    page.selectbox[0].set_value(page.selectbox[0].options[1]).run()
    upload(page, ("a.jpg", STILL))
    assert sorted(page.dataframe[0].value.model) == ["detector.onnx", "other.onnx"]


def test_a_model_that_was_exchanged_under_its_name_is_told_from_that_before(page_of, tmp_path):
    path = made.write_model(tmp_path / "m.onnx", decision=made.SURE)
    page = upload(page_of(path), ("a.jpg", STILL), ("b.png", GREY))
    assert "Judged by m.onnx." in words(page)
    made.write_model(path, decision=made.SURE | {"min_faces": 1})
    upload(page, ("a.jpg", STILL))
    before, after = (history_of(page).row(number) for number in (1, 3))
    assert f"Judged by m.onnx {after.model_sha256[:8]}." in words(page)
    assert "2 files, 3 verdicts by several models: " in words(page)
    told = list(csv.DictReader(io.StringIO(results.table_of([before, after]).decode())))
    assert {one["model_sha256"] for one in told} == {before.model_sha256, after.model_sha256}


def test_a_file_that_does_not_arrive_gets_a_row_and_no_verdict_of_another_stays(page_of):
    page = upload(page_of("fake"), ("a.jpg", STILL))
    report = Report(
        "big.mp4", None, None, "ERROR", reason="cannot be read", error="too large: 9 MB"
    )
    row = history_of(page).add(report, made.contract_terms(), "ab" * 32, "fake.onnx")
    page.session_state["shown"] = row.number
    page.run()
    assert table(page) == [("FAKE", "a.jpg"), ("ERROR", "big.mp4")]
    assert "big.mp4: **This file cannot be judged.** Too large: 9 MB." in words(page)
    assert "a.jpg: **" not in words(page)


def test_what_is_dropped_can_be_stopped_and_gone_on_with(page_of):
    page = page_of("fake")
    page.session_state["visit"].work.stop()
    upload(page, ("a.jpg", STILL), ("b.png", GREY))
    assert "Stopped. 2 files wait to be judged." in words(page)
    assert not history_of(page).rows()
    next(one for one in page.button if one.label == "Go on").click().run()
    all_judged(page)
    assert [name for _, name in table(page)] == ["a.jpg", "b.png"]


def test_loading_the_page_anew_keeps_what_was_judged_for_whoever_has_its_address(page_of):
    page = upload(page_of("fake"), ("a.jpg", STILL), ("b.png", GREY))
    page.session_state["visit"].work.lost = ("c.mp4",)
    again, stranger, guessed = (AppTest.from_file(str(APP), default_timeout=HANG) for _ in range(3))
    again.query_params["visit"] = page.query_params["visit"]
    guessed.query_params["visit"] = "guessed"
    assert table(again.run()) == table(page)
    assert "c.mp4 was not judged before the page was left" in words(again)
    for other in (stranger.run(), guessed.run()):
        assert not other.dataframe
        assert "Drop images or clips above. You get" in words(other)
    assert "no longer kept" not in words(stranger)
    assert "What was judged under this address is no longer kept" in words(guessed)
    assert not guessed.query_params
    upload(guessed, ("d.png", GREY))
    assert guessed.query_params["visit"] != ["guessed"], "a token is never the visitor's choice"
    assert "no longer kept" not in words(guessed)


def test_without_its_evidence_a_row_says_so_and_the_file_can_be_dropped_again(page_of):
    page = upload(page_of("fake"), ("a.jpg", STILL))
    history_of(page).kept.clear()
    page.run()
    assert "no longer kept" in words(page)
    assert "▲</span> FAKE" in words(page)
    assert not page.image
    upload(page, ("a.jpg", STILL))
    assert page.image
    assert not page.dataframe, "it is the same row"


def test_all_reports_can_be_taken_away(page_of):
    page = upload(page_of("fake"), ("a.jpg", STILL), ("b.png", GREY))
    rows = history_of(page).rows()
    table = list(csv.DictReader(io.StringIO(results.table_of(rows).decode())))
    assert [(one["input"], one["verdict"], one["model"]) for one in table] == [
        ("a.jpg", "FAKE", "fake.onnx"),
        ("b.png", "INCONCLUSIVE", "fake.onnx"),
    ]
    with zipfile.ZipFile(io.BytesIO(results.archive_of(rows, "Mind this."))) as archive:
        reports = [json.loads(archive.read(name)) for name in archive.namelist()[2:]]
        assert archive.namelist()[:2] == ["table.csv", "index.html"]
        assert b"Mind this." in archive.read("index.html")
        assert b"<a href" not in archive.read("index.html"), "there are no pages to lead to"
        assert archive.read("index.html").count(b"<td>fake.onnx</td>") == len(rows)
    assert [one["input"]["name"] for one in reports] == ["a.jpg", "b.png"]


def test_what_has_to_be_made_is_offered_once_nothing_is_judged(page_of, monkeypatch):
    """Streamlit drops such a file while the page is drawn again and again."""
    page = upload(page_of("fake"), ("a.mp4", CLIP), ("b.png", GREY))
    made_first = ("(CSV)", "(ZIP)", "(HTML)", "(MP4)")
    for busy in (True, False):
        monkeypatch.setattr(Work, "busy", property(lambda work, busy=busy: busy))
        offered = {
            re.search(r"\(.+\)", one.proto.label)[0]: one.proto.disabled
            for one in page.run().get("download_button")
        }
        assert {name: offered[name] for name in made_first} == dict.fromkeys(made_first, busy)
    assert not offered["(JSON)"]


def test_the_bytes_of_a_file_are_hashed_once(page_of, monkeypatch):
    page = page_of("fake")
    hashing = Mock(wraps=hashlib.sha256)
    monkeypatch.setattr(hashlib, "sha256", hashing)
    upload(page, ("one.mp4", CLIP), ("two.jpg", STILL))
    hashed = [call.args[0] for call in hashing.call_args_list if call.args]
    assert (hashed.count(CLIP), hashed.count(STILL)) == (1, 1)


def test_a_file_that_comes_later_is_shown_when_it_is_judged(page_of):
    page = upload(page_of("fake"), ("a.mp4", CLIP))
    assert not page.dataframe
    upload(page, ("b.png", GREY))
    assert "b.png: **No verdict.**" in words(page)


def test_streamlit_keeps_no_bytes_of_a_file_that_was_taken_over(page_of, monkeypatch):
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

    dropped, remove = [], MemoryUploadedFileManager.remove_file
    monkeypatch.setattr(
        MemoryUploadedFileManager,
        "remove_file",
        lambda self, session_id, file_id: (
            dropped.append(file_id),
            remove(self, session_id, file_id),
        ),
    )
    page = page_of("fake")
    page.file_uploader[0].set_value([("a.mp4", CLIP, "video/mp4"), ("b.png", GREY, "image/png")])
    files = [file_id for file_id, *_ in page.file_uploader[0]._files]
    page.run()
    assert dropped == files
    assert [one.getvalue() for one in page.file_uploader[0].value] == [b"", b""]


def test_everything_judged_can_be_forgotten(page_of):
    page = upload(page_of("fake"), ("a.mp4", CLIP), ("b.png", GREY))
    page.sidebar.button[0].click().run()
    assert not page.exception
    assert not page.dataframe
    assert not page.metric
    assert "Drop images or clips above. You get a verdict" in words(page)
    assert history_of(page).rows() == []
    assert not page.query_params
    assert "no longer kept" not in words(page)


def test_no_file_pushes_another_out(page_of):
    page = upload(page_of("fake"), *((f"{at}.mp4", b"broken %d" % at) for at in range(30)))
    assert sorted(name for _, name in table(page)) == sorted(f"{at}.mp4" for at in range(30))


def test_where_the_list_is_full_it_says_so_and_judges_no_more(page_of, monkeypatch):
    monkeypatch.setattr(history, "MOST_ROWS", 2)
    page = upload(page_of("fake"), *((f"{at}.mp4", b"broken %d" % at) for at in range(3)))
    assert "no more fit" in words(page)
    assert "That also drops the file that waits: judge what is missing again afterwards." in words(
        page
    )
    assert len(table(page)) == 2


def test_judging_leaves_no_file_behind(page_of, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    before = sorted(tmp_path.rglob("*"))
    upload(page_of("fake"), ("clip.mp4", CLIP), ("still.png", STILL), ("broken.mp4", b"broken"))
    assert sorted(tmp_path.rglob("*")) == before


def models(folder: Path, **terms: dict) -> None:
    for name, own in terms.items():
        made.write_model(folder / "models" / f"{name}.onnx", **own)


def test_of_several_models_the_usable_ones_are_offered_and_the_others_named_with_the_reason(
    tmp_path,
):
    models(
        tmp_path,
        detector={},
        other={"decision": {"band_low": 1.0, "band_high": 1.0, "min_faces": 2}},
    )
    models(tmp_path, weak={"withheld": "it loses too much"})
    (tmp_path / "models/torn.onnx").write_bytes((tmp_path / "models/other.onnx").read_bytes()[:900])
    page = opened_page()
    assert page.selectbox[0].options == ["detector.onnx", "other.onnx"]
    beside = words(page.sidebar)
    assert "weak.onnx: not to be used: it loses too much" in beside
    assert "torn.onnx: not an ONNX model that can be loaded" in beside
    assert str(tmp_path) not in beside
    upload(page, ("a.mp4", CLIP))
    page.selectbox[0].set_value(page.selectbox[0].options[1]).run()
    upload(page, ("b.mp4", CLIP))
    assert table(page) == [("FAKE", "a.mp4"), ("REAL", "b.mp4")]
    assert list(page.dataframe[0].value.model) == ["detector.onnx", "other.onnx"]
    assert "Judged by other.onnx." in words(page)
    again = AppTest.from_file(str(APP), default_timeout=HANG)
    again.query_params["visit"] = page.query_params["visit"]
    assert again.run().sidebar.selectbox[0].value.name == "other.onnx", (
        "the choice is that of the visit"
    )


def test_one_model_alone_is_offered_without_a_choice(tmp_path):
    models(tmp_path, other={})
    page = opened_page()
    assert not page.selectbox
    assert "other.onnx" in words(page.sidebar)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (True, "none.onnx: not there; check the path; `make repro`"),
        (False, "detector.onnx: not there; check the path; `make repro`"),
    ],
    ids=["named", "none at all"],
)
def test_without_a_model_it_says_what_to_do_and_names_no_folder(tmp_path, monkeypatch, named, said):
    if named:
        monkeypatch.setenv("DEEPFAKE_MODEL", str(tmp_path / "none.onnx"))
    page = opened_page()
    assert said in words(page)
    assert str(tmp_path) not in words(page)
    assert not page.file_uploader


def test_without_its_model_a_visit_keeps_its_results_and_what_is_dropped_waits(page_of, tmp_path):
    path = made.write_model(tmp_path / "m.onnx")
    page = upload(page_of(path), ("a.jpg", STILL), ("b.png", GREY))
    model = path.read_bytes()
    path.unlink()
    upload(page, ("c.png", GREY))
    assert "The model cannot be used now: m.onnx: not there" in words(page)
    assert "cannot start" not in words(page)
    assert str(tmp_path) not in words(page)
    assert [name for _, name in table(page)] == ["a.jpg", "b.png"]
    assert "Forget what was judged" in [one.label for one in page.sidebar.button]
    path.write_bytes(model)
    next(one for one in page.button if one.label == "Go on").click().run()
    all_judged(page)
    assert [name for _, name in table(page)] == ["a.jpg", "b.png", "c.png"]
    assert "cannot be used" not in words(page)


def test_a_model_that_is_exchanged_is_loaded_anew(page_of, tmp_path):
    path = made.write_model(tmp_path / "m.onnx")
    before = words(page_of(path).sidebar)
    made.write_model(path, frames=4)
    assert "looks at 6 frames" in before
    assert "looks at 4 frames" in words(page_of(path).sidebar)


@pytest.fixture
def demonstration(tmp_path) -> Path:
    """A demonstration model whose own files are the examples beside it."""
    (tmp_path / "models/examples").mkdir(parents=True)
    (tmp_path / "models/examples/real_video.mp4").write_bytes(CLIP)
    trained = {"demonstration": True, "demo_files": (hashlib.sha256(CLIP).hexdigest(),)}
    return made.write_model(tmp_path / "models/detector.onnx", trained_on=trained)


def test_a_demonstration_model_always_says_that_it_is_one(demonstration):
    page = opened_page()
    assert [one.value for one in page.warning] == [DEMONSTRATION]
    upload(page, ("stranger.mp4", made.person_clip(2)))
    assert [one.value for one in page.warning] == [DEMONSTRATION]


def test_a_demonstration_model_judges_its_own_files(demonstration):
    page = opened_page()
    pick(page, "Example 1.mp4")
    assert "Example 1.mp4: **Signs of face manipulation found.**" in words(page)
    assert page.metric


def test_real_names_the_kinds_of_manipulation_it_speaks_of_letter_by_letter(page_of, tmp_path):
    learned = {"data_sets": {"mine": {"real": 3, "*swap*": 2}}}
    never = made.SURE | {"threshold": 1.0, "band_low": 1.0, "band_high": 1.0}
    page = page_of(made.write_model(tmp_path / "m.onnx", decision=never, trained_on=learned))
    upload(page, ("clip.mp4", made.person_clip()))
    assert "it has seen: *swap*" in words(page)
    assert not any("seen: *swap*" in one.value for one in page.markdown), "no markup"


def test_an_unproven_model_always_says_so_and_shows_no_score(page_of, tmp_path):
    terms = made.SURE | {"unproven": "too few groups"}
    page = page_of(made.write_model(tmp_path / "m.onnx", decision=terms))
    (warning,) = [one.value for one in page.warning]
    assert "Unproven model: too few groups. It gives no verdicts." in warning
    beside = words(page.sidebar)
    assert "It gives no verdict at any score." in beside
    assert "FAKE from" not in beside
    upload(page, ("clip.mp4", made.person_clip()))
    assert "clip.mp4: **No verdict.**" in words(page)
    assert "does not show that it tells real from fake" in words(page)
    assert len(page.warning) == 1
    assert not page.metric


def test_an_example_can_be_picked_again(demonstration):
    page = opened_page()
    invited = "Drop images or clips above, or pick an example. The demo's own files get a verdict"
    assert invited in words(page)
    assert "You get a verdict" not in words(page)
    pick(page, "Example 1.mp4")
    upload(page, ("stranger.png", GREY))
    pick(page, "Example 1.mp4")
    assert "Example 1.mp4: **Signs of face manipulation found.**" in words(page)
    assert len(table(page)) == 2


@pytest.mark.parametrize(
    "data", [made.person_clip(2), made.person_still(2), GREY], ids=["clip", "still", "no face"]
)
def test_a_demonstration_model_shows_no_score_of_other_files_but_among_the_details(
    demonstration, data
):
    page = upload(opened_page(), ("stranger.mp4", data))
    assert "judges nothing but the demo's own files" in words(page)
    assert [one.label for one in page.main.button].count(
        "How to get verdicts on your own clips"
    ) == 2
    assert not page.metric
    details = page.expander[-1]
    assert len(captions(details)) == len(captions(page))
    assert bool(captions(details)) == (data != GREY)
    outside = words(page).replace(words(details), "")
    assert "%" not in outside.partition("stranger.mp4:")[2]


def test_what_a_demonstration_model_judged_keeps_its_banner_under_another_model(
    demonstration, tmp_path
):
    made.write_model(tmp_path / "models/other.onnx")
    page = upload(opened_page(), ("stranger.mp4", made.person_clip(2)))
    page.selectbox[0].set_value(page.selectbox[0].options[1]).run()
    assert [one.value for one in page.warning] == [DEMONSTRATION]


def test_warnings_of_the_report_are_shown(page_of, tmp_path):
    given = made.write_model(tmp_path / "m.onnx", crop={"kind": "given"})
    page = upload(page_of(given), ("clip.mp4", CLIP))
    assert "learned from ready-made crops" in page.warning[0].value


def test_the_demos_own_detector_judges_its_examples(in_toy_project):
    page = opened_page()
    assert [one.value for one in page.warning] == [DEMONSTRATION]
    names = list(page.button_group[0].options)
    for name in names:
        assert pick(page, name).metric
    assert len(table(page)) == len(names)
    assert not [one for one in names for word in ("real", "swap", "blend") if word in one.lower()]


def test_the_details_hold_the_whole_report_and_the_facts_of_the_file(page_of):
    page = upload(page_of("fake"), ("clip.mp4", CLIP))
    details = page.expander[-1]
    assert '"schema": "deepfake-detector-report/2"' in details.json[0].value
    for fact in (
        "- size: ",
        "- resolution: ",
        "- duration: ",
        "- frames looked at: 6, 6 of them with a face",
        "by fake.onnx",
    ):
        assert fact in words(details)


def test_a_file_that_is_done_while_the_page_is_drawn_is_shown(page_of, monkeypatch):
    """Done after the page asked for the first time whether there is a file in hand."""
    page = page_of("fake")
    asked = []

    def busy(work) -> bool:
        asked.append(work)
        end = time.monotonic() + HANG
        while len(asked) > 1 and work.waiting and time.monotonic() < end:
            time.sleep(0.001)
        return len(asked) == 1

    monkeypatch.setattr(Work, "busy", property(busy))
    page.file_uploader[0].set_value([("a.jpg", STILL, "image/jpeg")]).run()
    assert "a.jpg" in words(page)
    assert page.metric
