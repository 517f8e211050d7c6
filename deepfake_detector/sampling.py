"""What is learned from: which crops an epoch draws how often, which of them become pseudo-fakes, and how they are changed."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Sampler, WeightedRandomSampler

from deepfake_detector import UserError
from deepfake_detector.augmentation import Augmentation
from deepfake_detector.crops import FaceCrops
from deepfake_detector.faces import read_points
from deepfake_detector.selfblend import self_blend

NOT_BLENDED = -1


class Draw(NamedTuple):
    """One sample of an epoch: which crop, and what its changes depend on.

    `position` is its place in the epoch; a self-blended sample has the position of the real face it stands beside, hence
    the same augmentation, and a number `blend` of its own.
    """

    row: int
    epoch: int
    position: int
    blend: int = NOT_BLENDED


class LearningCrops(FaceCrops):
    """Crops by `Draw`, augmented and self-blended; by row number in validation.

    What is random depends on the seed and the draw alone, so it is the same whichever process does it. `rows` has a column
    `points` too; where it has a column `blended`, the rows in which that holds are pseudo-fakes whatever the draw says.
    """

    def __init__(
        self, rows: pd.DataFrame, input_size: int, seed: int, augmentation: Augmentation | None = None
    ) -> None:
        super().__init__(rows, input_size)
        self.points = np.array([read_points(points) for points in rows["points"]], np.float32)
        self.blended = rows["blended"].to_numpy(bool) if "blended" in rows else np.zeros(len(rows), bool)
        self.seed, self.augmentation = seed, augmentation

    def __getitem__(self, key: int | Draw) -> tuple[torch.Tensor, int, int]:
        draw = key if isinstance(key, Draw) else Draw(key, 0, key, 0 if self.blended[key] else NOT_BLENDED)
        crop, label = self.picture(draw.row), int(self.labels[draw.row])
        if draw.blend != NOT_BLENDED:
            rng = np.random.default_rng([self.seed, draw.epoch, draw.position, draw.blend])
            crop, _ = self_blend(crop, self.points[draw.row], rng)
            label = 1
        if self.augmentation:
            rng = np.random.default_rng([self.seed, draw.epoch, draw.position])
            crop = self.augmentation.apply(crop, self.input_size, rng)
        return self.as_sample(crop, label, draw.row)


class BalancedBatches(Sampler[list[Draw]]):
    """The batches of an epoch, drawn with replacement by weight; `start` before each epoch.

    Of each batch of `batch_size` the process `rank` of `ranks` gets its part, in pieces of at most `micro_batch_size`: what
    is drawn depends neither on the number of processes nor on the size of the pieces. With the probability `self_blend` a
    fake is replaced by a pseudo-fake of a real face of the same batch; where `labels` hold no fakes, every second draw is.
    """

    def __init__(
        self,
        weights: np.ndarray,
        labels: np.ndarray,
        batch_size: int,
        seed: int,
        self_blend: float = 0.0,
        micro_batch_size: int | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.weights, self.labels, self.batch_size, self.seed = weights, labels, batch_size, seed
        self.self_blend, self.rank, self.ranks = self_blend, rank, ranks
        self.updates = len(weights) // batch_size
        self.share = batch_size // ranks  # of a batch, for each process
        self.pieces = _fewest_pieces(self.share, micro_batch_size or self.share)
        self.piece = self.share // self.pieces  # faces in one
        self.epoch, self.first = 0, 0

    def start(self, epoch: int, update: int = 0) -> None:
        """The next iteration is over this epoch, from this update on."""
        self.epoch, self.first = epoch, update

    def __len__(self) -> int:
        return (self.updates - self.first) * self.pieces

    def __iter__(self) -> Iterator[list[Draw]]:
        draws, size = self.draws(self.epoch), self.piece
        for update in range(self.first, self.updates):
            first = update * self.batch_size + self.rank * self.share
            for piece in range(self.pieces):
                part = draws[first + piece * size : first + (piece + 1) * size].tolist()
                yield [Draw(row, self.epoch, position, blend) for row, position, blend in part]

    def draws(self, epoch: int) -> np.ndarray:
        """All samples of an epoch, over all processes, in order: (count, 3) of row, position and blend."""
        count = self.updates * self.batch_size
        order, blending = np.random.SeedSequence([self.seed, epoch]).spawn(2)
        generator = torch.Generator().manual_seed(int(order.generate_state(1, np.uint64)[0] >> 1))
        rows = np.fromiter(WeightedRandomSampler(self.weights.tolist(), count, True, generator), int, count)
        chosen = np.random.default_rng(blending).random(count) < self.self_blend
        draws = np.column_stack([rows, np.arange(count), np.full(count, NOT_BLENDED)])
        for start in range(0, count if self.self_blend else 0, self.batch_size):
            here = np.arange(start, start + self.batch_size)
            fakes = self.labels[rows[here]] == 1 if (self.labels == 1).any() else here % 2 == 1
            reals, places = here[~fakes], here[fakes & chosen[here]]
            if len(reals):  # a batch without a real face keeps its fakes
                draws[places, :2] = draws[np.resize(reals, len(places)), :2]
                draws[places, 2] = places
        return draws


def draw_weights(rows: pd.DataFrame, balance: str) -> np.ndarray:
    """A weight per row (columns label, method, group), summing to 1.

    Real and fake weigh the same in all; with `method` so do the methods among the fakes; with `group` so do the source
    groups within each method.
    """
    levels = {"label": ["label"], "method": ["label", "method"], "group": ["label", "method", "group"]}[balance]
    weights = 1 / rows.groupby(levels)["label"].transform("size")
    for depth in range(1, len(levels)):
        weights /= rows.groupby(levels[:depth])[levels[depth]].transform("nunique")
    return (weights / weights.sum()).to_numpy()


def _fewest_pieces(count: int, largest: int) -> int:
    """Into how many equal pieces of at most `largest` a process's part of a batch is cut."""
    pieces = next(number for number in range(-(-count // largest), count + 1) if count % number == 0)
    if count // pieces < 2:
        raise UserError(
            f"train.batch_size: {count} faces on a device cannot be cut into equal pieces of 2 to {largest}; choose sizes "
            "of which one is a multiple of the other"
        )
    return pieces
