"""The page in a real browser: every state it can be in, by mouse, by keyboard and on a phone."""

import hashlib
import itertools
import json
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import made
import numpy as np
import pytest
from patience import BROWSER_HANG, HANG
from served import VERDICTS, clip_side_by_side, side_by_side

from app.results import ROW_PIXELS
from benchmarks.served_page import PROJECT, served
from deepfake_detector.media.probing import probe
from deepfake_detector.serving.inference import DEMONSTRATION, Detector
from deepfake_detector.serving.sentences import LIMITS, SAID

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright (requirements-dev.txt)"
)
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="needs axe (requirements-dev.txt)"
)
pytestmark = pytest.mark.slow
sync_api.expect.set_options(timeout=BROWSER_HANG)
SCREEN, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")
LIMITS_FILE = (
    "upload_mb = 5\nclip_seconds = 60\nmegapixels = 64\nseconds_per_clip = 3600\n"
    "visitors_at_once = 2\nuploads_at_once = 2\n"
)
LONG_NAME = f"{'long' * 25} **b** $x$ [y](z) :red[r] <i>t<i>.mp4"
HELD = b"\0\0\0\x0cfreeheld"  # a box that readers skip, at the end of a clip
# Every Python of the server imports a module of this name first: a held clip is looked at for as
# long as no file lets it go on, and each beginning is noted; who leaves is away sooner; showing one
# file ends in an error.
HOLD = """
import time
from pathlib import Path

from deepfake_detector.serving.inference import Detector

predict = Detector.predict

def held(self, source, *rest, watch=None, **more):
    if bytes(source[-4:]) == b"held":
        with open("begun", "a") as file:
            file.write("x")
    while bytes(source[-4:]) == b"held" and not Path("let_go").exists():
        watch(1, 30)
        time.sleep(0.05)
    return predict(self, source, *rest, watch=watch, **more)

Detector.predict = held

from app import work

work.AWAY = 2.0

from deepfake_detector.serving import report, sentences

meaning = sentences.meaning

def faulty(found, terms):
    if found.input == "fault.jpg":
        raise FileNotFoundError(str(Path("models/examples/nowhere.mp4").absolute()))
    return meaning(found, terms)

sentences.meaning = faulty
"""
THEMES = "light", "dark"
FILES = {
    "clip.mp4": lambda: made.person_clip(),
    "still.jpg": lambda: made.person_still(),
    "fault.jpg": lambda: made.person_still(),
    "two.png": lambda: side_by_side(0, 2),
    "two.mp4": lambda: clip_side_by_side(0, 2),
    "grey.png": lambda: made.picture(np.full((80, 80, 3), 90, np.uint8)),
    "broken.mp4": lambda: b"no video",
    LONG_NAME: lambda: made.person_clip(2),
    "held.mp4": lambda: made.person_clip(1) + HELD,
    "held too.mp4": lambda: made.person_clip(1) + HELD,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What is served: models for every verdict, a demonstration with an example, and
    one that is withheld."""
    folder = tmp_path_factory.mktemp("served")
    for name in ("in", "models/examples"):
        (folder / name).mkdir(parents=True)
    for name, make in FILES.items():
        (folder / "in" / name).write_bytes(make())
    clip = (folder / "in/clip.mp4").read_bytes()
    (folder / "models/examples/real_video.mp4").write_bytes(clip)
    (folder / "models/examples/gone.mp4").symlink_to(folder / "nowhere.mp4")
    (folder / "limits.toml").write_text(LIMITS_FILE)
    (folder / "hold").mkdir()
    (folder / "hold/sitecustomize.py").write_text(HOLD)
    own = {name: {"decision": terms} for name, terms in VERDICTS.items()}
    own["weak"] = {"withheld": "it loses too much"}
    own["detector"] = own.pop("fake")
    own["demo"] = {
        "trained_on": {"demonstration": True, "demo_files": (hashlib.sha256(clip).hexdigest(),)}
    }
    for name, terms in own.items():
        made.write_model(folder / f"models/{name}.onnx", **terms)
    return folder


@pytest.fixture(scope="module")
def address(folder) -> Iterator[str]:
    path = f"{folder / 'hold'}{os.pathsep}{PROJECT}"
    with served(folder, DEEPFAKE_LIMITS=str(folder / "limits.toml"), PYTHONPATH=path) as address:
        yield address


@pytest.fixture(scope="module")
def context(browser) -> "sync_api.BrowserContext":
    """One for all: the browser loads the page's own files once."""
    return browser.new_context()


@pytest.fixture(scope="module")
def tabs() -> list["sync_api.Page"]:
    """The open ones that no test has now. Loading the page again in one of them takes half of what
    a new one takes."""
    return []


@pytest.fixture
def visit(context, tabs, address) -> Iterator[Callable[..., "sync_api.Page"]]:
    """Opens the page as another visitor, as Streamlit takes everybody who comes without a visit in
    the address; none may make the browser ask any other address."""
    pages, asked = [], []

    def note(request: "sync_api.Request") -> None:
        asked.append(request.url)

    def opened(size: dict = SCREEN, model: str = "") -> "sync_api.Page":
        page = tabs.pop() if tabs else context.new_page()
        pages.append(page)
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=THEMES[0])
        page.set_default_timeout(BROWSER_HANG)
        page.on("request", note)
        page.goto(address)
        page.get_by_text("Drop images or clips above").wait_for()
        page.get_by_text("Forget what was judged").wait_for(
            state="attached"
        )  # buttons come after texts
        if model:
            page.get_by_role("combobox", name=re.compile("Model for files")).click()
            page.get_by_role("option", name=model).click()
            page.get_by_text(re.compile(f"^{model}.onnx, ")).wait_for()
        return page

    yield opened
    for page in pages:
        page.remove_listener("request", note)
        if not page.is_closed():
            page.goto("about:blank")
            tabs.append(page)
    assert [
        url
        for url in asked
        if not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))
    ] == []


