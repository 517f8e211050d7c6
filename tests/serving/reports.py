"""Reports, and the terms of the model that they are of."""

import numpy as np
from made import contract_terms

from deepfake_detector.serving.inference import FaceFrame, FaceTrack, Report

SHA = "ab" * 32


def frame(second: float, fake_probability: float) -> FaceFrame:
    crop = np.full((32, 32, 3), round(255 * fake_probability), np.uint8)
    return FaceFrame(
        round(second * 10), second, (1.0, 2.0, 30.0, 40.04), fake_probability, crop, np.eye(2) * 3.0
    )


def track(number: int, verdict: str, *scores: float) -> FaceTrack:
    frames = tuple(frame(place / 10, score) for place, score in enumerate(scores))
    return FaceTrack(number, verdict, "", float(np.mean(scores)), frames)


JUDGED = Report(
    "folder/<b>clip</b>.mp4",
    SHA,
    "video",
    "FAKE",
    fake_probability=0.8,
    decided_by=1,
    frames_sampled=4,
    frames_with_face=3,
    faces=(track(0, "REAL", 0.1, 0.2, 0.1), track(1, "FAKE", 0.7, 0.8, 0.9)),
    facts={
        "bytes": 12345,
        "codec": "h264",
        "duration": 2.00049,
        "width": 64,
        "height": 48,
        "frame_rate": None,
    },
    seconds=0.5,
)
UNREADABLE = Report("x", None, None, "ERROR", reason="cannot be read", error="empty file")
FACELESS = Report("x", SHA, "image", "INCONCLUSIVE", reason="no face", frames_sampled=1)
TERMS = contract_terms(
    decision={
        "threshold": 0.5,
        "band_low": 0.4,
        "band_high": 0.6,
        "several": (),
        "recalibrated": "",
        "validation": {
            "real_clips": 40,
            "fake_clips": 20,
            "inconclusive": 0,
            "wrong_outside_band": 1,
            "real_scores": (0.1,) * 10 + (0.2,) * 10 + (0.3,) * 10 + (0.85,) * 10,
            "fake_scores": (0.7,) * 10 + (0.9,) * 10,
        },
    }
)
