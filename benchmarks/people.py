"""Whether each person of a clip is followed as one: across cuts, from place to place, and apart
from everybody else.

    python -m benchmarks.people FOLDER [--detector yunet] [--pairs 12] [--several 004]

FOLDER holds clips of FaceForensics++ in its own layout, and others beside it. A real clip and a
fake one of somebody else are joined by hard cuts, real, fake, real: nobody may be taken for the
other, and who comes back must be one person. Two people side by side swap places, and one person is
shown in six places. Rows of six people are shown one after another at one place: nobody may be
followed through half of one. Then all clips of FOLDER are looked at as they are: how many shot
changes are seen in an hour of them, and in how many the person seen most is taken for several.
"""

import argparse
import io
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.extract_crop import clips_below, crop_settings
from deepfake_detector.faces.detection import DETECTORS, FaceDetector, detector_of
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.shots import Scene, shots
from deepfake_detector.faces.tracking import View, follow, view
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.reading import Source

FRAMES = 32  # sampled of a clip, as by default
SECONDS, RATE = 3, 25  # of each part of a joined clip
SIZE = 1280, 720
ORIGINALS, FAKES = "original_sequences", "manipulated_sequences"
ROWS, TURNS = 300, (3, 3, 3, 3, 2, 2)  # drawn at random, and frames of each of six people
PLACES = ((0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5), (0.25, 0), (0.25, 0.5))  # shares of the picture


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=Path, help="clips with real faces, FaceForensics++ among them"
    )
    parser.add_argument(
        "--detector", choices=sorted(DETECTORS), default="yunet", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--pairs", type=int, default=12, help="real and fake clips joined (default: %(default)s)"
    )
    parser.add_argument(
        "--several",
        nargs="*",
        default=[],
        help="real clips (names without suffix) in which the largest face is not always the same "
        "person's: they are not used to test who swaps places",
    )
    arguments = parser.parse_args()
    settings = crop_settings(arguments.detector)
    detector = detector_of(settings)
    paths = [Path(path) for path in clips_below(arguments.folder)["path"]]
    reals = [path for path in paths if ORIGINALS in path.parts]
    _cuts(reals, [path for path in paths if FAKES in path.parts], detector, arguments.pairs)
    alone = [path for path in reals if path.stem not in arguments.several]
    _swaps(alone, detector)
    _six_places(alone, detector)
    _one_after_another(alone, detector)
    _as_they_are(paths, detector)


def _cuts(reals: list[Path], fakes: list[Path], detector: FaceDetector, count: int) -> None:
    """Real, fake, real by hard cuts; tracks that hold faces of both, and whether the real one is
    one track."""
    pairs = _pairs(reals, fakes, count)
    mixed = returned = 0
    for real, fake in pairs:
        ours, theirs = _opening(real), _opening(fake)
        middle = len(ours) // 2
        shown = [*ours[:middle], *theirs, *ours[middle:]]
        frames = list(sample_frames(_encoded(shown), FRAMES))
        is_real = [not middle <= frame.index < middle + len(theirs) for frame in frames]
        is_late = [frame.index >= middle + len(theirs) for frame in frames]
        numbers = follow([view(one.image, detector.detect(one.image)) for one in frames])
        mixed += bool(
            {track for row, own in zip(numbers, is_real, strict=True) if own for track in row}
            & {track for row, own in zip(numbers, is_real, strict=True) if not own for track in row}
        )
        early = _most_seen(
            row
            for row, own, late in zip(numbers, is_real, is_late, strict=True)
            if own and not late
        )
        returned += early == _most_seen(
            row for row, late in zip(numbers, is_late, strict=True) if late
        )
    print(
        f"real, fake, real by hard cuts: {len(pairs)} clips, a track of both people in {mixed}, the "
        f"one who returns is one track in {returned}"
    )


def _swaps(reals: list[Path], detector: FaceDetector) -> None:
    """Two people side by side who swap places in the middle of six frames; what else is taken for a
    face may be tracks of their own."""
    opened = [_spread(path, 6) for path in reals]
    pairs = list(itertools.combinations(opened, 2))
    kept = 0
    for one, other in pairs:
        sides = [(one, other)] * 3 + [(other, one)] * 3
        shown = [
            np.hstack([left[place], right[place]]) for place, (left, right) in enumerate(sides)
        ]
        found = [detector.detect(image) for image in shown]
        numbers = follow([view(image, faces) for image, faces in zip(shown, found, strict=True)])
        lefts = [
            [
                track
                for face, track in zip(faces, row, strict=True)
                if track < 2 and face.x + face.width / 2 < SIZE[0]
            ]
            for faces, row in zip(found, numbers, strict=True)
        ]
        both = all({0, 1} <= set(row) for row in numbers)
        kept += both and lefts in ([[0]] * 3 + [[1]] * 3, [[1]] * 3 + [[0]] * 3)
    print(f"two people side by side who swap places: two tracks in {kept} of {len(pairs)}")