def drop(page: "sync_api.Page", folder: Path, *names: str) -> None:
    """Upload files and wait until they are judged."""
    page.locator("input[type=file]").set_input_files([folder / "in" / name for name in names])
    page.get_by_text("Details for experts").wait_for()
    if len(names) > 1:
        page.get_by_text(f"{len(names)} files: ").wait_for()
    page.get_by_role("button", name="Stop").wait_for(state="detached")
    page.get_by_test_id("stStatusWidget").wait_for(state="hidden")
    page.wait_for_function("!document.querySelector('[data-stale=true]')")


def text(page: "sync_api.Page") -> str:
    return page.inner_text("[data-testid=stMain]")


def verdict_of(page: "sync_api.Page") -> "sync_api.Locator":
    """The verdict that is shown. Streamlit's own notes have the same role, and one of the drawing
    before may still stand there."""
    return page.get_by_test_id("stMain").get_by_test_id("stHtml").get_by_role("status")


def judged(page: "sync_api.Page") -> str:
    return verdict_of(page).inner_text()


def pick(page: "sync_api.Page", folder: Path, name: str) -> None:
    """The example of that file, whose label does not tell which it is."""
    names = [path.name for path in (folder / "models/examples").iterdir()]
    names.sort(key=lambda one: hashlib.sha256(one.encode()).hexdigest())
    example = f"Example {names.index(name) + 1}{Path(name).suffix}"
    page.locator("[data-testid=stButtonGroup] button").filter(has_text=example).click()


def download(page: "sync_api.Page", button: str, path: Path) -> str:
    with page.expect_download() as found:
        page.get_by_role("button", name=button).click()
    found.value.save_as(path)
    return found.value.suggested_filename


def violations(page: "sync_api.Page") -> list[str]:
    found = axe.Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in SERIOUS]


@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        ("", "▲ FAKE Signs of manipulation"),
        ("real", "● REAL No signs found"),
        ("band", "○ INCONCLUSIVE No verdict"),
    ],
)
def test_each_verdict_is_told_by_word_and_sign_with_score_and_faces(visit, folder, model, verdict):
    page = visit(model=model)
    drop(page, folder, "clip.mp4")
    assert judged(page) == verdict
    assert SAID[verdict.split()[1]] in text(page)
    for said in (
        "Probability of fake",
        "Through the clip",
        "Faces, the most suspicious first",
        "A sign, not a proof",
    ):
        page.get_by_test_id("stMain").get_by_text(said).first.wait_for()
    sync_api.expect(page.get_by_test_id("stImage")).to_have_count(9)


@pytest.mark.parametrize(
    ("name", "verdict", "said"),
    [
        ("grey.png", "○ INCONCLUSIVE No verdict", "No face of at least"),
        ("broken.mp4", "✕ ERROR Cannot be judged", "This file cannot be judged"),
    ],
)
def test_what_has_no_verdict_says_why_and_shows_no_score(visit, folder, name, verdict, said):
    page = visit()
    drop(page, folder, name)
    assert judged(page) == verdict
    assert said in text(page)
    assert "%" not in text(page)


