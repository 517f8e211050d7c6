"""A verdict on changed copies: which of them turn it, and that it only ever becomes
INCONCLUSIVE."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import jsonschema
import made
import numpy as np
import pytest

from deepfake_detector.media.reading import Limits
from deepfake_detector.media.variants import VARIANTS
from deepfake_detector.scoring.firmness import NOT_MEASURED, VerdictsByFirmness
from deepfake_detector.serving import report, sentences, stress
from deepfake_detector.serving.inference import Detector, FaceTrack, Report
from deepfake_detector.serving.report_model import as_json
from deepfake_detector.storage.files import file_hash

SHA = "ab" * 32
STILL = made.picture(np.hstack([made.textured(96)[:, :48], np.full((96, 48, 3), 60, np.uint8)]))
OF_A_STILL = [one.name for one in VARIANTS if not one.shifted]


class _Made:
    """A network that computes a made logit of every crop."""

    def __init__(self, logit: Callable[[np.ndarray], float]) -> None:
        self._logit = logit

    def judge(self, crops: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        return np.array([self._logit(one) for one in crops]), np.zeros((len(crops), 2, 2))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    bands = {"band_low": 0.4, "band_high": 0.6, "min_faces": 1, "temperature": 1.0}
    return made.write_model(
        tmp_path_factory.mktemp("model") / "m.onnx", decision=bands, crop={"kind": "given"}
    )


@pytest.fixture
def tested(path) -> Callable[..., Report]:
    """The report on a ready crop by a made network, tested on its copies."""

    def judge(logit: Callable[[np.ndarray], float], data: bytes = STILL, **options) -> Report:
        detector = Detector.load(path)
        detector._model = _Made(logit)
        return detector.predict(data, kind="face", stressed=True, **options)

    return judge


def brighter_left(crop: np.ndarray) -> float:
    """Positive where the left half is the brighter one."""
    middle = crop.shape[1] // 2
    return float(crop[:, :middle].mean() - crop[:, middle:].mean())


def detail(crop: np.ndarray) -> float:
    return float(np.abs(np.diff(crop.astype(float), axis=1)).mean())


def as_much_detail() -> Callable[[np.ndarray], float]:
    """Positive where a crop has exactly as much detail as the first one asked about."""
    exact: list[float] = []

    def logit(crop: np.ndarray) -> float:
        exact[:] = exact or [detail(crop)]
        return 5.0 if detail(crop) == exact[0] else -5.0

    return logit


def in_words(found: Report) -> str:
    return sentences.firmness_in_words(found, NOT_MEASURED)


def test_a_verdict_that_all_copies_share_is_firm(tested):
    found = tested(lambda _: 3.0)
    assert (found.verdict, found.reason) == ("FAKE", "")
    assert [one.variant for one in found.firmness.outcomes] == OF_A_STILL
    assert {one.verdict for one in found.firmness.outcomes} == {"FAKE"}
    assert found.firmness.turned_by is None
    assert in_words(found) == "Firm: FAKE on all 6 changed copies, too."


def test_a_copy_that_turns_the_verdict_is_found_and_a_harsher_one_leaves_it(tested):
    found = tested(brighter_left)
    turned = [one.variant for one in found.firmness.outcomes if one.verdict != "FAKE"]
    assert (found.verdict, turned, found.firmness.turned_by.variant) == (
        "FAKE",
        ["mirrored"],
        "mirrored",
    )
    assert in_words(found) == (
        "FAKE on the mildest copy, too, but REAL on the one compressed again and mirrored."
    )


def test_a_verdict_that_the_mildest_copy_turns_is_not_firm(tested):
    found = tested(as_much_detail())
    assert (found.verdict, found.reason) == ("INCONCLUSIVE", "not firm")
    assert found.details == "FAKE, but REAL on the copy compressed again at high quality"
    assert in_words(found) == (
        "Not firm: FAKE, but REAL on the mildest copy, compressed again at high quality."
    )
    assert {(one.verdict, one.reason) for one in found.faces} == {("INCONCLUSIVE", "not firm")}
    assert all(one.scored for one in found.faces)  # seen well enough, as before
    assert found.fake_probability > 0.9
    assert found.firmness.turned_by.variant == "re-encoded"


def test_who_had_no_verdict_keeps_the_reason_for_it(tested):
    judged = tested(as_much_detail())
    seldom = FaceTrack(1, "INCONCLUSIVE", "too few faces", 0.5, (), "2 of at least 3")
    people = (replace(judged.faces[0], verdict="FAKE", reason=""), seldom)
    before = replace(judged, verdict="FAKE", reason="", faces=people)
    real = replace(before, verdict="REAL")
    found = stress.tested(before, STILL, lambda *_: real, Limits())
    assert [one.reason for one in found.faces] == ["not firm", "too few faces"]
    assert found.faces[1] == seldom


@pytest.mark.parametrize(
    ("logit", "fallen", "told"),
    [
        (
            lambda _: 3.0,
            20,
            "40 stayed the same on the mildest copy, as this one did; 2 of them were wrong.",
        ),
        (
            brighter_left,
            20,
            "40 stayed the same on the mildest copy, as this one did; 2 of them were wrong.",
        ),
        (
            as_much_detail(),
            20,
            "20 changed on the mildest copy, as this one did; 9 of them were wrong.",
        ),
        (as_much_detail(), 19, "only 19 changed on the mildest copy: too few to say"),
    ],
    ids=["firm", "another copy turns it", "not firm", "few"],
)
def test_it_is_told_how_often_such_verdicts_of_validation_were_wrong(tested, logit, fallen, told):
    known = VerdictsByFirmness(firm=40, firm_wrong=2, not_firm=fallen, not_firm_wrong=9)
    assert told in sentences.firmness_in_words(tested(logit), known)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("logit", [brighter_left, lambda crop: detail(crop) - 20])
def test_a_test_never_turns_real_into_fake_or_back(path, tested, sign, logit):
    detector = Detector.load(path)
    detector._model = _Made(lambda crop: sign * logit(crop))
    before = detector.predict(STILL, kind="face")
    after = tested(lambda crop: sign * logit(crop))
    assert after.verdict in (before.verdict, "INCONCLUSIVE")
    assert before.firmness is None
    assert after.fake_probability == before.fake_probability


@pytest.mark.parametrize("data", [STILL, b"no media"], ids=["in the band", "unreadable"])
def test_what_has_no_verdict_is_not_tested(tested, data):
    found = tested(lambda _: 0.0, data)
    assert found.verdict in ("INCONCLUSIVE", "ERROR")
    assert found.firmness is None
    assert in_words(found) == "Firmness not tested: there is no verdict."


def test_a_clip_is_tested_frame_by_frame_and_its_progress_told(tested):
    told: list[tuple[int, int]] = []
    found = tested(
        lambda _: 3.0,
        made.clip(6, width=96, height=96),
        watch=lambda done, most: told.append((done, most)),
    )
    assert [one.variant for one in found.firmness.outcomes] == [one.name for one in VARIANTS]
    assert told == [(done, 48) for done in range(1, 49)]


def test_copies_that_there_is_no_time_for_are_told_and_leave_the_verdict():
    clip = made.clip(6, width=96, height=96)
    untested = Report("a.mp4", SHA, "video", "FAKE", fake_probability=0.9)
    found = stress.tested(untested, clip, lambda *_: untested, Limits(work=0))
    assert found.verdict == "FAKE"
    assert {one.verdict for one in found.firmness.outcomes} == {"ERROR"}
    assert "no copy could be judged (took longer than 0 seconds)" in in_words(found)


def test_all_copies_share_the_time_of_one_file(monkeypatch):
    """Each copy has what those before it left."""
    seconds = iter(range(0, 1000, 10))
    monkeypatch.setattr(stress, "time", Mock(monotonic=lambda: float(next(seconds))))
    monkeypatch.setattr(stress, "copy", lambda *_: b"a copy")
    untested, left = Report("a.mp4", SHA, "video", "FAKE", fake_probability=0.9), []

    def judged(_copy, _part, limits) -> Report:
        left.append(limits.work)
        return untested

    stress.tested(untested, b"a clip", judged, Limits(work=45))
    assert left == [35, 25, 15, 5, 0, 0, 0]


def test_the_demos_own_file_is_tested_though_its_copies_are_other_files(tmp_path):
    (tmp_path / "own.png").write_bytes(STILL)
    learned = {"demonstration": True, "demo_files": (file_hash(tmp_path / "own.png"),)}
    model = made.write_model(tmp_path / "m.onnx", trained_on=learned, crop={"kind": "given"})
    found = Detector.load(model).predict(tmp_path / "own.png", kind="face", stressed=True)
    assert found.verdict == "FAKE"
    assert {one.verdict for one in found.firmness.outcomes} == {"FAKE"}


def test_all_forms_of_the_report_have_what_the_copies_came_to(tested):
    found, terms = tested(brighter_left), made.contract_terms()
    plain = as_json(found, terms, SHA)
    told = "40 stayed the same on the mildest copy, as this one did; 2 of them were wrong."
    assert plain["firmness"].startswith(in_words(found))
    assert plain["firmness"].endswith(told)
    test = plain["stress"]
    assert (test["verdict"], test["turned_by"]) == ("FAKE", "mirrored")
    assert [one["variant"] for one in test["copies"]] == OF_A_STILL
    jsonschema.validate(plain, json.loads(Path("docs/report.schema.json").read_text()))
    page = report.as_html(found, terms, SHA).decode()
    assert told in page
    for one in found.firmness.outcomes:
        assert one.words in page
    untested = replace(found, firmness=None)
    assert as_json(untested, terms, SHA)["stress"] is None
    assert as_json(untested, terms, SHA)["firmness"] == "Firmness not tested."
    assert "Firmness not tested." in report.as_html(untested, terms, SHA).decode()


def test_where_the_verdict_is_not_firm_nobodys_is():
    people = (FaceTrack(0, "REAL", "", 0.1, ()), FaceTrack(1, "FAKE", "", 0.9, ()))
    before = Report("a.png", SHA, "image", "REAL", fake_probability=0.1, faces=people)
    other = replace(before, verdict="INCONCLUSIVE")
    found = stress.tested(before, STILL, lambda *_: other, Limits())
    assert {(one.verdict, one.reason) for one in found.faces} == {("INCONCLUSIVE", "not firm")}
