"""From media to archives of frames: what one worker of `extract_frames` does with one archive."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from deepfake_detector.common import statuses
from deepfake_detector.common.code_hash import code_hash
from deepfake_detector.media.frame_sampling import (
    Frame,
    facts_of,
    sample_frames,
    still_frame,
    without_image,
)
from deepfake_detector.media.perceptual_hash import perceptual_hash
from deepfake_detector.media.probing import Probe, probe
from deepfake_detector.media.reading import MediaError, check_jpeg_side, reason
from deepfake_detector.media.settings import ExtractFrames
from deepfake_detector.media.stills import size_of
from deepfake_detector.storage.archive import Pack, encode, member_of
from deepfake_detector.storage.files import check_same, lost
from deepfake_detector.storage.packs import Task
from deepfake_detector.storage.store import Made, key_of

# imagehash computes with scipy; without pillow-heif some stills cannot be read
PACKAGES = ("av", "imagehash", "numpy", "opencv-python-headless", "pillow", "pillow-heif", "scipy")
CODE = [  # that frames and rows are made by
    "common/statuses",
    *(
        "media/animation",
        "media/decoding",
        "media/extraction",
        "media/facts",
        "media/fields",
        "media/frame_sampling",
        "media/perceptual_hash",
        "media/probing",
        "media/reading",
        "media/still_colours",
        "media/jpeg_damage",
        "media/stills",
        "media/timeline",
        "media/upright",
        "storage/archive",
    ),
]


@dataclass(frozen=True)
class Picture:
    """A sampled frame as it is stored: `row` of the frames table, `name` and `data` in the archive,
    if it goes there, and what it was without its image."""

    row: dict
    name: str
    data: bytes | None
    frame: Frame


def frame_tasks(index: pd.DataFrame, settings: ExtractFrames) -> Callable[[Pack], Task]:
    """What turns packs of the index into tasks for `extract_frames`; its md5 column stands for the
    media."""
    code = code_hash(CODE, PACKAGES)
    md5 = dict(zip(index["item"], index["md5"], strict=True))

    def task(pack: Pack) -> Task:
        items = [
            (item.item, item.kind, Path(item.path).suffix.lower(), md5[item.item])
            for item in pack.items
        ]
        sums = {item.item: md5[item.item] for item in pack.items}
        return Task(
            pack, (sums, settings), key_of(code, settings.model_dump(), pack.archive, items)
        )

    return task


def extract_frames(pack: Pack, md5: dict[str, str], settings: ExtractFrames) -> Made:
    """The sampled frames of a pack, with rows of the tables `frames` and `media`; a bad item costs
    itself only. Raises UserError where that is no longer the file of the item's MD5 sum.

    What a file is follows from its content: an animation is sampled whatever the index calls it.
    Ready crops are looked at but stay where they are: they get rows, and no place in the archive.
    """
    rows, facts, members = [], [], {}
    for item in pack.items:
        path = Path(item.path)
        try:
            probed = probe(path)
            facts.append({"item": item.item} | probed.facts)
            kept = item.kind == "face" or (item.kind == "image" and probed.kind == "image")
            pictures = list(_still(path, item.kind) if kept else _sampled(path, settings, probed))
        except OSError as error:
            raise lost(path, error.strerror or str(error)) from error
        except MediaError as error:
            check_same(path, md5[item.item])
            rows.append({"item": item.item, "status": reason(error)})
            continue
        check_same(path, md5[item.item])  # what is kept under its sum is used again
        for picture in pictures:
            row = {"item": item.item, "status": statuses.OK} | picture.row
            if picture.data is not None:
                row |= {
                    "archive": pack.archive,
                    "member": member_of(item.item, item.kind, picture.name),
                }
                members[row["member"]] = picture.data
            rows.append(row)
        facts[-1] |= facts_of([picture.frame for picture in pictures])
    return Made({"frames": rows, "media": facts}, members)


def _sampled(path: Path, settings: ExtractFrames, probed: Probe) -> Iterator[Picture]:
    suffix = "png" if settings.format == "png" else "jpg"
    for frame in sample_frames(path, settings.frames, probe=probed):
        if suffix == "jpg":
            check_jpeg_side(*frame.image.shape[1::-1])
        data = encode(frame.image, suffix, settings.jpeg_quality)
        yield Picture(_row(frame), f"{frame.index:06d}.{suffix}", data, without_image(frame))


def _still(path: Path, kind: str) -> Iterator[Picture]:
    """A still keeps its own bytes."""
    data = path.read_bytes()
    frame = still_frame(data)
    kept = None if kind == "face" else data
    yield Picture(_row(frame), f"000000{path.suffix.lower()}", kept, without_image(frame))


def _row(frame: Frame) -> dict:
    row = {"frame": frame.index, "pts": frame.pts, "time": frame.time}
    return row | size_of(frame.image) | {"hash": perceptual_hash(frame.image)}