def test_of_several_people_each_is_judged_and_one_decides(visit, folder):
    page = visit()
    drop(page, folder, "two.mp4")
    shown = text(page)
    card = r"Person \d\s+(?:warning)?\s*FAKE\s+Probability of fake: (?:over )?[\d.]+%"
    assert len(re.findall(card, shown)) == 2
    assert shown.count("Decides the verdict") == 1


@pytest.fixture
def let_go(folder) -> Iterator[Path]:
    """The file that lets held clips go on once it is there."""
    yield folder / "let_go"
    (folder / "let_go").unlink(missing_ok=True)


def test_while_it_works_it_says_what_it_does_and_shows_no_verdict_on_another_file(
    visit, folder, let_go
):
    page = visit()
    drop(page, folder, "broken.mp4")
    page.locator("input[type=file]").set_input_files(
        [folder / "in/held.mp4", folder / "in/held too.mp4"]
    )
    page.get_by_text("Looking for faces: frame 1 of 30").wait_for()
    assert "Judged 0 of 2" in text(page)
    assert page.get_by_role("progressbar").count() == 2
    verdict = verdict_of(page)
    assert verdict.count() == 0
    let_go.touch()
    sync_api.expect(verdict).to_have_text(re.compile("▲ FAKE"))


def test_no_click_begins_what_is_in_hand_anew_and_what_waits_is_judged_after_a_reload(
    visit, folder, let_go
):
    begun = folder / "begun"
    begun.unlink(missing_ok=True)
    page = visit()
    page.locator("input[type=file]").set_input_files(
        [
            folder / "in" / name
            for name in ("still.jpg", "grey.png", "held.mp4", "held too.mp4", "broken.mp4")
        ]
    )
    page.get_by_text("Looking for faces: frame 1 of 30").wait_for()
    page.get_by_text("2 files: ").wait_for()
    page.get_by_test_id("stButtonGroup").get_by_text("INCONCLUSIVE").click()
    sync_api.expect(choice(page)).to_have_value("")  # still.jpg, FAKE, is no longer offered
    choose_by_keyboard(page, "grey")
    page.get_by_text("grey.png: No verdict.").wait_for()
    sync_api.expect(page.get_by_text("Details for experts")).to_have_count(1)
    page.get_by_text("Looking for faces: frame 1 of 30").wait_for()
    assert begun.read_text() == "xx"
    page.reload()
    page.get_by_text("Looking for faces: frame 1 of 30").wait_for()
    page.get_by_text("2 files: ").wait_for()
    let_go.touch()
    page.get_by_text("5 files: ").wait_for()


def test_what_another_tab_had_forgotten_is_gone_at_the_next_click(visit, folder):
    """A click that draws a part of the page alone, too."""
    page = visit()
    drop(page, folder, "still.jpg")
    judged(page)
    page.wait_for_url("**/?visit=*")
    other = visit()
    other.goto(page.url)
    verdict_of(other).wait_for()
    other.get_by_text("Forget what was judged").click()
    verdict_of(other).wait_for(state="detached")
    page.get_by_text("Mark in orange").click()
    page.get_by_text("What was judged was forgotten in another tab.").wait_for()
    verdict_of(page).wait_for(state="detached")
    assert "visit=" not in page.url


def test_who_has_many_files_gives_a_place_to_whoever_comes(visit, folder, let_go):
    begun = folder / "begun"
    begun.unlink(missing_ok=True)
    many, one = visit(), visit()
    many.locator("input[type=file]").set_input_files(
        [folder / "in/held.mp4", folder / "in/held too.mp4"]
    )
    end = time.monotonic() + HANG
    while not begun.exists() or begun.read_text() != "xx":
        assert time.monotonic() < end, "never were both in hand"
        time.sleep(0.05)
    drop(one, folder, "still.jpg")
    assert "Judged 0 of 2" in text(many)
    let_go.touch()
    many.get_by_text("2 files: ").wait_for()


def choice(page: "sync_api.Page") -> "sync_api.Locator":
    return page.get_by_role("combobox", name=re.compile("Shown below"))


def choose_by_keyboard(page: "sync_api.Page", text: str) -> None:
    choice(page).focus()
    page.keyboard.type(text)
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("Enter")


