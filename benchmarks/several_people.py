"""How often clips of real people alone are called fake, by the number of people in them.

    python -m benchmarks.several_people [--tries 300]
    python -m benchmarks.several_people --clips FOLDER [--model models/detector.onnx]
                                        [--pictures 40]

Simulated people, each independent of the others, whose logits have the shape named. The threshold
for one person is fitted for a tenth of the real clips of a validation set of that size. Printed is
the fraction called fake at that threshold, and in brackets at the one for so many people
(deepfake_detector/scoring/people.py).

With --clips real clips of a person each are shown side by side instead, and judged by an exported
model. Clips are drawn at random, each once at most in a picture.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.extract_crop import clips_below
from deepfake_detector import Detector
from deepfake_detector.media.frame_sampling import Frame, sample_frames
from deepfake_detector.scoring.decision import judge
from deepfake_detector.scoring.people import MOST, fake_from

SHAPES = ("normal", "logistic", "gumbel")
CLIPS = (15, 30, 100, 1000)
FALSE_ALARMS = 0.1
TRUTH = 400_000
SIDE_BY_SIDE = 1, 2, 4, 8  # clips in a picture
CELL = 640, 360  # pixels of each, its longest side at most


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tries", type=int, default=300, help="simulations of each kind (default: %(default)s)"
    )
    parser.add_argument("--clips", type=Path, metavar="FOLDER", help="real clips of a person each")
    parser.add_argument(
        "--model", type=Path, default=Path("models/detector.onnx"), help="(default: %(default)s)"
    )
    parser.add_argument(
        "--pictures", type=int, default=40, help="of so many clips each (default: %(default)s)"
    )
    arguments = parser.parse_args()
    if arguments.clips:
        paths = [Path(path) for path in clips_below(arguments.clips)["path"]]
        _side_by_side(paths, Detector.load(arguments.model), arguments.pictures)
    else:
        _simulated(arguments.tries)


def _simulated(tries: int) -> None:
    people = np.arange(1, MOST + 1)
    print(f"{'scores':>10} {'clips':>6}" + "".join(f"{count:>14}" for count in people))
    for shape in SHAPES:
        rng = np.random.default_rng(1)
        everybody = np.sort(getattr(rng, shape)(size=TRUTH))
        for clips in CLIPS:
            rates = np.zeros((2, MOST))
            for _ in range(tries):
                reals = getattr(rng, shape)(size=clips)
                thresholds = fake_from(reals, float(np.quantile(reals, 1 - FALSE_ALARMS)))
                below = np.searchsorted(everybody, thresholds) / TRUTH
                rates += 1 - below[0] ** people, 1 - below**people
            before, after = 100 * rates / tries
            row = [
                f"{alone:.1f} % ({of_so_many:.1f})"
                for alone, of_so_many in zip(before, after, strict=True)
            ]
            print(f"{shape:>10} {clips:>6}" + "".join(f"{cell:>14}" for cell in row), flush=True)


def _side_by_side(paths: Sequence[Path], detector: Detector, pictures: int) -> None:
    """Real clips shown side by side: how many are called fake, and how many get no verdict."""
    clips = [
        [_framed(one) for one in sample_frames(path, detector.contract.frames)] for path in paths
    ]
    decision, rng = detector.contract.decision, np.random.default_rng(1)
    print(f"{len(clips)} real clips; FAKE from {decision.fake_from(1):.3f} for one person")
    for count in (one for one in SIDE_BY_SIDE if one <= len(clips)):
        verdicts, people = [], []
        drawn = range(len(clips)) if count == 1 else range(pictures)
        for number in drawn:
            chosen = [number] if count == 1 else rng.choice(len(clips), count, replace=False)
            clip, _ = detector.score(_joined([clips[one] for one in chosen]))
            people.append(clip.people)
            verdicts.append(
                [
                    judge(clip.logit, clip.reason, decision, assumed).verdict
                    for assumed in (1, clip.people)
                ]
            )
        before, after = (list(one) for one in zip(*verdicts, strict=True))
        print(
            f"{count} side by side: {len(verdicts)} pictures, {np.mean(people):.1f} people judged; "
            f"called fake as if one {before.count('FAKE')}, as so many {after.count('FAKE')}; "
            f"no verdict {before.count('INCONCLUSIVE')}, {after.count('INCONCLUSIVE')}",
            flush=True,
        )


def _framed(frame: Frame) -> np.ndarray:
    """A frame within a cell, black around it."""
    height, width = frame.image.shape[:2]
    scale = min(CELL[0] / width, CELL[1] / height)
    size = round(width * scale), round(height * scale)
    cell = np.zeros((CELL[1], CELL[0], 3), np.uint8)
    cell[: size[1], : size[0]] = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
    return cell


def _joined(clips: Sequence[Sequence[np.ndarray]]) -> list[Frame]:
    """The clips in two rows, frame by frame, a second apart, for as long as the shortest lasts."""
    rows = 1 if len(clips) < 3 else 2
    shown = []
    for index, cells in enumerate(zip(*clips, strict=False)):
        across = len(cells) // rows
        lines = [np.hstack(cells[row * across : (row + 1) * across]) for row in range(rows)]
        shown.append(Frame(index, None, float(index), np.vstack(lines)))
    return shown


if __name__ == "__main__":
    main()
