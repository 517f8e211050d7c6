"""Faces are found whatever their skin tone, and cut out to the pixel."""

import os
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import get_args
from unittest.mock import Mock

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import COLOURS
from hypothesis import given, settings
from hypothesis import strategies as st
from made import BOXES, person_clip, square

from deepfake_detector import UserError
from deepfake_detector.datasets.synthesis.people import SKIN_TONES
from deepfake_detector.faces import yunet as yunet_file
from deepfake_detector.faces.cutting import (
    cut,
    given_crop,
    given_items,
    points_in_crop,
    points_in_frame,
    quality,
    read_points,
    resize,
)
from deepfake_detector.faces.detection import DETECTORS, FaceDetector, detector_file, load_detector
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.haar import Haar
from deepfake_detector.faces.settings import DETECTOR_ASSETS, YUNET, FaceDetectorName
from deepfake_detector.faces.yunet import OVERLAP, STRIDES, YuNet
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.storage.assets import Asset
from deepfake_detector.storage.files import file_hash

PICTURE = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
SETTINGS = {"haar": (240, 64, 0.0), "yunet": (320, 64, 0.6)}  # detect_size, min_face, min_score


@pytest.fixture(params=SETTINGS)
def detector(request):
    if request.param == "yunet":
        request.getfixturevalue("yunet")
    return load_detector(request.param, *SETTINGS[request.param], YUNET.sha256)


@pytest.fixture(scope="module")
def people() -> list[tuple[int, list[np.ndarray]]]:
    """Tone and frames of twelve drawn people: they come in pairs of one skin tone, from the
    lightest to the darkest."""
    return [
        (person // 2, [frame.image for frame in sample_frames(person_clip(person), 99)])
        for person in range(12)
    ]


def shows_the_person(face: Face, image: np.ndarray) -> bool:
    """The head fills a third to a half of the picture's shorter side, about in its middle."""
    height, width = image.shape[:2]
    across, down = (face.x + face.width / 2) / width, (face.y + face.height / 2) / height
    return (
        0.35 < across < 0.65 and 0.3 < down < 0.65 and 0.25 < face.side / min(height, width) < 0.6
    )


@pytest.mark.slow
def test_the_drawn_person_is_found_at_every_skin_tone(people, detector):
    assert {tone for tone, _ in people} == set(range(len(SKIN_TONES)))
    for tone, group in groupby(people, key=lambda entry: entry[0]):
        frames = [image for _, images in group for image in images]
        found = sum(
            any(shows_the_person(face, image) for face in detector.detect(image))
            for image in frames
        )
        assert found >= 0.95 * len(frames), f"tone {tone}: {found} of {len(frames)} frames"


@pytest.mark.slow
def test_boxes_are_in_pixels_of_the_picture_whatever_its_size(people, detector):
    image = people[0][1][0]
    larger = cv2.resize(image, None, fx=2, fy=2)
    (small,), (large,) = detector.detect(image), detector.detect(larger)
    assert [large.x, large.y, large.side] == pytest.approx(
        [2 * small.x, 2 * small.y, 2 * small.side], abs=0.15 * large.side
    )


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.5, 1, 2])
def test_yunets_points_lie_on_the_face_whatever_the_size_of_the_picture(people, yunet, scale):
    image = cv2.resize(people[0][1][0], None, fx=scale, fy=scale)
    (face,) = load_detector("yunet", *SETTINGS["yunet"], YUNET.sha256).detect(image)
    points = np.reshape(face.points, (5, 2))
    within = (points - [face.x, face.y]) / [face.width, face.height]
    eyes, nose, mouth = within[:2], within[2], within[3:]
    assert (within > 0).all()
    assert (within < 1).all()
    assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min()
    assert eyes[0, 0] < nose[0] < eyes[1, 0]