def test_files_are_listed_with_their_verdicts_and_can_be_shown_again(visit, folder):
    page = visit()
    drop(page, folder, "grey.png", "clip.mp4", "broken.mp4")
    sync_api.expect(choice(page)).to_have_value(re.compile("grey.png"))
    assert judged(page).startswith("○ INCONCLUSIVE")
    choose_by_keyboard(page, "clip")
    page.get_by_text("clip.mp4: Signs of face manipulation found.").wait_for()
    assert judged(page).startswith("▲ FAKE")
    third_row = {"x": 200, "y": 3.5 * ROW_PIXELS}
    page.get_by_test_id("stDataFrame").locator(".dvn-scroller").click(position=third_row)
    page.get_by_text("broken.mp4: This file cannot be judged.").wait_for()
    sync_api.expect(choice(page)).to_have_value(re.compile("broken.mp4"))
    page.get_by_role("button", name="Forget what was judged").click()
    page.get_by_text("Drop images or clips above").wait_for()
    assert "grey.png" not in text(page)


def test_models_are_offered_and_one_that_is_withheld_is_named_with_the_reason(visit):
    page = visit()
    assert "weak.onnx: not to be used: it loses too much" in page.inner_text(
        "[data-testid=stSidebar]"
    )
    page.get_by_role("combobox").click()
    offered = page.get_by_role("option").all_inner_texts()
    assert offered == [f"{name}.onnx" for name in ("detector", "band", "demo", "real")]


def test_the_model_and_its_limits_are_one_click_away_on_a_phone(visit):
    page = visit(PHONE)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_text("What it cannot do").wait_for()
    beside = page.inner_text("[data-testid=stSidebar]")
    assert all(limit in beside for limit in LIMITS)


def test_a_demonstration_says_so_judges_its_own_example_and_nothing_else(visit, folder):
    page = visit(model="demo")
    assert DEMONSTRATION in text(page)
    pick(page, folder, "real_video.mp4")
    page.get_by_text("Probability of fake", exact=True).wait_for()
    page.locator("input[type=file]").set_input_files(folder / "in/still.jpg")
    page.get_by_text("still.jpg: No verdict.").wait_for()
    assert DEMONSTRATION in text(page)
    assert page.get_by_text("Probability of fake", exact=True).count() == 0


def test_a_file_beyond_the_size_limit_is_refused_with_the_limit(visit, tmp_path):
    (tmp_path / "large.mp4").write_bytes(bytes(6_000_000))
    page = visit()
    page.locator("input[type=file]").set_input_files(tmp_path / "large.mp4")
    page.get_by_text("large.mp4: This file cannot be judged. Too large: 5.7 MiB").wait_for()
    assert judged(page) == "✕ ERROR Cannot be judged"


def test_while_files_are_sent_it_says_so_and_no_longer(visit, folder):
    page, held = visit(), []
    page.route("**/_stcore/upload_file/**", lambda one: held.append(one))
    names = ("grey.png", "broken.mp4", "still.jpg")
    page.locator("input[type=file]").set_input_files([folder / "in" / one for one in names])
    page.get_by_text("Receiving files: 3. Judging begins when all are here.").wait_for()
    page.get_by_test_id("stFileChipDeleteBtn").first.click()
    page.get_by_text("Receiving files: 2.").wait_for()
    for one in held:
        one.continue_()
    page.unroute("**/_stcore/upload_file/**")
    page.get_by_text("2 files: ").wait_for()
    sync_api.expect(page.get_by_text("Receiving")).to_have_count(0)


def test_a_name_is_shown_as_it_is(visit, folder):
    page = visit()
    drop(page, folder, LONG_NAME)
    assert f"{LONG_NAME}: Signs of face manipulation found." in text(page)


def test_an_error_of_the_page_itself_names_no_folder(visit, folder):
    page = visit()
    page.locator("input[type=file]").set_input_files([folder / "in/fault.jpg"])
    page.get_by_test_id("stException").wait_for()
    assert "models/examples/nowhere.mp4" in (folder / "server.log").read_text()
    for secret in (str(folder), "models/examples", "FileNotFound", "streamlit_app.py"):
        assert secret not in page.content()


def test_an_example_that_is_gone_is_told_without_its_folder(visit, folder):
    page = visit()
    pick(page, folder, "gone.mp4")
    page.get_by_text(": This file cannot be judged. No such file").wait_for()
    assert judged(page) == "✕ ERROR Cannot be judged"
    assert str(folder) not in page.content()


