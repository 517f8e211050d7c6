"""A cut begins a shot; a flash, the camera's motion and a fade's own frames do not join two scenes
or tear one apart."""

import cv2
import numpy as np
import pytest
from made import person_clip

from deepfake_detector.faces.shots import Scene, shots
from deepfake_detector.media.frame_sampling import sample_frames


@pytest.fixture(scope="module")
def scenes() -> list[list[np.ndarray]]:
    """Four frames of each of five drawn films, all of one size."""
    return [
        [cv2.resize(one.image, (320, 240)) for one in sample_frames(person_clip(person), 4)]
        for person in range(0, 10, 2)
    ]


def numbers_of(*frames: np.ndarray) -> list[int]:
    return shots([Scene(frame) for frame in frames])


@pytest.mark.slow
def test_every_cut_begins_a_shot_and_a_film_that_cuts_back_goes_on(scenes):
    shown = [frame for film in scenes for frame in film]
    assert (
        numbers_of(*shown, *scenes[1]) == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [1] * 4
    )


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "more"), [(1.5, 40), (1, 80), (0.5, 0), (2, 30)])
def test_a_flash_is_no_cut(scenes, gain, more):
    first, second, third, fourth = scenes[0]
    flash = np.clip(second * float(gain) + more, 0, 255).astype(np.uint8)
    assert numbers_of(first, flash, third, fourth) == [0] * 4


def test_after_a_white_frame_the_shot_goes_on(scenes):
    first, second, third, fourth = scenes[0]
    assert numbers_of(first, second, np.full_like(third, 255), fourth) == [0, 0, 1, 0]


@pytest.mark.parametrize("step", [0.02, 0.05])
def test_the_cameras_motion_is_no_cut(scenes, step):
    """It turns by shares of the picture's width from frame to frame."""
    for film in scenes:
        wide = cv2.resize(film[0], None, fx=2, fy=2)
        windows = [
            wide[round(place * 120 * step) :, round(place * 320 * step) :][:240, :320]
            for place in range(6)
        ]
        assert numbers_of(*windows) == [0] * 6


@pytest.mark.parametrize("between", [1, 2, 3])
@pytest.mark.parametrize("through_black", [False, True])
def test_a_fade_ends_the_shot(scenes, between, through_black):
    before, after = scenes[0], scenes[2]
    shares = [(step + 1) / (between + 1) for step in range(between)]
    weights = [
        (max(0, 1 - 2 * share), max(0, 2 * share - 1)) if through_black else (1 - share, share)
        for share in shares
    ]
    fading = [cv2.addWeighted(before[-1], out, after[0], come, 0) for out, come in weights]
    numbers = numbers_of(*before, *fading, *after)
    assert set(numbers[:4]) == {0}
    assert 0 not in numbers[-4:]
    assert len(set(numbers[-4:])) == 1


def test_pictures_without_contrast_are_told_apart_by_colour():
    red, blue = (np.full((60, 80, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 0, 200)))
    assert numbers_of(red, red, blue, red) == [0, 0, 1, 0]
