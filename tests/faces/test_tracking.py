"""A track is one person: across cuts, from place to place, at any resolution, and nobody else."""

import itertools

import cv2
import numpy as np
import pytest
from conftest import SHARED
from hypothesis import given
from hypothesis import strategies as st
from made import BOXES, person_clip, square
from media.cases import case

from deepfake_detector.faces.detection import load_detector
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.settings import YUNET
from deepfake_detector.faces.shots import Scene
from deepfake_detector.faces.tracking import ALIKE, MOVED, REACH, UNLIKE, View, follow, view
from deepfake_detector.media.frame_sampling import sample_frames

HERE, THERE = (
    Scene(
        np.kron(
            np.random.default_rng(seed).integers(0, 256, (9, 16, 3)), np.ones((8, 8, 1))
        ).astype(np.uint8)
    )
    for seed in (1, 2)
)
BETWEEN = (MOVED + UNLIKE) / 2  # so far apart looks say nothing: place decides
TURNED = (ALIKE + MOVED) / 2  # as one person who turns the head, or two who look alike
HAAR = 240, 64, 0.0, ""


def looks_of(names: list[str], apart: float) -> dict[str, np.ndarray]:
    """For each name a look that is `apart` from all others."""
    every = sorted(set(names))
    return {
        name: np.eye(len(every))[place] * apart / np.sqrt(2) for place, name in enumerate(every)
    }


def vague(frames: list[list[Face]], scene: Scene = HERE, apart: float = BETWEEN) -> list[View]:
    """Views in which no two looks are alike, nor so unlike that they are of two people."""
    numbers = itertools.count()
    rows = [[str(next(numbers)) for _ in faces] for faces in frames]
    looks = looks_of([name for row in rows for name in row], apart)
    return [
        View(tuple(faces), np.array([looks[name] for name in row]), scene)
        for faces, row in zip(frames, rows, strict=True)
    ]


def views_of(*frames: dict[str, float], scenes: list[Scene] | None = None) -> list[View]:
    """Views from each frame's people by name, whose looks differ, and where their faces are."""
    looks = looks_of([name for frame in frames for name in frame], 2 * UNLIKE)
    return [
        View(
            tuple(square(x) for x in frame.values()),
            np.array([looks[name] for name in frame]),
            scene,
        )
        for frame, scene in zip(frames, scenes or [HERE] * len(frames), strict=True)
    ]


@pytest.mark.parametrize(
    ("frames", "numbers"),
    [
        ([], []),
        ([[], [square(0)], []], [[], [0], []]),
        ([[square(0)], [square(5)], [square(10)]], [[0], [0], [0]]),
        ([[square(0)], [square(11)], [square(12)]], [[1], [0], [0]]),
        ([[square(0)], [], [square(3)]], [[0], [], [0]]),
        ([[square(0, side=10)], [square(0, side=21)]], [[1], [0]]),
        ([[square(0, side=10)], [square(0, side=19)]], [[0], [0]]),
        ([[square(0), square(40)], [square(41), square(1)]], [[0, 1], [1, 0]]),
        ([[square(0), square(40, side=12)], [square(41, side=12)]], [[1, 0], [0]]),
        ([[square(40, side=12)], [square(0)], [square(1)], [square(2)]], [[1], [0], [0], [0]]),
    ],
    ids=[
        "no frames",
        "empty frames",
        "one moves",
        "too far",
        "lost for a frame",
        "grows too fast",
        "grows",
        "listed in another order",
        "larger is dominant",
        "longer is dominant",
    ],
)
def test_where_looks_do_not_tell_faces_are_followed_by_place(frames, numbers):
    assert follow(vague(frames)) == numbers


@pytest.mark.parametrize(
    ("frames", "numbers"),
    [
        ([[square(0)], [square(40)]], [[0], [0]]),
        ([[square(0), square(40)], [square(1), square(80)]], [[0, 1], [0, 1]]),
        ([[square(0), square(40)], [square(80), square(120)]], [[0, 1], [2, 3]]),
        ([[square(0)], [square(40), square(80)]], [[0], [1, 2]]),
        ([[square(0)], [], [square(40)]], [[0], [], [1]]),
    ],
    ids=["one moves", "one of two moves", "two and two", "one and two", "some time ago"],
)
def test_who_alone_is_new_is_who_alone_is_missing(frames, numbers):
    assert follow(vague(frames, apart=TURNED)) == numbers


def test_two_people_who_cross_keep_their_numbers():
    """Both walk 8 pixels a frame, one from each side, one above the other by half a face."""
    frames = [
        [square(8 * step, 0, side=21), square(80 - 8 * step, 10, side=20)] for step in range(11)
    ]
    assert follow(vague(frames)) == [[0, 1]] * 11
    turned = [faces[:: -1 if step % 2 else 1] for step, faces in enumerate(frames)]
    assert follow(vague(turned)) == [[1, 0] if step % 2 else [0, 1] for step in range(11)]


def test_the_dominant_face_is_the_largest_or_the_one_that_is_there_most():
    """A large face passes by in one frame while a small one stays."""
    frames = vague(
        [
            [square(0, 0, side=20), square(200, 0, side=80)],
            [square(0, 0, side=20)],
            [square(0, 0, side=20)],
        ]
    )
    assert follow(frames, "area") == [[1, 0], [1], [1]]
    assert follow(frames, "frames") == [[0, 1], [0], [0]]
    of_equal_counts_the_larger = frames[:1]
    assert follow(of_equal_counts_the_larger, "frames") == [[1, 0]]