def test_a_point_of_the_timeline_and_the_slider_show_the_face_of_their_moment(visit, folder):
    page = visit()
    drop(page, folder, "clip.mp4")
    faces, slider = page.get_by_test_id("stImage"), page.get_by_role("slider")
    points = page.locator("[data-testid=stVegaLiteChart] path[aria-roledescription=point]")
    for place in (0, 4):
        points.nth(place).click()
        second = float(
            re.search(r"clip: ([\d.]+)", points.nth(place).get_attribute("aria-label")).group(1)
        )
        sync_api.expect(slider).to_have_attribute("aria-valuetext", re.compile(f"^{second:.2f} s"))
        sync_api.expect(faces.nth(1)).to_contain_text(f"{second:.1f} s, ")
    slider.focus()
    page.keyboard.press("Home")
    sync_api.expect(slider).to_have_attribute("aria-valuetext", "0.00 s")
    sync_api.expect(faces.nth(1)).to_contain_text("0.0 s, ")
    sync_api.expect(faces.first.get_by_role("img")).to_have_attribute(
        "alt", re.compile("person 1$")
    )


def test_the_clip_and_its_annotated_copy_play_in_the_browser(visit, folder, tmp_path):
    page = visit()
    drop(page, folder, "clip.mp4")
    length = "video => video.duration"
    video = page.locator("video")
    page.wait_for_function("document.querySelector('video')?.readyState >= 1")
    before, source = video.evaluate(length), video.get_attribute("src")
    page.get_by_text("Play it with boxes drawn in").click()
    sync_api.expect(video).not_to_have_attribute("src", source)
    page.wait_for_function("document.querySelector('video')?.readyState >= 1")
    assert video.evaluate(length) == pytest.approx(before, abs=0.05)
    name = download(page, "Clip with boxes drawn in (MP4)", tmp_path / "drawn.mp4")
    assert name == "clip.annotated.mp4"
    found, given = probe(tmp_path / "drawn.mp4").facts, probe(folder / "in/clip.mp4").facts
    same = ("frames_found", "duration", "frame_rate")
    assert {one: found[one] for one in same} == pytest.approx({one: given[one] for one in same})
    assert list((folder / "temporary").iterdir()) == []


def test_the_reports_can_be_downloaded_and_need_nothing_else(visit, folder, tmp_path):
    page = visit()
    drop(page, folder, "two.mp4")
    assert download(page, "Report for programs (JSON)", tmp_path / "r.json") == "two.report.json"
    report = json.loads((tmp_path / "r.json").read_text())
    jsonschema.validate(report, json.loads((PROJECT / "docs/report.schema.json").read_text()))
    assert (report["verdict"], report["input"]["name"], len(report["people"])) == (
        "FAKE",
        "two.mp4",
        2,
    )
    assert (
        download(page, "Report to print or pass on (HTML)", tmp_path / "r.html")
        == "two.report.html"
    )
    html = (tmp_path / "r.html").read_text()
    assert "▲ FAKE" in html
    assert not re.findall(
        r"""(?:src|href)=["'](?!data:|#)|@import|url\((?!["']?(?:data:|#))""", html
    )
    assert "<script" not in html


def test_the_html_report_is_accessible(visit, folder, tmp_path):
    page = visit()
    drop(page, folder, "two.mp4")
    download(page, "Report to print or pass on (HTML)", tmp_path / "r.html")
    report = page.context.browser.new_page(viewport=PHONE)
    report.set_default_timeout(BROWSER_HANG)
    report.goto((tmp_path / "r.html").as_uri())
    for theme in THEMES:
        report.emulate_media(color_scheme=theme)
        assert violations(report) == []
    report.close()


STATES = {
    "empty": (),
    "a verdict": ("clip.mp4",),
    "several people": ("two.mp4",),
    "an error": ("broken.mp4",),
    "several files": ("two.png", "grey.png", "broken.mp4", LONG_NAME),
}


@pytest.mark.parametrize("names", STATES.values(), ids=STATES)
def test_every_state_is_accessible_and_no_wider_than_the_window(visit, folder, names):
    page = visit()
    if names:
        drop(page, folder, *names)
        page.get_by_text("Details for experts").click()
        page.get_by_text("frames looked at").wait_for()
    for theme, size in itertools.product(THEMES, (SCREEN, PHONE)):
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(
            "light => light == (getComputedStyle(document.querySelector('[data-testid=stApp]'))"
            ".backgroundColor == 'rgb(255, 255, 255)')",
            arg=theme == "light",
        )
        page.set_viewport_size(size)
        # colours on their way from one theme to the other have no contrast that counts
        page.wait_for_function("document.getAnimations().every(one => one.playState != 'running')")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.get_by_test_id("stMain").evaluate(
            "main => main.scrollWidth <= main.clientWidth"
        )


