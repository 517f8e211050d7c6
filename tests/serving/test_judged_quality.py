"""A face beyond what the model was checked on gets no verdict, and every report says by which
measure and which limit."""

import cv2
import made
import numpy as np
import pytest

from deepfake_detector.common.verdicts import Reason
from deepfake_detector.faces.degradation import measures
from deepfake_detector.serving import report
from deepfake_detector.serving.inference import Detector
from deepfake_detector.serving.report_model import as_json

UNLIMITED = {"flatness": {"least": None, "most": None}}
TRAINED = {"data_sets": {}, "inputs": {}, "split": "none", "demonstration": False}


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A detector with these limits of the sharpness ratio, which calls everybody FAKE."""
    folder = tmp_path_factory.mktemp("models")

    def load(least: float | None, most: float | None, **terms: object) -> Detector:
        quality = {"sharpness_ratio": {"least": least, "most": most}} | UNLIMITED
        terms = {"trained_on": TRAINED} | terms
        return Detector.load(made.write_model(folder / "model.onnx", quality=quality, **terms))

    return load


@pytest.fixture(scope="module")
def ratio(judge) -> float:
    """The drawn person's, as it is told."""
    (person,) = judge(None, None).predict(made.person_still()).faces
    return person.quality["sharpness_ratio"]


def test_what_is_measured_is_the_crop_that_is_judged(judge):
    (person,) = judge(None, None).predict(made.person_clip()).faces
    found = [measures(one.crop)["sharpness_ratio"] for one in person.frames]
    assert person.quality["sharpness_ratio"] == round(float(np.median(found)), 4)


@pytest.mark.parametrize(
    ("least", "most", "verdict"),
    [
        (None, None, "FAKE"),
        (0.0, 0.0, "FAKE"),  # added to the person's own
        (0.0001, None, "INCONCLUSIVE"),
        (None, -0.0001, "INCONCLUSIVE"),
    ],
)
def test_a_limit_holds_the_face_at_it_and_keeps_out_the_next(judge, ratio, least, most, verdict):
    ends = [None if one is None else round(ratio + one, 4) for one in (least, most)]
    found = judge(*ends).predict(made.person_still())
    assert found.verdict == found.faces[0].verdict == verdict
    assert (found.reason == Reason.BAD_QUALITY) == (verdict == "INCONCLUSIVE")
    assert (found.fake_probability is None) == (verdict == "INCONCLUSIVE")


def test_every_report_tells_the_measure_and_the_limit(judge, ratio):
    least = round(ratio + 0.1, 4)
    detector = judge(least, None)
    found = detector.predict(made.person_still())
    told = f"sharpness ratio {ratio:g}, checked from {least:g}"
    made_json = as_json(found, detector.contract, detector.sha256)
    assert (
        made_json["reason"] == made_json["people"][0]["reason"] == f"{Reason.BAD_QUALITY}: {told}"
    )
    assert told in made_json["in_words"]
    own = {"value": ratio, "least": least, "most": None}
    assert made_json["people"][0]["quality"][0] == {"measure": "sharpness_ratio"} | own
    page = report.as_html(found, detector.contract, detector.sha256).decode()
    assert told in page
    assert f"sharpness ratio from {least:g}; flatness of any value" in page


def test_a_blurred_face_falls_below_the_limit_that_the_sharp_one_keeps(judge, ratio):
    detector = judge(round(ratio - 0.02, 4), None)
    image = cv2.imdecode(np.frombuffer(made.person_still(), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert detector.predict(made.picture(image)).verdict == "FAKE"
    blurred = detector.predict(made.picture(cv2.GaussianBlur(image, (0, 0), 3)))
    assert (blurred.verdict, blurred.reason) == ("INCONCLUSIVE", Reason.BAD_QUALITY)


@pytest.mark.parametrize("other", ["FAKE", "REAL"])
def test_who_scores_highest_unseen_leaves_it_to_others_who_are_fake(judge, other):
    image = cv2.imdecode(np.frombuffer(made.person_still(), np.uint8), cv2.IMREAD_COLOR_RGB)
    both = made.picture(np.hstack([image, cv2.GaussianBlur(image, (0, 0), 3)]))
    second, first = sorted(
        judge(None, None).predict(both).faces, key=lambda one: one.fake_probability
    )
    ratios = [one.quality["sharpness_ratio"] for one in (first, second)]
    between = round(sum(ratios) / 2, 4)
    ends = (between, None) if ratios[0] < ratios[1] else (None, between)
    threshold = second.fake_probability - 1e-6
    if other == "REAL":
        threshold = (first.fake_probability + second.fake_probability) / 2
    at = {"threshold": threshold, "band_low": threshold, "band_high": threshold, "several": []}
    terms = {"decision": made.SURE | {"min_faces": 1} | at}
    assert judge(*reversed(ends), **terms).predict(both).verdict == "FAKE"
    found = judge(*ends, **terms).predict(both)
    people = {one.track: one.verdict for one in found.faces}
    assert people == {first.track: "INCONCLUSIVE", second.track: other}
    assert found.people == 2
    if other == "FAKE":
        assert (found.verdict, found.reason, found.decided_by) == ("FAKE", "", second.track)
        assert found.fake_probability == second.fake_probability
    else:
        assert (found.verdict, found.reason) == ("INCONCLUSIVE", Reason.BAD_QUALITY)


def test_a_clip_with_somebody_who_was_seen_too_badly_is_not_real(judge):
    image = cv2.imdecode(np.frombuffer(made.person_still(), np.uint8), cv2.IMREAD_COLOR_RGB)
    both = made.picture(np.hstack([image, cv2.GaussianBlur(image, (0, 0), 3)]))
    people = judge(None, None).predict(both).faces
    second, first = sorted(people, key=lambda one: one.fake_probability)
    ratios = [one.quality["sharpness_ratio"] for one in (first, second)]
    between = round(sum(ratios) / 2, 4)
    ends = (between, None) if ratios[0] > ratios[1] else (None, between)
    at = {"threshold": 1.0, "band_low": 1.0, "band_high": 1.0, "several": []}
    terms = {"decision": made.SURE | {"min_faces": 1} | at}
    assert judge(None, None, **terms).predict(both).verdict == "REAL"
    found = judge(*ends, **terms).predict(both)
    assert (found.verdict, found.reason) == ("INCONCLUSIVE", Reason.NOT_ALL)
    assert found.details.startswith(f"person {second.person}: {Reason.BAD_QUALITY}: sharpness")
    assert (found.fake_probability, found.decided_by) == (first.fake_probability, first.track)


def test_why_a_model_judges_nothing_comes_first(judge):
    drawn = TRAINED | {"demonstration": True}
    found = judge(1.0, None, trained_on=drawn).predict(made.person_still())
    assert found.reason == found.faces[0].reason == Reason.NOT_JUDGED
