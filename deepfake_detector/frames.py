"""From media to archives of frames: what one worker of `extract_frames` does with one archive."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deepfake_detector.archive import Item, Pack, encode, member_of, write_archive
from deepfake_detector.media import Frame, MediaError, read_image, reason, sample_frames


@dataclass(frozen=True)
class FrameSettings:
    """How many frames of a video are kept, and how: `format` is `jpeg` (at `jpeg_quality`, 4:4:4) or `png`."""

    frames: int
    format: str
    jpeg_quality: int


def extract_frames(pack: Pack, folder: Path, settings: FrameSettings) -> list[dict]:
    """Write the sampled frames of a pack below `folder`; return rows of the frames table, a bad item costing one row."""
    rows, members = [], {}
    for item in pack.items:
        try:
            pictures = dict(_still(item) if item.kind == "image" else _sampled(item, settings))
        except (MediaError, OSError) as error:
            rows.append({"item": item.item, "status": reason(error)})
            continue
        for row, data in pictures.values():
            member = member_of(item.item, item.kind, row.pop("name"))
            members[member] = data
            rows.append({"item": item.item, "archive": pack.archive, "member": member, "status": "ok"} | row)
    if members:
        write_archive(folder / pack.archive, members)
    return rows


def _sampled(item: Item, settings: FrameSettings) -> Iterator[tuple[int, tuple[dict, bytes]]]:
    suffix = "png" if settings.format == "png" else "jpg"
    for frame in sample_frames(Path(item.path), settings.frames):
        row = _frame_row(frame) | {"name": f"{frame.index:06d}.{suffix}"}
        yield frame.index, (row, encode(frame.image, suffix, settings.jpeg_quality))


def _still(item: Item) -> Iterator[tuple[int, tuple[dict, bytes]]]:
    """A still keeps its own bytes."""
    data = Path(item.path).read_bytes()
    row = _frame_row(Frame(0, None, 0.0, read_image(data)))
    yield 0, (row | {"name": f"000000{Path(item.path).suffix.lower()}"}, data)


def _frame_row(frame: Frame) -> dict:
    height, width = frame.image.shape[:2]
    return {"frame": frame.index, "pts": frame.pts, "time": frame.time, "width": width, "height": height}
