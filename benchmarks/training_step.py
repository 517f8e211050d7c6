"""Training with loading, augmentation and self-blending, against the same steps on tensors that are
in memory already.

    python -m benchmarks.training_step [FOLDER] [--size 224 128] [--workers 0]

FOLDER holds face crops as pictures; without one, faces are drawn. Crops are stored as the pipeline
stores them, 256 pixels a side. The kinds take turns, the median of the rounds counts. Printed are
faces per second, the share of the speed in memory, the processor time of each part per face, and
how the time of an epoch grows with the number of crops.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

from benchmarks import goals
from deepfake_detector.datasets.synthesis.clips import plan, produce
from deepfake_detector.faces.cutting import given_crop, points_of_ready_crop, read_points, resize
from deepfake_detector.media.stills import read_image
from deepfake_detector.storage.archive import FACES, encode, write_archive
from deepfake_detector.training import devices
from deepfake_detector.training.augmentation import augment
from deepfake_detector.training.crops import loader
from deepfake_detector.training.learner import Learner
from deepfake_detector.training.network import build
from deepfake_detector.training.sampling import BalancedBatches, LearningCrops
from deepfake_detector.training.selfblend import self_blend
from deepfake_detector.training.settings import Train

CROPS, SIDE = 256, 256
GOALS = {  # (pixels, precision): least share of the speed in memory, and with every second face self-blended
    (224, "fp32"): (0.95, 0.90),
    (224, "bf16"): (0.90, 0.85),
    (128, "fp32"): (0.80, 0.70),
}
TRAIN = Train()  # the default recipe and strengths of augmentation are measured


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, help="face crops (default: faces are drawn)"
    )
    parser.add_argument(
        "--size", type=int, nargs="+", default=[224, 128], help="pixels a side fed to the network"
    )
    parser.add_argument("--batch", type=int, default=32, help="faces per step")
    parser.add_argument("--workers", type=int, default=0, help="processes that load; 0: threads")
    parser.add_argument(
        "--precision", nargs="+", default=["fp32"], choices=sorted(devices.PRECISIONS)
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    pictures = _pictures(arguments.folder)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        rows = _store(pictures)
        for size in arguments.size:
            _parts(rows, size)
            for precision in arguments.precision:
                _compare(
                    rows, size, precision, arguments.batch, arguments.workers, arguments.rounds
                )
        _growth(rows, arguments.size[-1], arguments.batch, arguments.workers)
        os.chdir("/")


def _compare(
    rows: pd.DataFrame, size: int, precision: str, batch: int, workers: int, rounds: int
) -> None:
    fabric = devices.setup("auto", 1, precision, seed=1)
    learner = Learner(fabric, build("resnet18", "random", ""), TRAIN, steps=10**6)
    learner.model.train()
    kinds = {
        "in memory": _in_memory(rows, size, batch),
        "loaded and augmented": _loaded(rows, size, batch, workers, 0.0),
        "every second one self-blended": _loaded(rows, size, batch, workers, 1.0),
    }
    steps = max(2, 256 // batch)
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for measured in range(rounds + 1):  # the first round warms up
        for kind, batches in kinds.items():
            started = time.perf_counter()
            for images, labels, _ in islice(batches, steps):
                learner.learn([(images, labels)])
            if fabric.device.type == "cuda":
                torch.cuda.synchronize()
            if measured:
                seconds[kind].append(time.perf_counter() - started)
    speeds = {kind: steps * batch / statistics.median(taken) for kind, taken in seconds.items()}
    print(f"{size} pixels, {precision}, batches of {batch}, {workers} loading:")
    for kind, speed in speeds.items():
        print(
            f"  {kind}: {speed:.1f} faces/s, {speed / speeds['in memory']:.2f} of the speed in "
            "memory"
        )
    cores = torch.get_num_threads()
    print(
        f"  a step in memory: {1000 * cores / speeds['in memory']:.1f} core-ms per face on {cores} "
        "cores"
    )
    if (size, precision) not in GOALS:
        return
    for kind, goal in zip(list(kinds)[1:], GOALS[size, precision], strict=True):
        share = speeds[kind] / speeds["in memory"]
        goals.at_least(
            f"training step, {size} px, {precision}, {kind}, of its speed in memory",
            share,
            goal,
            "",
        )


def _parts(rows: pd.DataFrame, size: int) -> None:
    """Processor time of each part, one thread."""
    cv2.setNumThreads(1)
    crops = LearningCrops(rows, size, 1, TRAIN.augment)
    pictures = [crops.picture(row) for row in range(len(crops))]
    points = read_points(points_of_ready_crop())
    work: dict[str, Callable[[int], object]] = {
        "read": crops.picture,
        "augment": lambda row: augment(pictures[row], size, TRAIN.augment, (1, 0, row)),
        "resize alone": lambda row: resize(pictures[row], size),
        "self-blend": lambda row: self_blend(pictures[row], points, np.random.default_rng(row)),
    }
    parts = []
    for name, function in work.items():
        started = time.process_time()
        for row in range(len(crops)):
            function(row)
        parts.append(f"{name} {1000 * (time.process_time() - started) / len(crops):.1f}")
    print(f"{size} pixels, core-ms per face: " + ", ".join(parts))


def _growth(rows: pd.DataFrame, size: int, batch: int, workers: int) -> None:
    """Seconds of an epoch over one, two and four times the crops, with one optimizer going on."""
    fabric = devices.setup("auto", 1, "fp32", seed=1)
    learner = Learner(fabric, build("resnet18", "random", ""), TRAIN, steps=10**6)
    learner.model.train()
    epochs = []
    for times in (1, 1, 2, 4):  # the first warms up
        started = time.perf_counter()
        for images, labels, _ in islice(
            _loaded(pd.concat([rows] * times), size, batch, workers, 0.0),
            len(rows) * times // batch,
        ):
            learner.learn([(images, labels)])
        epochs.append((times * len(rows), time.perf_counter() - started))
    base = epochs[1][1]
    print(
        f"an epoch at {size} pixels: "
        + ", ".join(
            f"{count} crops {seconds:.1f} s ({seconds / base:.2f} x)"
            for count, seconds in epochs[1:]
        )
    )


def _in_memory(rows: pd.DataFrame, size: int, batch: int) -> Iterator:
    crops = LearningCrops(rows, size, 1)
    images = torch.stack([crops[row][0] for row in range(batch)])
    labels = torch.arange(batch) % 2
    while True:
        yield images, labels, None


def _loaded(rows: pd.DataFrame, size: int, batch: int, workers: int, blend: float) -> Iterator:
    """Batches of one epoch after the other, without end."""
    crops = LearningCrops(rows, size, 1, TRAIN.augment)
    even, labels = np.full(len(rows), 1 / len(rows)), rows["label"].to_numpy()
    order = BalancedBatches(
        even, labels, np.arange(len(rows)), batch_size=batch, seed=1, self_blend=blend
    )
    batches = loader(crops, order, workers, keep_workers=True)
    epoch = 0
    while True:
        order.start(epoch)
        yield from batches
        epoch += 1


def _pictures(folder: Path | None) -> list[np.ndarray]:
    if folder:
        paths = sorted(
            path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png")
        )
        return [read_image(path) for path in paths[:: max(1, len(paths) // CROPS)][:CROPS]]
    stills = [clip for clip in plan(2) if not clip.path.endswith(".mp4")]
    return [read_image(produce(still, 1, 1.0, (0.2, 0.3))) for still in stills]


def _store(pictures: list[np.ndarray]) -> pd.DataFrame:
    """The pictures as crops in an archive, so often that there are enough, and their rows."""
    members = {
        f"{n:04d}.png": encode(given_crop(pictures[n % len(pictures)], SIDE), "png")
        for n in range(CROPS)
    }
    write_archive(FACES / "bench.zip", members)
    rows = pd.DataFrame(
        {"archive": "bench.zip", "member": sorted(members), "points": points_of_ready_crop()}
    )
    return rows.assign(label=np.arange(CROPS) % 2)


if __name__ == "__main__":
    main()
