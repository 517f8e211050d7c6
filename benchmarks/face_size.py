"""Faces of 48 to 200 pixels in pictures of 4K, 1080p and 720p: how many are found, in what time,
with and without the size rule.

    python -m benchmarks.face_size FOLDER [--detector yunet] [--min-face 64]

FOLDER holds clips with real faces. Their frames are scaled until the face has the size, and up to
24 are laid into a picture beside one another. A face counts if the detector finds it in that frame
shown by itself at its own size; it is found where the two boxes share half of their union. Without
the rule every picture is shown at `detect_size` pixels, whatever its size. YuNet is also run by
OpenCV's own cv2.FaceDetectorYN, at the sizes of the rule.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.extract_crop import clips_below, crop_settings
from deepfake_detector.faces.detection import DETECTORS, FaceDetector, detector_file
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.settings import YUNET
from deepfake_detector.faces.yunet import OVERLAP, YuNet
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.storage.files import file_hash

PICTURES = {"4K": (3840, 2160), "1080p": (1920, 1080), "720p": (1280, 720)}  # width, height
SIDES = 48, 64, 96, 128, 200  # of the faces, pixels
COLUMNS, ROWS = 6, 4  # of people in a picture, where so many fit: the detector returns 32 at most
OF_EACH = 6  # pictures that are looked at of each kind
NO_RULE = 10_000  # a least face so large that `detect_size` is enough for it


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="clips with real faces")
    parser.add_argument(
        "--detector", choices=sorted(DETECTORS), default="yunet", help="(default: %(default)s)"
    )
    parser.add_argument("--min-face", type=int, default=64, help="pixels (default: %(default)s)")
    arguments = parser.parse_args()
    settings = crop_settings(arguments.detector)
    path = detector_file(arguments.detector, settings.detector_sha256)
    model = DETECTORS[arguments.detector](path, settings.min_score)
    ways = {
        "without": FaceDetector(model, settings.detect_size, NO_RULE),
        "by the rule": FaceDetector(model, settings.detect_size, arguments.min_face),
    }
    if arguments.detector == YUNET.name:
        theirs = ByOpenCv(path, settings.min_score)
        ways["by OpenCV"] = FaceDetector(theirs, settings.detect_size, arguments.min_face)
    native = FaceDetector(model, 1, model.reach.least)  # every picture at its own size
    people = list(_people(arguments.folder, native))
    print(
        f"{arguments.detector}, {len(people)} faces; looked for from {arguments.min_face} pixels on, "
        f"pictures at {settings.detect_size} pixels or more"
    )
    for kind, (width, height) in PICTURES.items():
        for side in SIDES:
            pictures = [
                _mosaic(people, side, width, height, native, turn) for turn in range(OF_EACH)
            ]
            results = []
            for way, detector in ways.items():
                found, seconds = _looked_for(detector, pictures)
                wanted = sum(len(faces) for _, faces in pictures)
                results.append(f"{way} {found / wanted:6.1%} in {1000 * seconds:5.1f} processor ms")
            print(f"{kind:>5}, {side:3d} pixels, {wanted:4d} faces: {'; '.join(results)}")
        least = ways["by the rule"].least_face(height, width)
        print(f"{kind:>5}: the least face that can be found has {least:.0f} pixels")


class ByOpenCv(YuNet):
    """YuNet as OpenCV runs it."""

    def __init__(self, path: Path, min_score: float) -> None:
        self.sha256 = file_hash(path)
        self._net = cv2.FaceDetectorYN.create(str(path), "", (64, 64), min_score, OVERLAP)

    def find(self, picture: np.ndarray) -> list[Face]:
        """The faces in a picture, (height, width, 3) RGB uint8."""
        self._net.setInputSize(picture.shape[1::-1])
        _, detected = self._net.detect(picture[..., ::-1].copy())
        rows = [] if detected is None else detected.tolist()
        return [
            Face(x, y, width, height, score, tuple(points))
            for x, y, width, height, *points, score in rows
        ]


def _people(folder: Path, native: FaceDetector) -> Iterator[tuple[np.ndarray, Face]]:
    """A frame of each clip with one face in it, cut to three times its side."""
    for path in clips_below(folder)["path"]:
        (frame,) = sample_frames(Path(path), 1)
        faces = native.detect(frame.image)
        if len(faces) == 1:
            yield _around(frame.image, faces[0]), faces[0]


def _around(image: np.ndarray, face: Face) -> np.ndarray:
    left, top = (round(max(0, value)) for value in (face.x - face.side, face.y - face.side))
    right, below = (round(value) for value in (face.x + 2 * face.side, face.y + 2 * face.side))
    return image[top:below, left:right]


def _mosaic(
    people: list[tuple[np.ndarray, Face]],
    side: int,
    width: int,
    height: int,
    native: FaceDetector,
    turn: int,
) -> tuple[np.ndarray, list[Face]]:
    """A picture of people whose faces have that side, and the faces that can be found in it."""
    picture = np.full((height, width, 3), 127, np.uint8)
    wanted, cell = [], 3 * side
    columns, rows = min(COLUMNS, width // cell), min(ROWS, height // cell)
    places = [
        (row * height // rows, column * width // columns)
        for row in range(rows)
        for column in range(columns)
    ]
    for number, (top, left) in enumerate(places):
        image, face = people[(number + turn * len(places)) % len(people)]
        scale = side / face.side
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        small = small[:cell, :cell]
        picture[top : top + small.shape[0], left : left + small.shape[1]] = small
        wanted += [
            Face(found.x + left, found.y + top, found.width, found.height, found.score)
            for found in sorted(native.detect(small), key=lambda found: -found.score)[:1]
        ]
    return picture, wanted


def _looked_for(
    detector: FaceDetector, pictures: list[tuple[np.ndarray, list[Face]]]
) -> tuple[int, float]:
    """How many of the faces are found, and the median processor seconds that a picture takes."""
    found, seconds = 0, []
    for picture, wanted in pictures:
        started = time.process_time()
        faces = detector.detect(picture)
        seconds.append(time.process_time() - started)
        found += sum(any(_overlap(face, other) >= 0.5 for other in faces) for face in wanted)
    return found, statistics.median(seconds)


def _overlap(first: Face, second: Face) -> float:
    """Intersection over union of the two boxes."""
    right = min(first.x + first.width, second.x + second.width)
    bottom = min(first.y + first.height, second.y + second.height)
    shared = max(0.0, right - max(first.x, second.x)) * max(0.0, bottom - max(first.y, second.y))
    return shared / (first.width * first.height + second.width * second.height - shared)


if __name__ == "__main__":
    main()
