"""Stored face crops as batches for the network, and what the network says of them."""

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    Sampler,
    SequentialSampler,
    default_collate,
    get_worker_info,
)

from deepfake_detector import UserError
from deepfake_detector.common import console, statuses
from deepfake_detector.faces.cutting import resize
from deepfake_detector.storage.archive import FACES, ArchiveReader
from deepfake_detector.training.memory import is_out_of_memory

# RGB, those of torchvision's ImageNet weights
MEAN, STD = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
JUDGE_BATCH = 64  # faces at a time where nothing is learned
Sample = tuple[Any, ...]  # (3, size, size) uint8 tensor, label, row; and what a subclass adds
Batches = Iterable[Sequence[torch.Tensor]]  # of samples, each of their parts stacked


class FaceCrops(Dataset):
    """Crops by row number. A sample is ((3, size, size) uint8 tensor, label, row).

    `rows` has the columns archive, member and label. They are kept as arrays: of lists, which count
    references to each entry, every process that loads would soon have a copy of its own.
    """

    def __init__(self, rows: pd.DataFrame, input_size: int) -> None:
        self.labels, self.input_size = rows["label"].to_numpy(np.int64), input_size
        self._archives, self._archive_of = np.unique(
            rows["archive"].to_numpy(bytes), return_inverse=True
        )
        self._members = rows["member"].to_numpy(bytes)
        self._reader = ArchiveReader(FACES)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> Sample:
        return self.as_sample(self.picture(row), int(self.labels[row]), row)

    def __getitems__(self, rows: list) -> list[Sample] | UserError:
        """The samples of a batch, or the error that one of them met, for `Loader` to raise.

        Outside of loading processes they are made by as many threads as the network has.
        """
        try:
            if get_worker_info():
                return [self[row] for row in rows]
            with ThreadPoolExecutor(torch.get_num_threads()) as threads:
                return list(threads.map(self.__getitem__, rows))
        except UserError as error:
            return error

    def picture(self, row: int) -> np.ndarray:
        """The stored crop, RGB uint8."""
        return self._reader.picture(
            self._archives[self._archive_of[row]].decode(), self._members[row].decode()
        )

    def as_sample(self, crop: np.ndarray, label: int, row: int) -> tuple[torch.Tensor, int, int]:
        """A square crop of any size, RGB uint8, as the first three parts of a sample."""
        crop = resize(crop, self.input_size)
        return torch.from_numpy(crop).permute(2, 0, 1).contiguous(), label, row


class Loader(DataLoader):
    """A loader that raises the UserError of a sample as it was.

    torch would raise what a process meant to raise as another one, with the traceback in its text.
    """

    def __iter__(self) -> Iterator[Sequence[torch.Tensor]]:  # type: ignore[override]
        for batch in super().__iter__():
            if isinstance(batch, UserError):
                raise batch
            yield batch


def normalise(images: torch.Tensor) -> torch.Tensor:
    """uint8 (N, 3, S, S) to the network's float input."""
    mean, std = _scale(images.device)
    return (images.float() - mean) / std


@cache
@torch.inference_mode(False)
def _scale(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation, copied to a device once: each copy waits for a GPU."""
    mean, std = (
        torch.tensor(values, device=device).view(1, 3, 1, 1) * 255 for values in (MEAN, STD)
    )
    return mean, std


@torch.inference_mode()
def frame_logits(
    detector: torch.nn.Module,
    crops: FaceCrops,
    batch_size: int,
    workers: int,
    watch: Callable[[Batches, int], Batches] = lambda batches, _: batches,
) -> np.ndarray:
    """The logit (fake minus real) of every crop in order, float64, computed where the detector
    lies.

    `watch(batches, number)` wraps the batches, as a progress bar does. Raises UserError where the
    memory does not hold a single face.
    """
    device = next(detector.parameters()).device
    order = BatchSampler(SequentialSampler(crops), batch_size, drop_last=False)
    loaded = loader(crops, order, workers, for_gpu=device.type == "cuda")
    batches = [
        _outputs(detector, normalise(images.to(device)))
        for images, _, _ in watch(loaded, len(order))
    ]
    both = torch.cat(batches) if batches else torch.zeros(0, 2)
    return (both[:, 1] - both[:, 0]).double().numpy()


def _outputs(detector: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Both outputs for each of the inputs; in halves where the memory holds no more."""
    try:
        return detector(inputs).float().cpu()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    if len(inputs) == 1:
        raise UserError(
            "the memory does not hold one face of train.input_size",
            "end what else uses it, lower train.input_size, or, of a GPU, set train.accelerator to "
            "cpu",
        )
    return torch.cat([_outputs(detector, half) for half in inputs.tensor_split(2)])


def judge_faces(
    detector: torch.nn.Module, faces: pd.DataFrame, split: pd.DataFrame, input_size: int
) -> pd.DataFrame:
    """All faces (every track) of a split's items with their logits: rows of the faces and split
    tables, and `logit`."""
    rows = judged_rows(faces, split)
    crops = FaceCrops(rows, input_size)
    return rows.assign(logit=frame_logits(detector, crops, JUDGE_BATCH, 0, watched("judging")))


def judged_rows(faces: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """Rows of both tables for every face of a split's items that has a crop."""
    return statuses.ok(faces).merge(split, on="item").astype({"label": int})


def watched(activity: str) -> Callable[[Batches, int], Batches]:
    """A `watch` for `frame_logits` that shows the progress of batches of JUDGE_BATCH faces."""
    return lambda batches, total: console.progress(batches, total, activity, "face", JUDGE_BATCH)


def loader(
    crops: FaceCrops,
    batches: Sampler,
    workers: int,
    *,
    for_gpu: bool = False,
    keep_workers: bool = False,
) -> Loader:
    """A loader of `batches` of `crops`, made by `workers` processes (0: by threads of this one,
    while the network waits).

    `for_gpu`: in memory that a GPU copies fast. `keep_workers`: from one iteration to the next.
    """
    # a process forked from one with a running OpenCV pool would wait for that pool for ever
    cv2.setNumThreads(1)
    return Loader(
        crops,
        batch_sampler=batches,
        collate_fn=_collate,
        num_workers=workers,
        persistent_workers=keep_workers and workers > 0,
        worker_init_fn=_as_worker,
        pin_memory=for_gpu,
        # a loader of its own: it draws nothing from the run's random numbers
        generator=torch.Generator(),
    )


def _collate(samples: list[Sample] | UserError) -> list[torch.Tensor] | UserError:
    return samples if isinstance(samples, UserError) else default_collate(samples)


def _as_worker(_number: int) -> None:
    """One thread; and Ctrl-C is for the process that trains, which ends its workers when it has
    saved its state."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
