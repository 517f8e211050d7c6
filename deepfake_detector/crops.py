"""Stored face crops as training samples: reading, augmentation, and which are drawn how often."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, WeightedRandomSampler

from deepfake_detector.archive import ArchiveReader
from deepfake_detector.faces import resize

FOLDER = "data/faces"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB, those of torchvision's ImageNet weights
JUDGE_BATCH = 64  # faces at a time where nothing is learned


@dataclass(frozen=True)
class Augmentation:
    """How training crops are changed: `flip`, `blur`, `downscale`, `jpeg`, `noise` are probabilities, `shift`, `scale`
    and `colour` largest shares, `rotate` degrees."""

    flip: float
    shift: float
    scale: float
    rotate: float
    colour: float
    blur: float
    downscale: float
    jpeg: float
    noise: float

    def apply(self, crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A changed copy of `crop`, (size, size, 3) RGB uint8; the same generator state gives the same pixels."""
        crop = self._moved(crop, rng)
        if self.colour:
            crop = self._coloured(crop, rng)
        if rng.random() < self.downscale:
            small = resize(crop, max(16, round(crop.shape[0] * rng.uniform(0.35, 0.9))))
            crop = resize(small, crop.shape[0])
        if rng.random() < self.blur:
            crop = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.3, 1.5))
        if rng.random() < self.noise:
            noisy = crop + rng.standard_normal(crop.shape, np.float32) * np.float32(rng.uniform(1, 8))
            crop = np.clip(noisy, 0, 255).astype(np.uint8)
        if rng.random() < self.jpeg:
            _, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))])
            crop = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return crop

    def _moved(self, crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        size = crop.shape[0]
        angle, zoom = rng.uniform(-self.rotate, self.rotate), 1 + rng.uniform(-self.scale, self.scale)
        shift = rng.uniform(-self.shift, self.shift, 2) * size
        matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), angle, zoom)
        matrix[:, 2] += shift
        if rng.random() < self.flip:
            matrix = np.array([[-1, 0, size - 1], [0, 1, 0]]) @ np.vstack([matrix, [0, 0, 1]])
        return cv2.warpAffine(crop, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _coloured(self, crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        brightness, contrast, saturation = 1 + rng.uniform(-self.colour, self.colour, 3)
        picture = crop.astype(np.float32)
        grey = picture @ np.float32([0.299, 0.587, 0.114])
        picture = grey[..., None] + np.float32(saturation) * (picture - grey[..., None])
        picture = (picture - grey.mean()) * np.float32(contrast) + grey.mean() * np.float32(brightness)
        return np.clip(picture, 0, 255).astype(np.uint8)


class FaceCrops(Dataset):
    """Crops by row number, or by (row, epoch, position) where they are augmented.

    Augmentation depends on (seed, epoch, position) alone, so it is the same whichever process does it. A sample is
    ((3, size, size) uint8 tensor, label, row).
    """

    def __init__(
        self, rows: pd.DataFrame, input_size: int, seed: int = 0, augmentation: Augmentation | None = None
    ) -> None:
        self.archives, self.members = rows["archive"].to_list(), rows["member"].to_list()
        self.labels = rows["label"].to_list()
        self.input_size, self.seed, self.augmentation = input_size, seed, augmentation
        self._reader = ArchiveReader(FOLDER)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, key: int | tuple[int, int, int]) -> tuple[torch.Tensor, int, int]:
        row, epoch, position = key if isinstance(key, tuple) else (key, 0, 0)
        crop = self._reader.picture(self.archives[row], self.members[row])
        if self.augmentation:
            crop = self.augmentation.apply(crop, np.random.default_rng([self.seed, epoch, position]))
        crop = resize(crop, self.input_size)
        return torch.from_numpy(crop).permute(2, 0, 1).contiguous(), self.labels[row], row


class BalancedSampler(Sampler[tuple[int, int, int]]):
    """Draws (row, epoch, position) with replacement by weight; `set_epoch` before each epoch."""

    def __init__(self, weights: np.ndarray, count: int, seed: int) -> None:
        self.weights, self.count, self.seed, self.epoch = weights, count, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        seed = np.random.SeedSequence([self.seed, self.epoch]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(seed >> 1))
        drawn = WeightedRandomSampler(self.weights.tolist(), self.count, True, generator)
        for position, row in enumerate(drawn):
            yield row, self.epoch, position


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


def normalise(images: torch.Tensor) -> torch.Tensor:
    """uint8 (N, 3, S, S) to the network's float input."""
    mean = torch.tensor(MEAN, device=images.device).view(1, 3, 1, 1) * 255
    std = torch.tensor(STD, device=images.device).view(1, 3, 1, 1) * 255
    return (images.float() - mean) / std


@torch.inference_mode()
def frame_logits(detector: torch.nn.Module, crops: FaceCrops, batch_size: int, workers: int) -> np.ndarray:
    """The logit (fake minus real) of every crop in order, float64, computed where the detector lies."""
    device = next(detector.parameters()).device
    batches = [
        detector(normalise(images.to(device))).float().cpu() for images, _, _ in loader(crops, batch_size, workers)
    ]
    both = torch.cat(batches) if batches else torch.zeros(0, 2)
    return (both[:, 1] - both[:, 0]).double().numpy()


def judge_faces(detector: torch.nn.Module, faces: pd.DataFrame, split: pd.DataFrame, input_size: int) -> pd.DataFrame:
    """All faces (every track) of a split's items with their logits: rows of the faces and split tables, and `logit`."""
    rows = faces[faces["status"] == "ok"].merge(split, on="item").astype({"label": int})
    return rows.assign(logit=frame_logits(detector, FaceCrops(rows, input_size), JUDGE_BATCH, workers=1))


def loader(crops: FaceCrops, batch_size: int, workers: int, sampler: BalancedSampler | None = None) -> DataLoader:
    """Batches of `crops` in order, or as `sampler` draws them; then the last, smaller batch is left out."""
    if workers:
        cv2.setNumThreads(1)  # a process forked from one with a running OpenCV pool would wait for that pool for ever
    return DataLoader(
        crops,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        drop_last=sampler is not None,
        persistent_workers=workers > 0 and sampler is not None,
        worker_init_fn=_one_thread,
        pin_memory=torch.cuda.is_available(),
    )


def _one_thread(_worker: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