@given(frames=st.lists(st.lists(BOXES, max_size=4), max_size=6))
def test_numbers_are_one_per_face_dense_from_0_and_ranked_by_area(frames):
    numbers = follow(vague(frames))
    assert [len(row) for row in numbers] == [len(faces) for faces in frames]
    assert all(len(set(row)) == len(row) for row in numbers)
    areas = {}
    for faces, row in zip(frames, numbers, strict=True):
        for face, number in zip(faces, row, strict=True):
            areas[number] = areas.get(number, 0) + face.width * face.height
    assert sorted(areas) == list(range(len(areas)))
    ranked = [areas[number] for number in sorted(areas)]
    assert ranked == pytest.approx(sorted(ranked, reverse=True))


@pytest.mark.parametrize(
    ("frames", "scenes", "numbers"),
    [
        ([{"a": 0}, {"b": 0}, {"a": 0}], [HERE, THERE, HERE], [[0], [1], [0]]),
        ([{"a": 0}, {"b": 0}, {"a": 0}], [HERE] * 3, [[0], [1], [0]]),
        ([{"a": 0}, {"a": 50}, {"a": 99}], [HERE] * 3, [[0]] * 3),
        ([{"a": 0}, {"a": 50}], [HERE, THERE], [[0]] * 2),
        ([{"a": 0, "b": 30}, {"b": 0, "a": 30}], [HERE] * 2, [[0, 1], [1, 0]]),
        ([{"a": 0, "b": 30}, {"b": 0}, {"a": 30}], [HERE] * 3, [[0, 1], [1], [0]]),
    ],
    ids=[
        "somebody else between two cuts",
        "the cuts are not seen",
        "one person in three places",
        "from one shot to the next",
        "two swap places",
        "two swap places one by one",
    ],
)
def test_looks_tell_who_is_who(frames, scenes, numbers):
    assert follow(views_of(*frames, scenes=scenes)) == numbers


def test_people_shown_one_after_another_at_one_place_are_as_many():
    """As in a row of portraits; of 100 pairs of people 95 are farther apart than these."""
    names = [name for name in "abcdef" for _ in range(2)]
    looks = looks_of(names, 0.48)
    views = [View((square(0),), np.array([looks[name]]), HERE) for name in names]
    assert len({track for tracks in follow(views) for track in tracks}) == 6


def test_tracks_end_at_a_shot_change():
    before, after = vague([[square(0)], [square(0)]])
    assert follow([before, after]) == [[0], [0]]
    assert follow([before, View(after.faces, after.looks, THERE)]) == [[0], [1]]


def test_twins_in_one_frame_are_two():
    look = np.array([1.0, 0.0])
    both = View((square(0), square(40)), np.array([look, look]), HERE)
    alone = View((square(0),), np.array([look]), THERE)
    numbers = follow([both, alone, both])
    assert numbers[0] == numbers[2] == [0, 1]


@pytest.mark.slow
def test_a_change_of_resolution_makes_no_new_person():
    frames = [frame.image for frame in sample_frames(person_clip(), 6)]
    shown = [
        image if place % 2 else cv2.resize(image, None, fx=3, fy=3)
        for place, image in enumerate(frames)
    ]
    haar = load_detector("haar", *HAAR)
    views = [view(image, haar.detect(image)) for image in shown]
    moved = [abs(one.faces[0].x - views[0].faces[0].x) / views[0].faces[0].side for one in views]
    assert max(moved) < REACH / 2
    assert follow(views) == [[0]] * len(frames)
    vaguely = [
        View(one.faces, look.looks, HERE)
        for one, look in zip(views, vague([one.faces for one in views]), strict=True)
    ]
    assert follow(vaguely) == [[0]] * len(frames), "place alone tells it too"


@pytest.mark.slow
def test_cut_between_two_people_is_of_two_and_the_first_returns():
    haar = load_detector("haar", *HAAR)
    frames = [frame.image for frame in sample_frames(case("cut_between_two_people.mp4"), 12)]
    numbers = follow([view(image, haar.detect(image)) for image in frames])
    assert numbers == [[0]] * 4 + [[1]] * 4 + [[0]] * 4


@pytest.mark.slow
@pytest.mark.parametrize("between", [1, 3, 5])
def test_a_dissolve_joins_nobody(between):
    """Only who is seen in the dissolve itself may be taken for either."""
    first, second = ([one.image for one in sample_frames(person_clip(who), 6)] for who in (0, 4))
    second = [cv2.resize(image, first[0].shape[1::-1]) for image in second]
    shares = [(step + 1) / (between + 1) for step in range(between)]
    mixed = [cv2.addWeighted(first[-1], 1 - share, second[0], share, 0) for share in shares]
    haar = load_detector("haar", *HAAR)
    numbers = follow([view(image, haar.detect(image)[:1]) for image in [*first, *mixed, *second]])
    before, after = numbers[: len(first)], numbers[-len(second) :]
    assert len({track for row in before for track in row}) == 1
    assert not {track for row in before for track in row} & {
        track for row in after for track in row
    }


@pytest.mark.slow
@pytest.mark.skipif(
    not (SHARED / "data/faceforensics").is_dir(), reason="needs the collected clips"
)
def test_real_people_joined_by_cuts_are_not_mixed(yunet):
    """Few frames of each; the whole is `benchmarks.people`."""
    found = load_detector("yunet", 320, 64, 0.6, YUNET.sha256)
    originals = sorted((SHARED / "data/faceforensics/original_sequences").rglob("*.mp4"))[1:4]
    clips = [
        [view(one.image, found.detect(one.image)[:1]) for one in sample_frames(path, 8)]
        for path in originals
    ]
    first, *others = clips
    for other in others:
        numbers = follow([*first[:4], *other, *first[4:]])
        assert numbers[:4] == numbers[-4:]
        assert not {row[0] for row in numbers[:4]} & {row[0] for row in numbers[4:-4]}
