"""The demo's clips: who is in the plan, the same bytes every time, and forgeries that differ in the
face alone."""

import hashlib
import io
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import av
import numpy as np
import pytest

from deepfake_detector.datasets.synthesis.clips import (
    FRAME_RATES,
    METHODS,
    SIZES,
    STILL,
    Clip,
    plan,
    produce,
    produce_film,
)
from deepfake_detector.datasets.synthesis.people import SKIN_TONES
from deepfake_detector.faces.detection import load_detector
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.probing import probe
from deepfake_detector.media.stills import read_image

SEED, SECONDS, RESOLUTION = 5, 0.4, (0.2, 0.3)
FORGED = [
    Clip(0, 0, "swap", 1),
    Clip(1, 1, "reenact", 0),
    Clip(0, STILL, "swap", 1),
    Clip(2, STILL, "reenact", 3),
]
NAMES = [clip.path for clip in FORGED]


def made(clip: Clip, seed: int = SEED) -> bytes:
    return produce(clip, seed, SECONDS, RESOLUTION)


def real_of(clip: Clip) -> Clip:
    """The film that a forgery was made from."""
    return replace(clip, method="real", source=None)


def frames(clip: Clip) -> list[np.ndarray]:
    data = made(clip)
    return (
        [read_image(data)]
        if clip.take == STILL
        else [frame.image for frame in sample_frames(data, 1000)]
    )


@pytest.mark.parametrize("pairs", [1, 2, 3, 24])
def test_the_plan_has_closed_pairs_with_as_many_fakes_as_reals(pairs):
    clips = plan(pairs)
    assert {clip.target for clip in clips} == set(range(2 * pairs))
    for pair in range(pairs):
        own = [clip for clip in clips if clip.target // 2 == pair]
        counts = Counter("real" if clip.source is None else "fake" for clip in own)
        assert counts["real"] == counts["fake"] >= 2
        assert {clip.method for clip in own} == {"real", *METHODS}
        assert {(clip.target, clip.source) for clip in own if clip.source is not None} == {
            (2 * pair, 2 * pair + 1),
            (2 * pair + 1, 2 * pair),
        }


@pytest.mark.parametrize("pairs", [1, 24])
def test_the_plan_holds_the_film_of_every_forgery_and_each_path_once_in_order(pairs):
    clips = plan(pairs)
    assert {real_of(clip) for clip in clips} <= set(clips)
    paths = [clip.path for clip in clips]
    assert paths == sorted(set(paths))


@pytest.mark.parametrize(
    ("clip", "path"),
    [
        (Clip(3, 1), "real/003_1.mp4"),
        (Clip(3, STILL), "real/003_2.jpg"),
        (Clip(12, 0, "swap", 13), "swap/012_013_0.mp4"),
        (Clip(2, STILL, "reenact", 3), "reenact/002_003_2.jpg"),
    ],
)
def test_a_path_tells_method_people_and_take(clip, path):
    assert clip.path == path


@pytest.mark.slow
@pytest.mark.parametrize("forged", FORGED, ids=NAMES)
def test_a_film_drawn_once_gives_the_bytes_of_each_file_drawn_alone(forged):
    clips = [real_of(forged), forged]
    assert produce_film(clips, SEED, SECONDS, RESOLUTION) == [made(clip) for clip in clips]


@pytest.mark.slow
def test_the_same_clip_has_the_same_bytes_also_in_another_process():
    code = (
        "import hashlib\nfrom deepfake_detector.datasets.synthesis.clips import Clip, produce\n"
        f"for clip in {FORGED!r}: print(hashlib.sha256(produce(clip, {SEED}, {SECONDS}, "
        f"{RESOLUTION})).hexdigest())"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    for _ in range(2):
        assert [hashlib.sha256(made(clip)).hexdigest() for clip in FORGED] == elsewhere


@pytest.mark.slow
@pytest.mark.parametrize("clip", [Clip(0, 0), Clip(0, STILL)], ids=["video", "still"])
def test_another_seed_or_person_gives_another_clip(clip):
    assert len({made(clip), made(clip, seed=6), made(replace(clip, target=2))}) == 3


@pytest.mark.parametrize("forged", FORGED[:2], ids=NAMES[:2])
def test_a_forged_video_is_h264_with_the_size_rate_and_length_of_its_film(forged):
    streams = []
    for clip in (forged, real_of(forged)):
        with av.open(io.BytesIO(made(clip))) as container:
            (stream,) = container.streams
            count = sum(1 for _ in container.decode(stream))
            streams.append(
                (stream.name, stream.width, stream.height, int(stream.average_rate), count)
            )
    assert streams[0] == streams[1]
    name, width, height, rate, count = streams[0]
    assert name == "h264"
    assert (width, height) in SIZES
    assert rate in FRAME_RATES
    assert count == round(SECONDS * rate)


@pytest.mark.slow
@pytest.mark.parametrize("forged", FORGED, ids=NAMES)
def test_a_forgery_differs_from_its_film_in_the_face(forged):
    film, forgery = frames(real_of(forged)), frames(forged)
    inside, outside = [], []
    for real, fake in zip(film, forgery, strict=True):
        face = max(load_detector("haar", 240, 64, 0.0, "").detect(real), key=lambda one: one.side)
        grown = 0.25 * face.side
        head = np.zeros(real.shape[:2], bool)
        top, left = max(0, int(face.y - grown)), max(0, int(face.x - grown))
        head[top : int(face.y + face.height + grown), left : int(face.x + face.width + grown)] = (
            True
        )
        difference = np.abs(real.astype(int) - fake).mean(axis=2)
        inside.append(difference[head].mean())
        outside.append(difference[~head].mean())
    assert np.mean(inside) > 0.3
    assert np.mean(outside) < (
        1e-9 if forged.take == STILL else 0.5 * np.mean(inside)
    )  # H.264 spreads differences


@pytest.mark.slow
def test_stills_are_images_and_the_rest_videos():
    assert {clip.take == STILL: probe(made(clip)).kind for clip in FORGED} == {
        False: "video",
        True: "image",
    }


@pytest.mark.slow
def test_the_pairs_have_every_skin_tone_from_light_to_dark():
    shades = []
    for pair in range(len(SKIN_TONES)):
        picture = read_image(made(Clip(2 * pair, STILL)))
        face = load_detector("haar", 240, 64, 0.0, "").detect(picture)[0]
        x, y, side = int(face.x), int(face.y), int(face.side)
        cheeks = picture[y + side // 3 : y + 2 * side // 3, x + side // 4 : x + 3 * side // 4]
        shades.append(float(np.median(cheeks)))
    assert shades == sorted(shades, reverse=True)
    assert shades[0] > 2 * shades[-1]
