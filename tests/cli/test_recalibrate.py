"""`recalibrate`: a new sealed model file judges one's own real clips by a new threshold."""

import shutil
import sys
from pathlib import Path

import made
import numpy as np
import pytest
from conftest import run

from deepfake_detector import UserError
from deepfake_detector.cli import recalibration
from deepfake_detector.scoring import recalibration as rule
from deepfake_detector.scoring.firmness import NOT_MEASURED
from deepfake_detector.scoring.scores import probability
from deepfake_detector.serving.inference import Detector

pytestmark = pytest.mark.slow  # judges clips


@pytest.fixture
def clips(tmp_path) -> list[Path]:
    """Twenty stills of a person each, and two files that have no score."""
    (tmp_path / "clips").mkdir()
    for number in range(20):
        (tmp_path / f"clips/{number:02d}.png").write_bytes(made.person_still(number))
    (tmp_path / "clips/grey.png").write_bytes(made.picture(np.full((80, 80, 3), 90, np.uint8)))
    (tmp_path / "clips/torn.mp4").write_bytes(b"nothing")
    return sorted((tmp_path / "clips").iterdir())


def test_the_new_model_calls_no_more_of_the_clips_fake_than_asked(clips, tmp_path):
    model = made.write_model(
        tmp_path / "m.onnx",
        decision=made.SURE | {"min_faces": 1},
        trained_on={"demonstration": False},
    )
    target = tmp_path / "new.onnx"
    told = recalibration.recalibrate(model, clips, 0.1, target)
    new = Detector.load(target)
    found = [new.predict(clip) for clip in clips]
    assert sum(one.verdict == "FAKE" for one in found) <= 2
    assert all(Detector.load(model).predict(clip).verdict == "FAKE" for clip in clips[:3])
    assert "of 20 real clips" in told
    assert "(before: 20)" in told
    assert "left out: 1 x no face; left out: 1 x cannot be read" in told
    assert new.contract.decision.recalibrated.startswith("at most 10% of 20 of the user")
    assert new.contract.firmness == NOT_MEASURED  # of other verdicts
    logits = recalibration.scored(new, clips).logits
    assert rule.false_alarms(new.contract.decision, logits)[0] <= 2
    assert probability(logits, new.contract.decision.temperature) == pytest.approx(
        [one.fake_probability for one in found if one.fake_probability is not None]
    )


def test_a_file_counts_once_however_often_it_lies_there(clips, tmp_path):
    (tmp_path / "again.png").write_bytes(clips[0].read_bytes())
    model = made.write_model(tmp_path / "m.onnx", trained_on={"demonstration": False})
    found = recalibration.scored(Detector.load(model), [*clips[:2], tmp_path / "again.png"])
    assert (len(found.logits), dict(found.left_out)) == (2, {"the same file again": 1})


def test_a_model_that_gives_no_verdicts_is_refused(clips, tmp_path):
    model = made.write_model(tmp_path / "m.onnx", trained_on={"demonstration": True})
    with pytest.raises(UserError, match="Demonstration model"):
        recalibration.recalibrate(model, clips, 0.1, tmp_path / "new.onnx")
    assert not (tmp_path / "new.onnx").exists()


def test_a_model_that_raises_no_more_alarms_than_asked_stays_as_it_is(clips, tmp_path):
    model = made.write_model(
        tmp_path / "m.onnx",
        decision={"band_low": 0.0, "band_high": 1.0, "min_faces": 1},
        trained_on={"demonstration": False},
    )
    with pytest.raises(UserError, match="calls 0 of these 20 real clips fake, .* nothing to fix"):
        recalibration.recalibrate(model, clips, 0.1, tmp_path / "new.onnx")
    assert not (tmp_path / "new.onnx").exists()


def test_where_too_few_clips_have_a_score_it_is_told_why_of_the_others(clips, tmp_path):
    model = made.write_model(tmp_path / "m.onnx", trained_on={"demonstration": False})
    with pytest.raises(
        UserError,
        match="20 real clips with a score, 100 are needed .* of 0.01; left out: 1 x no face; left "
        "out: 1 x cannot be read; add real clips",
    ):
        recalibration.recalibrate(model, clips, 0.01, tmp_path / "new.onnx")


def test_clips_are_named_by_a_folder(tmp_path):
    done = run(
        Path.cwd(),
        *(sys.executable, "-m", "deepfake_detector", "recalibrate", str(tmp_path / "gone")),
        *("--output", str(tmp_path / "new.onnx")),
    )
    assert done.returncode == 1
    assert f"error: {tmp_path / 'gone'}: no such folder; name a folder of real" in done.stderr


def test_a_broken_model_stays_what_it_is(clips, tmp_path):
    shutil.copy(clips[0], tmp_path / "m.onnx")
    with pytest.raises(UserError, match="m.onnx"):
        recalibration.recalibrate(tmp_path / "m.onnx", clips, 0.1, tmp_path / "new.onnx")


def test_a_target_that_cannot_be_written_is_refused_before_anything_is_judged(tmp_path):
    done = run(
        Path.cwd(),
        *(sys.executable, "-m", "deepfake_detector", "recalibrate", str(tmp_path)),
        *("--model", "/proc/m.onnx"),
    )
    assert done.returncode == 2
    assert "'/proc/m.recalibrated.onnx' cannot be written" in done.stderr
    assert "--output names another file" in done.stderr