def _six_places(reals: list[Path], detector: FaceDetector) -> None:
    """One person, each time in another place of the picture."""
    width, height = SIZE
    whole = 0
    for path in reals:
        views = []
        for image, (across, down) in zip(_spread(path, len(PLACES)), PLACES, strict=True):
            picture = np.full((height, width, 3), 127, np.uint8)
            left, top = round(across * width), round(down * height)
            small = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
            picture[top : top + height // 2, left : left + width // 2] = small
            views.append(view(picture, _largest(detector, picture, 1)))
        whole += follow(views) == [[0]] * len(PLACES)
    print(f"one person in {len(PLACES)} places: one track in {whole} of {len(reals)}")


def _one_after_another(reals: list[Path], detector: FaceDetector) -> None:
    """Six people, two or three frames of each, at one place before one background; the largest face
    alone."""
    (background,) = _spread(reals[0], 1)
    seen = {
        path: [_at_one_place(one, detector, background) for one in _spread(path, FRAMES)]
        for path in reals
    }
    rng = np.random.default_rng(1)
    through_half = 0
    for _ in range(ROWS):
        row = []
        for person, count in zip(rng.permutation(len(reals))[: len(TURNS)], TURNS, strict=True):
            first = rng.integers(0, FRAMES - count)
            row += seen[reals[person]][first : first + count]
        counts = Counter(track for tracks in follow(row) for track in tracks)
        through_half += max(counts.values()) >= sum(TURNS) / 2
    print(
        f"six people one after another at one place: a track through half in {through_half} of {ROWS}"
    )


def _at_one_place(image: np.ndarray, detector: FaceDetector, background: np.ndarray) -> View:
    """The view of an image's largest face as if it stood at the same place, equally large, before
    the background."""
    found = view(image, _largest(detector, image, 1))
    faces = tuple(replace(face, x=0.4, y=0.3, width=0.2, height=0.2) for face in found.faces)
    return replace(found, faces=faces, scene=Scene(background))


def _as_they_are(paths: list[Path], detector: FaceDetector) -> None:
    """How many shot changes are seen in the clips, and in how many who is seen most is not one."""
    changes, several, seconds = 0, 0, 0.0
    for path in paths:
        frames = list(sample_frames(path, FRAMES))
        seconds += frames[-1].time + frames[0].time
        views = [view(one.image, _largest(detector, one.image, 1)) for one in frames]
        of_frames = shots([one.scene for one in views])
        changes += sum(before != after for before, after in itertools.pairwise(of_frames))
        several += len({track for row in follow(views) for track in row}) > 1
    print(
        f"{len(paths)} clips as they are, {seconds / 60:.1f} minutes: {changes} shot changes, "
        f"{3600 * changes / seconds:.1f} an hour; the largest face is of several tracks in {several}"
    )


def _pairs(reals: list[Path], fakes: list[Path], count: int) -> list[tuple[Path, Path]]:
    """A real and a fake clip each, evenly chosen of all in which nobody is shown twice."""
    every = [
        (real, fake)
        for real, fake in itertools.product(reals, fakes)
        if real.stem not in fake.stem.split("_")
    ]
    return [every[place] for place in np.linspace(0, len(every) - 1, count).astype(int)]


def _opening(path: Path) -> list[np.ndarray]:
    """The first seconds of a clip, at one size."""
    with av.open(str(path)) as container:
        frames = itertools.islice(container.decode(video=0), SECONDS * RATE)
        return [_sized(frame.to_ndarray(format="rgb24")) for frame in frames]


def _spread(path: Path, count: int) -> list[np.ndarray]:
    return [_sized(frame.image) for frame in sample_frames(path, count)]


def _sized(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)


def _encoded(frames: Sequence[np.ndarray]) -> Source:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    return buffer.getvalue()


def _largest(detector: FaceDetector, image: np.ndarray, count: int) -> list[Face]:
    return detector.detect(image)[:count]


def _most_seen(rows: Iterable[list[int]]) -> int | None:
    counts = Counter(track for row in rows for track in row)
    return counts.most_common(1)[0][0] if counts else None


if __name__ == "__main__":
    main()
