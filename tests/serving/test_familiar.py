"""What of a file lies outside all that a model has learned from is said."""

import pytest

from deepfake_detector.contract import Inputs
from deepfake_detector.serving.familiar import unfamiliar

LEARNED = {
    "video": Inputs(codecs=("h264", "hevc"), short_side=(480, 1080), bits_per_pixel=(0.05, 0.5))
}
FILM = {"codec": "h264", "width": 1280, "height": 720, "bytes": 1, "frame_rate": 25.0}
FILM |= {"bitrate": 0.1 * 1280 * 720 * 25}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, []),
        ({"codec": "av1"}, ["av1, where it knows h264, hevc"]),
        ({"codec": None}, []),
        (
            {"width": 320, "height": 240, "bitrate": 0.1 * 320 * 240 * 25},
            ["240 pixels on the shorter side, where it knows 480 to 1,080"],
        ),
        ({"bitrate": 0.02 * 1280 * 720 * 25}, ["0.02 bits per pixel, where it knows 0.05 to 0.5"]),
        ({"bitrate": None}, []),
        ({"bitrate": float("nan")}, []),
        ({"width": None}, []),
    ],
)
def test_each_fact_outside_is_said_and_none_inside_or_unknown(facts, said):
    found = unfamiliar("video", FILM | facts, LEARNED)
    assert [
        one.split(": ")[1].removesuffix(". It may be wrong more often.") for one in found
    ] == said


def test_a_kind_that_it_has_never_seen_is_said():
    assert unfamiliar("image", {"bytes": 1}, LEARNED) == [
        "The model has learned from no images; on them it may be wrong more often."
    ]


@pytest.mark.parametrize("end", [0.05, 0.5])
def test_the_ends_belong_to_what_it_knows(end):
    assert unfamiliar("video", FILM | {"bitrate": end * 1280 * 720 * 25}, LEARNED) == []


def test_a_model_that_tells_nothing_of_its_files_says_nothing():
    assert unfamiliar("video", FILM, {}) == []
