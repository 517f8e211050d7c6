"""What is learned from: which crops an epoch draws how often, which of them become pseudo-fakes,
and how they are changed."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Sampler, WeightedRandomSampler

from deepfake_detector import UserError
from deepfake_detector.common import statuses
from deepfake_detector.faces.cutting import read_points, resize
from deepfake_detector.storage.tables import CLASSES, DOMINANT
from deepfake_detector.training.augmentation import augment, moved
from deepfake_detector.training.boundary import boundary
from deepfake_detector.training.crops import FaceCrops, Sample
from deepfake_detector.training.pairing import Pairing
from deepfake_detector.training.selfblend import self_blend
from deepfake_detector.training.settings import Augment

SELF_BLENDED = " (self-blended)"  # what a validation item's pseudo-fake is called
STORED, TARGET, PSEUDO_FAKE = "stored", "target", "pseudo-fake"  # what is shown of a stored face
BLENDING = 1  # sets the random numbers of self-blending apart from those of each augmentation


class Draw(NamedTuple):
    """One sample of an epoch: which crop, and what its changes depend on.

    `pair` is its place in the epoch; a real and a fake face share one, hence the same augmentation
    and the same blend. `shown`: the face as it is stored, or one side of a blend made of it.
    """

    row: int
    epoch: int
    pair: int
    shown: str = STORED


class LearningCrops(FaceCrops):
    """Crops by `Draw`, augmented and self-blended; by row number in validation.

    What is random depends on the seed and the draw alone, so it is the same whichever process does
    it. `rows` has a column `points` too; where it has the columns `shown` and `pair`, these say
    what a row number stands for.

    With `boundaries` a sample has a fourth part, the `boundary` of the blend: 0 everywhere for a
    real face, NaN for a fake that was not made here, of which no mask is known.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        input_size: int,
        seed: int,
        augmentation: Augment | None = None,
        boundaries: bool = False,
    ) -> None:
        super().__init__(rows, input_size)
        self.points = np.array([read_points(points) for points in rows["points"]], np.float32)
        self.shown = rows["shown"].to_numpy(str) if "shown" in rows else np.full(len(rows), STORED)
        self.pairs = rows["pair"].to_numpy(int) if "pair" in rows else np.arange(len(rows))
        self.seed, self.augmentation, self.boundaries = seed, augmentation, boundaries

    def __getitem__(self, key: int | Draw) -> Sample:
        draw = key if isinstance(key, Draw) else Draw(key, 0, self.pairs[key], self.shown[key])
        crop, label = self.picture(draw.row), int(self.labels[draw.row])
        seed = (self.seed, draw.epoch, draw.pair)
        mask = np.full(crop.shape[:2], np.nan if label else 0, np.float32)
        if draw.shown != STORED:
            rng = np.random.default_rng([*seed, BLENDING])
            blend = self_blend(crop, self.points[draw.row], rng)
            if draw.shown == PSEUDO_FAKE:
                crop, label, mask = blend.fake, 1, blend.mask
            else:
                crop, label = blend.target, 0
        if self.augmentation:
            crop = augment(crop, self.input_size, self.augmentation, seed)
        sample = self.as_sample(crop, label, draw.row)
        return (*sample, self._boundary(mask, seed)) if self.boundaries else sample

    def _boundary(self, mask: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
        """Boundary of a mask of the stored crop, where augmentation moves it."""
        if self.augmentation:
            return boundary(moved(mask, self.input_size, self.augmentation, key))
        return boundary(resize(mask, self.input_size))


class BalancedBatches(Sampler[list[Draw]]):
    """Class-balanced batches of an epoch, drawn with replacement by weight, real and fake in turn.

    The process `rank` of `ranks` gets its part of each batch of `batch_size`, in micro-batches of
    at most `micro_batch_size`. What is drawn depends on neither. `labels` and `groups` describe the
    rows. A fraction `real_share` of the draws is real. With probability `pairs` a fake stands
    beside a real face of its group, as far as `Pairing` can. With probability `self_blend` both are
    made of the real face: a pseudo-fake, and the target that it was blended into; where `labels`
    hold no fakes, all are. Call `start` before each epoch.
    """

    def __init__(
        self,
        weights: np.ndarray,
        labels: np.ndarray,
        groups: np.ndarray,
        *,
        batch_size: int,
        seed: int,
        real_share: float = 0.5,
        pairs: float = 0.0,
        self_blend: float = 0.0,
        micro_batch_size: int | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        if batch_size % ranks:
            raise UserError(
                f"train.batch_size {batch_size} is no multiple of the {ranks} processes that train",
                f"set it to {batch_size - batch_size % ranks + ranks}",
            )
        self.labels, self.reals = labels, np.where(labels == 0, weights, 0)
        self.only_reals = not (labels == 1).any()
        _, group = np.unique(np.asarray(groups, str), return_inverse=True)
        both = len(np.unique(labels)) == 2
        self.pairing = Pairing(weights, labels, group, pairs) if both else None
        self.batch_size, self.seed, self.self_blend = batch_size, seed, self_blend
        self.rank, self.ranks = rank, ranks
        self.steps = len(weights) // batch_size
        # of each draw of an epoch, whether it is a real face: spread evenly, the first one is
        self.turns = np.diff(
            np.ceil((np.arange(self.steps * batch_size + 1) * real_share).round(9))
        )
        self.share = batch_size // ranks  # of a batch, for each process
        self.micro_batches = _fewest_micro_batches(self.share, micro_batch_size or self.share)
        self.micro_batch_size = self.share // self.micro_batches  # faces in one
        self.epoch, self.first = 0, 0

    def start(self, epoch: int, step: int = 0) -> None:
        """Let the next iteration be over this epoch, from this step on."""
        self.epoch, self.first = epoch, step

    def __len__(self) -> int:
        return (self.steps - self.first) * self.micro_batches

    def __iter__(self) -> Iterator[list[Draw]]:
        draws, size = self.draws(self.epoch), self.micro_batch_size
        for step in range(self.first, self.steps):
            first = step * self.batch_size + self.rank * self.share
            for micro_batch in range(self.micro_batches):
                yield draws[first + micro_batch * size : first + (micro_batch + 1) * size]

    def draws(self, epoch: int) -> list[Draw]:
        """All samples of an epoch, over all processes, in order. A fake right after a real face is
        its partner; where one class is drawn more often, some of it have none."""
        is_real = self.turns.astype(bool)
        is_partner = ~is_real & np.append(False, is_real[:-1])
        pairs = (~is_partner).cumsum() - 1
        count = (~is_partner).sum()
        drawing, pairing = np.random.SeedSequence([self.seed, epoch]).spawn(2)
        generator = torch.Generator().manual_seed(int(drawing.generate_state(1, np.uint64)[0] >> 1))
        rng = np.random.default_rng(pairing)
        reals = fakes = _drawn(self.reals, count, generator)
        if self.pairing:
            strangers = _drawn(self.pairing.apart, count, generator)
            fakes = self.pairing.partners(reals, strangers, rng)
        blended = (rng.random(count) < self.self_blend) | self.only_reals
        rows = {True: reals, False: np.where(blended, reals, fakes)}
        shown = {True: TARGET, False: PSEUDO_FAKE}
        return [
            Draw(int(rows[real][pair]), epoch, pair, shown[real] if blended[pair] else STORED)
            for pair, real in zip(pairs.tolist(), is_real.tolist(), strict=True)
        ]

    def expected(self) -> np.ndarray:
        """How often an epoch draws each row on average, the pseudo-fakes made of it not counted."""
        real = self.turns.sum()
        times = real * self.reals / self.reals.sum()
        if self.pairing:
            times += (len(self.turns) - real) * (1 - self.self_blend) * self.pairing.fake_shares
        return times


def _drawn(weights: np.ndarray, count: int, generator: torch.Generator) -> np.ndarray:
    """Rows by weight, with replacement."""
    sampler = WeightedRandomSampler(weights.tolist(), int(count), True, generator)
    return np.fromiter(sampler, int, count)


def to_learn_from(faces: pd.DataFrame, split: pd.DataFrame, fakes: str) -> pd.DataFrame:
    """The crops of a split's dominant tracks with label, method and group; with `fakes` as `none`
    the real ones alone."""
    rows = _dominant(faces, split)
    return rows if fakes == "all" else rows[rows["label"] == 0].reset_index(drop=True)


def to_be_judged(
    faces: pd.DataFrame, split: pd.DataFrame, fakes: str, select_by: str | None = None
) -> pd.DataFrame:
    """The crops of a validation split's dominant tracks; with `fakes` as `none` each real one
    twice: as the pseudo-fake made of it, and as the target that this was blended into.

    Where the method `select_by` chooses the epoch, they are all crops as they are, and `selects`
    is true for its fakes and the reals.
    """
    rows = _dominant(faces, split)
    if select_by is not None:
        return rows.assign(selects=(rows["label"] == 0) | (rows["method"] == select_by))
    if fakes == "all":
        return rows
    reals = rows[rows["label"] == 0].assign(shown=TARGET)
    reals["pair"] = range(len(reals))
    twins = reals.assign(
        item=reals["item"] + SELF_BLENDED, label=1, method="self-blended", shown=PSEUDO_FAKE
    )
    return pd.concat([reals, twins], ignore_index=True)


def _dominant(faces: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    cropped = statuses.ok(faces[faces["track"] == DOMINANT])
    return cropped.merge(split, on="item").astype({"label": int})


def draw_weights(rows: pd.DataFrame, balance: str) -> np.ndarray:
    """A weight per row (columns data_set, label, method, group), summing to 1.

    Real and fake weigh the same in all; with `data_set` so do the data sets of the fakes, and the
    methods within each; with `method` the methods among all fakes; with `group` also the source
    groups within each method. Of several data sets that have both classes, the reals of each weigh
    like its fakes: else the data set would give the label away.
    """
    levels = {
        "label": ["label"],
        "data_set": ["label", "fakes_of", "method"],
        "method": ["label", "method"],
        "group": ["label", "method", "group"],
    }[balance]
    rows = rows.assign(fakes_of=rows["data_set"].where(rows["label"] == 1, ""))
    weights = 1 / rows.groupby(levels)["label"].transform("size")
    for depth in range(1, len(levels)):
        weights /= rows.groupby(levels[:depth])[levels[depth]].transform("nunique")
    weights = _reals_as_fakes(rows, weights)
    return (weights / weights.sum()).to_numpy()


def _reals_as_fakes(rows: pd.DataFrame, weights: pd.Series) -> pd.Series:
    """The weights, those of the reals redistributed between the data sets that have fakes too."""
    sums = weights.groupby([rows["data_set"], rows["label"]]).sum().unstack(fill_value=0)
    both = sums[(sums > 0).all(axis="columns")] if len(sums.columns) == 2 else sums[:0]
    if len(both) < 2:
        return weights
    factor = both[1] / both[1].sum() * both[0].sum() / both[0]
    factors = rows["data_set"].map(factor).fillna(1)
    return weights.where(rows["label"] == 1, weights * factors)


def draws_in_words(rows: pd.DataFrame, expected: np.ndarray) -> str:
    """A sentence on the items (columns item, label) that are drawn most rarely; `expected` is how
    often an epoch draws each row."""
    of_item = rows.assign(times=expected).groupby(["label", "item"])["times"].sum()
    least = ", ".join(
        f"{CLASSES[label]} {times.min():.2g}" for label, times in of_item.groupby("label")
    )
    return (
        f"{(of_item == 0).sum()} of {len(of_item)} items can never be drawn; an epoch draws the "
        f"rarest this many times: {least}"
    )


def _fewest_micro_batches(count: int, largest: int) -> int:
    """The least number of equal micro-batches of at most `largest` that hold `count` faces."""
    micro_batches = next(
        number for number in range(-(-count // largest), count + 1) if count % number == 0
    )
    if count // micro_batches < 2:
        raise UserError(
            f"train.batch_size: {count} faces on a device cannot be split into equal micro-batches "
            f"of 2 to {largest}",
            "choose sizes of which one is a multiple of the other",
        )
    return micro_batches