def test_yunet_sees_blue_green_red_and_what_it_finds_is_scaled_back(monkeypatch):
    """Without its file: what stands in for the network finds one face, at stride 16."""
    outputs = {
        f"{kind}_{stride}": np.zeros((1, 96 * 160 // stride**2, values), np.float32)
        for stride in STRIDES
        for kind, values in {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}.items()
    }
    row, column = 2, 3
    place = row * 10 + column
    outputs["cls_16"][0, place], outputs["obj_16"][0, place] = 0.9, 0.4
    outputs["bbox_16"][0, place] = [0.5, -0.25, np.log(2), np.log(2.5)]
    outputs["kps_16"][0, place] = [0, -1, 1, -1, 0.5, 0, 0.123456, 0.5, 1, 0.5]
    session = Mock(
        run=lambda names, given, _: shown.append(given) or [outputs[name] for name in names]
    )
    monkeypatch.setattr(yunet_file, "_for_any_size", lambda path: session)
    shown: list[dict] = []
    picture = np.full((328, 640, 3), COLOURS[0], np.uint8)
    (face,) = FaceDetector(YuNet(Path(__file__), 0.59), 160, 88).detect(picture)
    ((images,),) = (given.values() for given in shown)
    assert images.shape == (1, 3, 96, 160)  # 82 rows, filled up below
    assert [np.unique(plane) for plane in images[0, :, :82]] == [[20], [10], [250]]
    assert (images[:, :, 82:] == 0).all()
    assert face == Face(
        *(4.0 * value for value in (40, 8, 32, 40)),
        score=0.6,
        points=tuple(4 * value for value in (48, 16, 64, 16, 56, 32, 49.98, 40, 64, 40)),
    )
    assert FaceDetector(YuNet(Path(__file__), 0.61), 160, 88).detect(picture) == []


@pytest.mark.parametrize(("height", "width"), [(240, 320), (97, 130), (64, 64), (333, 207)])
def test_yunet_finds_what_opencvs_own_reading_of_it_finds(people, yunet, height, width):
    file = detector_file("yunet", YUNET.sha256)
    theirs = cv2.FaceDetectorYN.create(str(file), "", (width, height), 0.3, OVERLAP)
    found = 0
    for _, (image, *_) in people:
        picture = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        _, rows = theirs.detect(picture[..., ::-1].copy())
        rows = np.zeros((0, 15)) if rows is None else rows
        faces = YuNet(file, 0.3).find(picture)
        assert len(faces) == len(rows)
        for face, row in zip(faces, rows, strict=True):
            values = [face.x, face.y, face.width, face.height, *face.points, face.score]
            np.testing.assert_allclose(values, row, atol=0.01)
        found += len(rows)
    assert found >= len(people) // 2


def test_a_face_in_the_dark_is_found_by_its_equalised_picture(people):
    haar = load_detector("haar", *SETTINGS["haar"], "")
    for _, (image, *_) in people:
        (face,) = haar.detect(image // 5)
        assert shows_the_person(face, image)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux to tell memory")
def test_a_huge_picture_leaves_its_memory_behind_in_no_detector(detector):
    def held() -> float:
        """MB of this process."""
        return (
            int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        )

    detector.detect(np.full((300, 300, 3), 128, np.uint8))
    before = held()
    detector.detect(np.full((6000, 6000, 3), 128, np.uint8))  # looked at in 2,000 or 2,500 a side
    assert held() - before < 100


def test_the_largest_face_comes_first(people, detector):
    image = people[0][1][0]
    both = np.zeros((image.shape[0], image.shape[1] * 3 // 2, 3), np.uint8)
    both[:, : image.shape[1]] = image
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    both[: half.shape[0], image.shape[1] : image.shape[1] + half.shape[1]] = half
    for picture in (both, np.ascontiguousarray(both[:, ::-1])):
        large, small = detector.detect(picture)
        assert 1.5 < large.side / small.side < 2.7


@pytest.mark.parametrize(
    "image",
    [np.full((90, 120, 3), 127, np.uint8), PICTURE, PICTURE[:1, :1]],
    ids=["flat", "noise", "one pixel"],
)
def test_a_picture_without_a_face_gives_none(detector, image):
    assert detector.detect(image) == []


@pytest.mark.parametrize("side", [4, 16, 32])
def test_a_strip_too_narrow_for_a_face_gives_none(detector, side):
    """What it is filled up with is set, so that nothing differs from call to call."""
    strip = np.resize(PICTURE, (side, 320, 3))
    for _ in range(8):
        assert [detector.detect(strip), detector.detect(strip.transpose(1, 0, 2))] == [[], []]


def test_a_score_above_all_scores_finds_nobody(people, yunet):
    image = people[0][1][0]
    for name, least in (("haar", 1000.0), ("yunet", 0.9999)):
        assert load_detector(name, 320, 64, least, YUNET.sha256).detect(image) == []


def test_the_settings_name_every_detector():
    assert get_args(FaceDetectorName) == tuple(DETECTORS)


def test_every_detector_file_that_no_package_brings_can_be_fetched():
    files = [kind.file for kind in DETECTORS.values()]
    assert {file for file in files if isinstance(file, Asset)} == set(DETECTOR_ASSETS)


def test_an_unknown_detector_is_refused_with_the_remedy():
    known = ", ".join(DETECTORS)
    with pytest.raises(UserError, match=rf"detector 'new' \(known are {known}\).*newer version"):
        load_detector("new", 320, 64, 0.6, "")


def test_a_missing_cascade_is_refused_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(Haar, "file", tmp_path / "cascade.xml")
    with pytest.raises(UserError, match=r"cascade\.xml: not there; install .*requirements\.txt"):
        load_detector("haar", 240, 64, 0.0, "")


def test_a_detector_tells_the_hash_of_its_file(yunet):
    assert load_detector("haar", 240, 64, 0.0, "").sha256 == file_hash(Haar.file)
    assert load_detector("yunet", 320, 64, 0.6, YUNET.sha256).sha256 == YUNET.sha256


def test_a_yunet_file_other_than_the_named_one_is_refused(yunet):
    with pytest.raises(
        UserError,
        match=f"{YUNET.file}: sha256 is {YUNET.sha256}, but params.yaml or the model expects 00",
    ):
        load_detector("yunet", 320, 64, 0.6, "00")


@pytest.mark.parametrize(
    ("face", "margin", "rows", "columns"),
    [
        (Face(30, 20, 20, 20, 1), 1.0, (20, 40), (30, 50)),
        (Face(30, 20, 20, 20, 1), 1.5, (15, 45), (25, 55)),
        (Face(30, 20, 20, 10, 1), 1.0, (15, 35), (30, 50)),
        (Face(30, 20, 10, 20, 1), 1.2, (18, 42), (23, 47)),
        (Face(30.4, 19.6, 20, 20, 1), 1.0, (20, 40), (30, 50)),
    ],
)
def test_a_crop_is_the_square_round_the_box_with_its_margin(face, margin, rows, columns):
    expected = PICTURE[slice(*rows), slice(*columns)]
    np.testing.assert_array_equal(cut(PICTURE, face, margin, expected.shape[0]), expected)


@given(x=st.integers(-15, 75), y=st.integers(-15, 55))
def test_what_lies_outside_the_picture_repeats_its_edge(x, y):
    padded = np.pad(PICTURE, ((100, 100), (100, 100), (0, 0)), mode="edge")
    expected = padded[y + 98 : y + 98 + 20, x + 98 : x + 98 + 20]
    np.testing.assert_array_equal(cut(PICTURE, square(x, y, side=16), 1.25, 20), expected)


@settings(deadline=None)
@given(face=BOXES, margin=st.floats(1, 3), size=st.sampled_from([1, 16, 64]))
def test_a_crop_always_has_its_size_unless_it_holds_nothing_of_the_picture(face, margin, size):
    try:
        crop = cut(PICTURE, face, margin, size)
    except UserError:
        right, bottom = face.x + face.width, face.y + face.height
        assert right < 2 or bottom < 2 or face.x > 78 or face.y > 58, "the picture is 80 x 60"
    else:
        assert crop.shape == (size, size, 3)
        assert crop.dtype == np.uint8


@pytest.mark.parametrize(("x", "y"), [(-30, 5), (5, -30), (90, 5), (5, 70), (1000, 1000)])
def test_a_box_outside_the_picture_is_refused(x, y):
    with pytest.raises(UserError, match="outside the 80 x 60 picture"):
        cut(PICTURE, square(x, y), 1.2, 16)


def test_a_box_outside_whose_margin_reaches_in_is_cut():
    np.testing.assert_array_equal(cut(PICTURE, square(-12, 5), 1.6, 16)[:, 0], PICTURE[2:18, 0])


@pytest.mark.parametrize(
    ("picture", "square"),
    [
        (PICTURE, PICTURE[:, 10:70]),
        (PICTURE.transpose(1, 0, 2), PICTURE.transpose(1, 0, 2)[10:70]),
        (PICTURE[:, :60], PICTURE[:, :60]),
    ],
    ids=["wide", "tall", "square"],
)
def test_of_a_ready_crop_the_central_square_is_kept(picture, square):
    np.testing.assert_array_equal(given_crop(picture, 60), square)


@pytest.mark.parametrize(("realign", "items"), [(False, {"c"}), (True, set())])
def test_ready_crops_are_taken_as_they_are_unless_faces_are_to_be_found_in_them(realign, items):
    index = pd.DataFrame({"item": ["a", "b", "c"], "kind": ["video", "image", "face"]})
    assert given_items(index, realign) == items


def test_resizing_leaves_a_fitting_picture_alone_and_averages_when_it_shrinks():
    square = PICTURE[:, :60]
    np.testing.assert_array_equal(resize(square, 60), square)
    halves = square.reshape(30, 2, 30, 2, 3).mean((1, 3))
    assert np.abs(resize(square, 30) - halves).max() <= 0.51
    assert np.unique(resize(np.full((8, 8, 3), 77, np.uint8), 20)).tolist() == [77]


def test_a_flat_crop_has_its_brightness_and_no_contrast():
    assert quality(np.full((40, 40, 3), 77, np.uint8)) == {
        "sharpness": 0.0,
        "brightness": 77.0,
        "contrast": 0.0,
    }


def test_contrast_is_the_standard_deviation_of_the_greys():
    halves = np.zeros((128, 128, 3), np.uint8)
    halves[:64] = 255
    measured = quality(halves)
    assert (measured["brightness"], measured["contrast"]) == (127.5, 127.5)


def test_blurred_is_less_sharp():
    sharp = cv2.resize(PICTURE, (128, 128), interpolation=cv2.INTER_NEAREST)
    measured = [
        quality(cv2.GaussianBlur(sharp, (0, 0), sigma))["sharpness"] for sigma in (0.1, 1, 2, 4)
    ]
    assert measured == sorted(measured, reverse=True)
    assert measured[-1] < 0.1 * measured[0]


@given(seed=st.integers(0, 99), side=st.integers(1, 200), top=st.integers(1, 256))
def test_quality_stays_in_its_ranges(seed, side, top):
    measured = quality(np.random.default_rng(seed).integers(0, top, (side, side, 3), np.uint8))
    assert list(measured) == ["sharpness", "brightness", "contrast"]
    assert measured["sharpness"] >= 0
    assert 0 <= measured["brightness"] <= 255
    assert 0 <= measured["contrast"] <= 127.5


@given(
    BOXES, st.lists(st.floats(-50, 150), min_size=10, max_size=10), st.sampled_from([1.0, 1.1, 1.3])
)
def test_points_survive_the_way_into_the_crop_and_back(box, values, margin):
    """A clip that borrows its original's boxes borrows the points too, digit for digit."""
    face = replace(box, points=tuple(values))
    text = points_in_crop(face, margin)
    back = replace(face, points=points_in_frame(text, face, margin))
    assert points_in_crop(back, margin) == text
    side = max(2, round(face.side * margin))
    assert np.abs(np.array(back.points) - values).max() <= 1e-4 * side


def test_points_are_shares_of_the_square_that_is_cut():
    """A box of 100 pixels at (50, 20) and a margin of 1.2 give the square of 120 pixels at (40,
    10)."""
    eyes_nose_mouth = (70, 50, 130, 50, 100, 70, 80, 100, 120, 100)
    found = read_points(points_in_crop(Face(50, 20, 100, 100, 1.0, eyes_nose_mouth), 1.2))
    wanted = [[30, 40], [90, 40], [60, 60], [40, 90], [80, 90]]
    assert found == pytest.approx(np.array(wanted) / 120, abs=1e-4)


def test_without_points_those_of_a_face_from_the_front_are_taken():
    found = read_points(points_in_crop(Face(0, 0, 100, 100, 1.0), 1.0))
    (left_eye, right_eye, nose, left_mouth, right_mouth) = found
    assert left_eye[1] == right_eye[1] < nose[1] < left_mouth[1] == right_mouth[1]
    assert nose[0] == pytest.approx(0.5)
    assert left_eye[0] + right_eye[0] == pytest.approx(1)
