"""Copies are found whatever was done to their files; what merely resembles, or is known to belong
together, is not."""

from collections.abc import Callable
from itertools import combinations

import cv2
import numpy as np
import pandas as pd
import pytest

from deepfake_detector.datasets import duplicates
from deepfake_detector.media.perceptual_hash import perceptual_hash
from deepfake_detector.storage import tables

A, B, C, D, E = (
    f"{number:016x}" for number in np.random.default_rng(1).integers(1 << 62, 1 << 63, 5)
)
FAR = [f"{number:016x}" for number in np.random.default_rng(2).integers(1 << 62, 1 << 63, 8)]


def flipped(digits: str, *bits: int) -> str:
    return f"{int(digits, 16) ^ sum(1 << bit for bit in bits):016x}"


NEAR_A, NEAR_B = flipped(A, 1), flipped(B, 1)


def blobs(seed: int, height: int = 270, width: int = 480) -> np.ndarray:
    """A smooth random picture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def noisy(image: np.ndarray, deviation: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, deviation, image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR
    )


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)


def same_picture(item: str, frame: int) -> np.ndarray:
    return blobs(0)


def search(
    hashes: dict[str, list[str]],
    picture: Callable[[str, int], np.ndarray] = same_picture,
    groups: dict[str, str] | None = None,
    kinds: dict[str, str] | None = None,
) -> list[dict]:
    """Near duplicates among items of which the hashes of all frames are given; unless told, each is
    a group of its own."""
    frames = [
        {"item": item, "frame": number, "hash": digits, "status": "ok"}
        for item, of_frames in hashes.items()
        for number, digits in enumerate(of_frames)
    ]
    index = pd.DataFrame(
        [(item, (kinds or {}).get(item, "video")) for item in hashes], columns=["item", "kind"]
    )
    group = pd.Series({item: item for item in hashes} | (groups or {}), dtype=object)
    found = duplicates.near_duplicates(tables.make(frames, tables.FRAMES), index, group, picture)
    tables.make(found, tables.NEAR_DUPLICATES)  # raises where they are not of that table
    return found


def among(*pictures: np.ndarray) -> list[dict]:
    """Near duplicates among stills named 0, 1, ..."""
    hashes = {str(number): [perceptual_hash(image)] for number, image in enumerate(pictures)}
    return search(hashes, lambda item, frame: pictures[int(item)])


def pairs(found: list[dict]) -> list[tuple[str, str]]:
    return [(row["item"], row["other"]) for row in found]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(lambda image: image, id="the same"),
        pytest.param(lambda image: jpeg(image, 30), id="encoded again"),
        pytest.param(lambda image: resized(image, 0.5), id="half"),
        pytest.param(lambda image: resized(image, 4), id="four times"),
        pytest.param(lambda image: cv2.convertScaleAbs(image, alpha=0.8, beta=40), id="brightened"),
        pytest.param(lambda image: noisy(image, 10), id="noise"),
        pytest.param(lambda image: jpeg(resized(image, 0.3), 30), id="small and encoded again"),
    ],
)
def test_a_copy_is_found(seed, copied):
    (row,) = among(blobs(seed), blobs(99), copied(blobs(seed)))
    assert (row["item"], row["other"], row["frames"]) == ("0", "2", 1)
    assert row["distance"] <= duplicates.NEAR
    assert 0.95 <= row["correlation"] < 1.00001


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda image: blobs(99), id="another picture"),
        pytest.param(lambda image: image[:, ::-1].copy(), id="mirrored"),
        pytest.param(lambda image: image[::-1].copy(), id="upside down"),
        pytest.param(lambda image: 255 - image, id="negative"),
    ],
)
def test_another_picture_is_not_found(seed, other):
    assert among(blobs(seed), other(blobs(seed))) == []


@pytest.mark.parametrize(
    ("image", "hashed"),
    [
        (np.zeros((120, 90, 3), np.uint8), False),
        (np.full((1080, 1920, 3), 255, np.uint8), False),
        (np.full((1, 1, 3), 90, np.uint8), False),
        ((blobs(0) * 0.02 + 100).astype(np.uint8), False),
        (noisy(np.full((720, 1280, 3), 128, np.uint8), 40), False),
        (blobs(0), True),
        (blobs(0, 1080, 1920), True),
        (blobs(0, 20, 30), True),
        ((blobs(0) * 0.2 + 100).astype(np.uint8), True),
    ],
)
def test_a_picture_has_a_hash_where_it_has_contrast(image, hashed):
    digits = perceptual_hash(image)
    assert digits == "" or len(bytes.fromhex(digits)) == 8
    assert bool(digits) == hashed


def test_black_frames_match_nothing():
    black = np.zeros((120, 90, 3), np.uint8)
    assert among(black, black, noisy(black, 1)) == []


def random_stills(seed: int) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str]]:
    """Families of hashes a few bits apart, some bits close together and some not; kinds and groups
    across families."""
    draw = np.random.default_rng(seed)
    hashes, groups, kinds = {}, {}, {}
    for base in draw.integers(0, 1 << 64, 40, np.uint64):
        for _ in range(draw.integers(1, 9)):
            item = f"item {draw.integers(1 << 40)}"
            bits = draw.choice(draw.choice([16, 64]), draw.integers(0, 6), replace=False)
            hashes[item] = [flipped(f"{base:016x}", *bits.tolist())]
            groups[item] = f"group {draw.integers(60)}"
            kinds[item] = str(draw.choice(["image", "image", "face"]))
    return hashes, groups, kinds


def near(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 50, 1 << 18])
@pytest.mark.parametrize("seed", range(5))
def test_the_search_finds_what_comparing_each_with_each_finds(monkeypatch, seed, chunk):
    monkeypatch.setattr(duplicates, "CHUNK", chunk)
    hashes, groups, kinds = random_stills(seed)
    expected = {}
    for one, other in combinations(sorted(hashes), 2):
        distance = near(hashes[one][0], hashes[other][0])
        if groups[one] != groups[other] and distance <= (
            4 if "face" in (kinds[one], kinds[other]) else 6
        ):
            expected[one, other] = distance
    found = search(hashes, groups=groups, kinds=kinds)
    assert len(expected) > 50
    assert {(row["item"], row["other"]): row["distance"] for row in found} == expected
    assert pairs(found) == sorted(expected)


@pytest.mark.parametrize(
    "bits", [(0, 1, 16, 17, 32, 48), (0, 16, 32, 33, 48, 49), (15, 31, 47, 61, 62, 63), range(6)]
)
def test_six_bits_are_found_wherever_they_lie(bits):
    (row,) = search({"a": [A], "b": [flipped(A, *bits)]})
    assert row["distance"] == 6


@pytest.mark.parametrize(
    ("kind", "other", "bits", "is_pair"),
    [
        ("image", "image", 6, True),
        ("image", "image", 7, False),
        ("video", "image", 6, True),
        ("video", "video", 7, False),
        ("face", "face", 4, True),
        ("face", "face", 5, False),
        ("face", "image", 4, True),
        ("face", "image", 5, False),
        ("image", "face", 5, False),
        ("video", "face", 5, False),
    ],
)
def test_ready_crops_must_be_nearer(kind, other, bits, is_pair):
    found = search(
        {"a": [A], "b": [flipped(A, *range(0, 7 * bits, 7))]}, kinds={"a": kind, "b": other}
    )
    assert pairs(found) == [("a", "b")] * is_pair


def test_what_belongs_together_is_not_reported():
    hashes = {"fake": [A], "its real": [A], "copy": [A]}
    found = search(hashes, groups={"fake": "one", "its real": "one"})
    assert pairs(found) == [("copy", "fake"), ("copy", "its real")]


@pytest.mark.parametrize(
    ("mine", "yours", "frames"),
    [
        ([A, B, C, FAR[0], FAR[1]], [FAR[2], C, B, A, FAR[3]], 3),
        ([A, B, FAR[0], FAR[1]], [A, B, FAR[2], FAR[3]], None),
        ([A, B, C, D, E], [A, B, C, D, E], 3),
        ([A, B], [FAR[0], B, A, FAR[1]], 2),
        ([A, FAR[0]], [A, B, C], None),
        ([A], [FAR[0], A, FAR[1], FAR[2]], 1),
        ([FAR[0], A, FAR[1], FAR[2]], [A], 1),
        ([A], [A], 1),
        ([A, FAR[0], FAR[1]], [A, A, A], None),
        ([A, A, FAR[0]], [A, A, A], None),
        ([A, A, A, A], [A, A, A], 3),
        ([A, A, B], [A, B, B], None),
        ([A, A, B], [A, A, B, B], 3),
        ([A, NEAR_A, B], [A, B, NEAR_B], None),
        ([A, NEAR_A, B], [A, NEAR_A, NEAR_B], 3),
        ([A, "", ""], ["", A, ""], 1),
        (["", "", ""], ["", "", ""], None),
    ],
)
def test_videos_need_three_frames_alike_or_all_the_shorter_one_has(mine, yours, frames):
    pictures = {digits: blobs(seed) for seed, digits in enumerate([A, B, C, D, E, *FAR])}
    pictures |= {NEAR_A: pictures[A], NEAR_B: pictures[B]}
    hashes = {"a": mine, "b": yours}
    found = search(hashes, lambda item, frame: pictures[hashes[item][frame]])
    assert [row["frames"] for row in found] == ([] if frames is None else [frames])


@pytest.mark.parametrize(
    ("alike", "frames"),
    [([0, 1, 2, 3], [3]), ([1, 2, 3], [3]), ([0, 3], []), ([], [])],
    ids=["4", "3", "2", "none"],
)
def test_near_hashes_of_frames_that_look_different_do_not_count(alike, frames):
    def picture(item: str, frame: int) -> np.ndarray:
        return blobs(frame) if item == "a" or frame in alike else blobs(100 + frame)

    assert [
        row["frames"] for row in search({"a": [A, B, C, D], "b": [A, B, C, D]}, picture)
    ] == frames


def blended(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    return cv2.addWeighted(one, 1 - share, other, share, 0)


@pytest.mark.parametrize(
    ("other", "is_pair"),
    [
        (blended(blobs(0), blobs(1), 0.2), True),  # they correlate by 0.96
        (blended(blobs(0), blobs(1), 0.24), False),  # by 0.94
        (blended(blobs(0), np.full_like(blobs(0), 240), 0.9), True),
        (blended(blobs(1), np.full_like(blobs(0), 240), 0.9), False),
    ],
)
def test_near_hashes_alone_are_not_enough(other, is_pair):
    found = search({"a": [A], "b": [A]}, lambda item, frame: blobs(0) if item == "a" else other)
    assert pairs(found) == [("a", "b")] * is_pair


def test_frames_of_a_still_scene_find_their_partners_by_their_looks():
    found = search(
        {"a": [A] * 3, "b": [A] * 3}, lambda item, frame: blobs(frame if item == "a" else 2 - frame)
    )
    assert [row["frames"] for row in found] == [3]


@pytest.mark.parametrize(("later", "frames"), [(3, [3]), (5, [3]), (7, [])])
def test_a_copy_sampled_a_little_later_is_found(later, frames):
    """Its second frame lies nearer to the third of the other: who takes the nearest first is left
    with two matches. A hash changes by a bit with each unit of time."""
    shown = {"a": [0, 8, 16], "b": [later, later + 8, later + 16]}
    hashes = {item: [f"{(1 << at) - 1:016x}" for at in times] for item, times in shown.items()}
    found = search(hashes, lambda item, frame: blobs(0))
    assert [row["frames"] for row in found] == frames


def test_the_least_distance_and_the_highest_correlation_of_the_matches_are_told():
    def picture(item: str, frame: int) -> np.ndarray:
        return blobs(frame) if item == "a" or frame == 1 else noisy(blobs(frame), 60)

    (row,) = search(
        {"a": [A, B, C], "b": [flipped(A, 5), flipped(B, 3, 9), flipped(C, 1, 20, 40)]}, picture
    )
    assert (row["frames"], row["distance"], row["correlation"]) == (
        3,
        1,
        pytest.approx(1, abs=1e-5),
    )


@pytest.mark.parametrize(
    ("hashes", "groups", "expected"),
    [
        ({"a": [A], "b": [B], "c": [C]}, {}, []),
        ({"a": [A], "b": [A], "c": [B]}, {"a": "one", "b": "one"}, []),
        ({"a": [A], "b": [flipped(A, *range(7))]}, {}, []),
        ({"a": [A, B, C, D], "b": [A, B, *FAR]}, {}, []),
        ({"a": [A, B, C], "b": [A, A, A]}, {}, []),
        ({"a": [A, NEAR_A, flipped(A, 2)], "b": [A, B, C]}, {}, []),
        ({"a": [A], "b": [A], "c": [A], "d": [B]}, {}, [("a", 0), ("b", 0), ("c", 0)]),
        (
            {"a": [A, B, C, D], "b": [A, B, C, D]},
            {},
            [(item, frame) for item in "ab" for frame in range(3)],
        ),
    ],
    ids=[
        "far",
        "one group",
        "7 bits",
        "2 frames",
        "1 frame thrice",
        "3 near 1",
        "each once",
        "no more than needed",
    ],
)
def test_pictures_are_asked_for_only_where_they_decide(hashes, groups, expected):
    calls = []

    def picture(item: str, frame: int) -> np.ndarray:
        calls.append((item, frame))
        return blobs(0)

    search(hashes, picture, groups)
    assert sorted(calls) == expected


@pytest.mark.slow
def test_the_order_of_the_rows_changes_nothing():
    stills, groups, kinds = random_stills(0)
    hashes = stills | {f"video {number}": [A, B, flipped(A, number), C] for number in range(4)}
    groups |= {item: item for item in hashes.keys() - stills.keys()}
    index = pd.DataFrame([{"item": item, "kind": kinds.get(item, "video")} for item in hashes])
    rows = [(item, number, digits) for item in hashes for number, digits in enumerate(hashes[item])]
    tabled = pd.DataFrame(rows, columns=["item", "frame", "hash"]), index, pd.Series(groups)
    found = duplicates.near_duplicates(*tabled, same_picture)
    assert len(found) > 50
    for seed in range(3):
        shuffled = (table.sample(frac=1, random_state=seed) for table in tabled)
        assert duplicates.near_duplicates(*shuffled, same_picture) == found


@pytest.mark.parametrize(("indexed", "grouped"), [(["a"], ["a", "b"]), (["a", "b"], ["a"])])
def test_an_item_that_the_index_or_the_groups_lack_is_an_error(indexed, grouped):
    frames = tables.make(
        [{"item": item, "frame": 0, "hash": A, "status": "ok"} for item in "ab"], tables.FRAMES
    )
    index = pd.DataFrame({"item": indexed, "kind": "image"})
    with pytest.raises(KeyError, match="b"):
        duplicates.near_duplicates(frames, index, pd.Series(grouped, index=grouped), same_picture)


@pytest.mark.parametrize("hashes", [{}, {"a": [A]}, {"a": [""], "b": [""]}])
def test_too_little_to_compare_is_no_pair(hashes):
    assert search(hashes) == []
