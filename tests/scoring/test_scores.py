"""From frames to a clip and its probability."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_detector.scoring import scores
from deepfake_detector.storage import tables

# from frames to a clip


@pytest.mark.parametrize(
    ("tracks", "sampled", "too_small", "logit", "track", "why"),
    [
        ({0: [1.0] * 8}, 32, 0, 1.0, 0, ()),
        ({0: [1.0] * 7}, 32, 0, None, None, ("too few faces", "7 of at least 8")),
        ({0: [1.0] * 3}, 6, 0, 1.0, 0, ()),
        ({0: [1.0] * 2}, 6, 0, None, None, ("too few faces", "2 of at least 3")),
        ({0: [1.0] * 2}, 5, 0, None, None, ("too few faces", "2 of at least 3")),
        ({0: [-2.0]}, 1, 0, -2.0, 0, ()),
        ({0: [-1.0] * 8, 1: [3.0] * 8}, 16, 0, 3.0, 1, ()),
        ({0: [-1.0] * 8, 1: [3.0] * 7}, 16, 0, -1.0, 0, ()),
        ({2: [1.0] * 8, 1: [1.0] * 8}, 16, 0, 1.0, 1, ()),
        ({}, 16, 0, None, None, ("no face",)),
        ({}, 16, 2, None, None, ("faces too small",)),
        ({0: [1.0]}, 16, 2, None, None, ("too few faces", "1 of at least 8")),
        ({}, 0, 0, None, None, ("no face",)),
    ],
    ids=[
        "enough",
        "too few",
        "half of few frames",
        "less than half",
        "half rounds up",
        "a picture",
        "highest track",
        "a short track does not count",
        "of equals the first",
        "no face",
        "too small",
        "some too small",
        "unreadable",
    ],
)
def test_a_clip_is_the_highest_track_that_was_seen_often_enough(
    tracks, sampled, too_small, logit, track, why
):
    found = scores.score_clip(tracks, sampled, 8, too_small)
    assert (found.logit, found.track, found.reason, found.details) == (
        *(logit, track),
        *(why or ("",)),
        *("",) * (len(why) < 2),
    )


@pytest.mark.parametrize(
    ("tracks", "people"),
    [({}, 0), ({0: [1.0]}, 0), ({0: [1.0] * 8}, 1), ({0: [1.0] * 8, 1: [1.0], 2: [2.0] * 9}, 2)],
)
def test_people_seen_often_enough_are_counted(tracks, people):
    assert scores.score_clip(tracks, 16, 8).people == people


@pytest.mark.parametrize(
    ("tracks", "seen", "why"),
    [
        (
            {0: [1.0] * 3, 1: [1.0] * 3},
            6,
            ("nobody seen long enough", "a face in 6 frames, one person in 3 of at least 8"),
        ),
        ({0: [1.0] * 7}, 7, ("too few faces", "7 of at least 8")),
        ({0: [1.0] * 3, 1: [1.0] * 3}, 3, ("too few faces", "3 of at least 8")),
    ],
    ids=["one after the other", "one person", "side by side"],
)
def test_where_nobody_is_seen_long_enough_the_frames_with_a_face_are_told(tracks, seen, why):
    assert scores.score_clip(tracks, 32, 8, 0, seen) == scores.ClipScore(None, None, *why)


def test_logits_are_averaged_and_not_probabilities():
    logits = [6.0, -2.0, -2.0]
    clip = scores.probability(scores.score_clip({0: logits}, 3, 3).logit, 1)
    assert np.mean(scores.probability(np.array(logits), 1)) < 0.5 < clip
    assert clip == pytest.approx(1 / (1 + math.exp(-2 / 3)))


def test_a_table_of_faces_is_scored_clip_by_clip():
    def face(item: str, frame: int | None, track: int | None = 0, status: str = "ok") -> dict:
        return {"item": item, "frame": frame, "track": track, "status": status}

    faces = [
        *(face("two people", frame, track) for frame in range(4) for track in (0, 1)),
        *(
            face("half seen", frame, None if frame else 0, "no face" if frame else "ok")
            for frame in range(4)
        ),
        *(face("one after the other", frame, frame // 2) for frame in range(6)),
        face("far away", 0, status="face too small"),
        face("broken", None, None, "no video stream"),
    ]
    logits = [
        row | {"logit": row["frame"] + 10.0 * row["track"]}
        for row in faces
        if row["status"] == "ok"
    ]
    table = scores.score_clips(tables.make(faces, tables.FACES), pd.DataFrame(logits), 3).set_index(
        "item"
    )
    expected = {  # logit, track, reason, people, frames sampled, frames with a face
        "two people": (11.5, 1, "", 2, 4, 4),
        "half seen": (None, None, "too few faces: 1 of at least 2", 0, 4, 1),
        "one after the other": (
            None,
            None,
            "nobody seen long enough: a face in 6 frames, one person in 2 of at least 3",
            *(0, 6, 6),
        ),
        "far away": (None, None, "faces too small", 0, 1, 0),
        "broken": (None, None, "no face", 0, 0, 0),
    }
    assert list(table.columns) == [
        *("logit", "track", "reason", "people", "frames_sampled", "frames_with_face")
    ]
    assert table.replace(np.nan, None).to_dict("index") == {
        item: dict(zip(table.columns, values, strict=True)) for item, values in expected.items()
    }


# from a logit to a probability


@given(st.floats(-15, 15), st.floats(0.2, 5))
def test_logit_is_the_inverse_of_probability(value, temperature):
    judged = scores.probability(value * temperature, temperature)
    assert scores.logit(judged, temperature) == pytest.approx(value * temperature, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_what_is_certain_has_a_finite_logit_and_comes_back(certain, temperature):
    found = scores.logit(certain, temperature)
    assert np.isfinite(found)
    assert scores.probability(found, temperature) == pytest.approx(certain, abs=1e-200)