def test_the_keyboard_keeps_its_place_while_a_verdict_is_tested(visit, folder):
    page = visit()
    drop(page, folder, "still.jpg")
    test = page.get_by_role("button", name=re.compile("how stable the verdict is"))
    test.focus()
    page.keyboard.press("Enter")
    page.get_by_text("What changed copies of it came to").wait_for()
    page.get_by_test_id("stStatusWidget").wait_for(state="hidden")
    sync_api.expect(test).to_be_focused()


def test_uploader_and_examples_are_reached_by_tab(visit):
    page = visit()
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.innerText || document.activeElement.ariaLabel || ''"
            )
        )
    found = " | ".join(reached)
    assert "Upload" in found
    assert "Example 1" in found
    assert found.index("Upload") < found.index("Example 1")


def test_eight_visitors_at_once_each_get_the_answer_on_their_own_file(visit, folder, tmp_path):
    detector = Detector.load(folder / "models/detector.onnx")
    clips = {f"visitor {number}.mp4": made.person_clip(number, 1.0) for number in range(8)}
    pages = {name: visit() for name in clips}
    for name, data in clips.items():
        (tmp_path / name).write_bytes(data)
    for name, page in pages.items():
        page.locator("input[type=file]").set_input_files(tmp_path / name, no_wait_after=True)
    for name, page in pages.items():
        page.get_by_text("Details for experts").wait_for()
        expected = detector.predict(clips[name])
        assert f"{name}: {SAID[expected.verdict]}." in text(page)
        download(page, "Report for programs (JSON)", tmp_path / "r.json")
        report = json.loads((tmp_path / "r.json").read_text())
        assert (report["input"]["name"], report["input"]["sha256"]) == (name, expected.sha256)
        if expected.fake_probability is not None:
            assert report["fake_probability"] == pytest.approx(expected.fake_probability, abs=1e-5)


def test_visitors_wait_in_line_and_one_who_leaves_gives_the_place_up(visit, folder, let_go):
    pages = [visit() for _ in range(4)]
    for page in pages:
        page.locator("input[type=file]").set_input_files(folder / "in/held.mp4")
        page.get_by_text(re.compile("Looking for faces|Waiting for your turn")).wait_for()
    pages[2].get_by_text("You are next.").wait_for()
    pages[3].get_by_text("One visitor is before you.").wait_for()
    pages[2].close()
    pages[3].get_by_text("You are next.").wait_for()
    pages[0].close()  # while it is judged
    pages[3].get_by_text("Looking for faces").wait_for()
    let_go.touch()
    pages[3].get_by_text("Details for experts").wait_for()
    assert judged(pages[3]).startswith("▲ FAKE")


def test_nothing_is_left_in_the_temporary_folder(visit, folder, tmp_path):
    padded = (
        (folder / "in/clip.mp4").read_bytes() + b"\0\0\0\0free" + bytes(3_000_000)
    )  # above what the web server keeps in memory
    (tmp_path / "large.mp4").write_bytes(padded)
    page = visit()
    page.locator("input[type=file]").set_input_files(tmp_path / "large.mp4")
    page.get_by_text("Details for experts").wait_for()
    sync_api.expect(page.get_by_test_id("stMain").locator("details").last).to_contain_text("3,0")
    assert list((folder / "temporary").iterdir()) == []


def test_it_serves_this_computer_alone(address):
    port = int(address.rpartition(":")[2])
    with socket.socket() as other:
        other.bind(("127.0.0.2", port))  # fails where the server listens on every address


def test_an_upload_without_the_pages_token_is_refused(address):
    request = urllib.request.Request(f"{address}/_stcore/upload_file/a/b", data=b"x", method="PUT")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=HANG)


def test_the_demos_own_page_gives_its_example_a_verdict(toy_project, browser, tmp_path):
    (tmp_path / "models").symlink_to(toy_project / "models")
    with served(tmp_path) as address:
        page = browser.new_page(viewport=SCREEN)
        page.set_default_timeout(BROWSER_HANG)
        page.goto(address)
        pick(page, tmp_path, "fake_swap_video.mp4")
        page.get_by_text("Probability of fake", exact=True).wait_for()
        page.get_by_test_id("stImage").first.wait_for()
        assert DEMONSTRATION in text(page)
        assert judged(page).split()[1] in SAID
        page.close()
