"""From media to archives of frames, and from those to archives of face crops: what one worker does with one archive.

A `Pack` is the unit of work: the items whose pictures share one archive (one video, or a share of the stills).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from deepfake_detector.archive import ArchiveReader, archive_of, member_of, write_archive
from deepfake_detector.faces import Face, FaceDetector, cut, follow, load_detector, quality, resize
from deepfake_detector.media import Frame, MediaError, read_image, sample_frames

PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # the least effort: much faster, hardly larger
JPEG_444 = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, cv2.IMWRITE_JPEG_QUALITY]


@dataclass(frozen=True)
class Item:
    """What the workers need of a row of the index."""

    item: str
    kind: str
    path: str


@dataclass(frozen=True)
class Pack:
    """Items whose pictures share the archive `archive` (a path below the stage's output folder)."""

    archive: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class FrameSettings:
    """How many frames of a video are kept, and how: `format` is `jpeg` (at `jpeg_quality`, 4:4:4) or `png`."""

    frames: int
    format: str
    jpeg_quality: int


@dataclass(frozen=True)
class CropSettings:
    """Which detector finds the faces, and how they are cut; lengths in pixels."""

    detector: str
    detect_size: int
    min_score: float
    yunet_sha256: str
    min_face: int
    margin: float
    size: int


def pack(index: pd.DataFrame) -> list[Pack]:
    """The rows of the index as packs, sorted by archive."""
    packs: dict[str, list[Item]] = {}
    for row in index.itertuples():
        packs.setdefault(archive_of(row.item, row.kind), []).append(Item(row.item, row.kind, row.path))
    return [Pack(archive, tuple(packs[archive])) for archive in sorted(packs)]


def extract_frames(pack: Pack, folder: Path, settings: FrameSettings) -> list[dict]:
    """Write the sampled frames of a pack below `folder`; return rows of the frames table, a bad item costing one row."""
    rows, members = [], {}
    for item in pack.items:
        try:
            pictures = dict(_still(item) if item.kind == "image" else _sampled(item, settings))
        except (MediaError, OSError) as error:
            rows.append({"item": item.item, "status": _reason(error)})
            continue
        for row, data in pictures.values():
            member = member_of(item.item, item.kind, row.pop("name"))
            members[member] = data
            rows.append({"item": item.item, "archive": pack.archive, "member": member, "status": "ok"} | row)
    if members:
        write_archive(folder / pack.archive, members)
    return rows


def crop_faces(pack: Pack, frames: list[dict], source: Path, folder: Path, settings: CropSettings) -> list[dict]:
    """Write the faces of a pack's frames below `folder`; return rows of the faces table.

    `frames` are the pack's rows of the frames table (ready crops have none) and `source` the folder of their archives.
    A frame without a face, and a face too small to be judged, get a row that says so.
    """
    rows, members = [], {}
    with ArchiveReader(source) as reader:
        for item in pack.items:
            own = [row for row in frames if row["item"] == item.item]
            found = _ready_crop(item, settings.size) if item.kind == "face" else _detected(own, reader, settings)
            for row, crop in found:
                if crop is not None:
                    member = member_of(item.item, item.kind, f"{row['frame']:06d}_{row['track']}.png")
                    members[member] = _encoded(crop, ".png", PNG)
                    row |= {"archive": pack.archive, "member": member} | quality(crop)
                rows.append({"item": item.item} | row)
    if members:
        write_archive(folder / pack.archive, members)
    return rows


def failed(pack: Pack, reason: str) -> list[dict]:
    """Rows of the frames or faces table for a pack whose worker was lost."""
    return [{"item": item.item, "status": reason} for item in pack.items]


def read_crop(reader: ArchiveReader, archive: str, member: str) -> np.ndarray:
    """One stored face, (size, size, 3) RGB uint8."""
    data = np.frombuffer(reader.read(archive, member), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def given_crop(image: np.ndarray, size: int) -> np.ndarray:
    """The central square of a picture that is a face already, at `size` pixels a side."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(image[top : top + side, left : left + side], size)


def _sampled(item: Item, settings: FrameSettings) -> Iterator[tuple[int, tuple[dict, bytes]]]:
    suffix, options = (".png", PNG) if settings.format == "png" else (".jpg", [*JPEG_444, settings.jpeg_quality])
    for frame in sample_frames(Path(item.path), settings.frames):
        row = _frame_row(frame) | {"name": f"{frame.index:06d}{suffix}"}
        yield frame.index, (row, _encoded(frame.image, suffix, options))


def _still(item: Item) -> Iterator[tuple[int, tuple[dict, bytes]]]:
    """A still keeps its own bytes."""
    data = Path(item.path).read_bytes()
    row = _frame_row(Frame(0, None, 0.0, read_image(data)))
    yield 0, (row | {"name": f"000000{Path(item.path).suffix.lower()}"}, data)


def _frame_row(frame: Frame) -> dict:
    height, width = frame.image.shape[:2]
    return {"frame": frame.index, "pts": frame.pts, "time": frame.time, "width": width, "height": height}


def _ready_crop(item: Item, size: int) -> list[tuple[dict, np.ndarray | None]]:
    try:
        image = read_image(Path(item.path))
    except (MediaError, OSError) as error:
        return [({"status": _reason(error)}, None)]
    height, width = image.shape[:2]
    row = {"frame": 0, "time": 0.0, "track": 0, "x": 0, "y": 0, "width": width, "height": height, "status": "ok"}
    return [(row, given_crop(image, size))]


def _detected(
    frames: list[dict], reader: ArchiveReader, settings: CropSettings
) -> list[tuple[dict, np.ndarray | None]]:
    """A row for every face found in an item's frames, with its crop unless the face is too small."""
    detector, found, crops = _detector(settings), [], []
    for frame in frames:
        if frame["status"] != "ok":
            return [({"status": frame["status"]}, None)]
        image = read_image(reader.read(frame["archive"], frame["member"]))
        faces = detector.detect(image)
        found.append(faces)
        crops.append([_crop(image, face, settings) for face in faces])
    rows = []
    for frame, faces, cut_out, tracks in zip(frames, found, crops, follow(found), strict=True):
        base = {"frame": frame["frame"], "time": frame["time"]}
        if not faces:
            rows.append((base | {"status": "no face"}, None))
        for face, crop, track in zip(faces, cut_out, tracks, strict=True):
            status = "ok" if crop is not None else "face too small"
            rows.append((base | {"track": track, "status": status} | asdict(face), crop))
    return rows


def _crop(image: np.ndarray, face: Face, settings: CropSettings) -> np.ndarray | None:
    return None if face.side < settings.min_face else cut(image, face, settings.margin, settings.size)


@cache
def _detector(settings: CropSettings) -> FaceDetector:
    return load_detector(settings.detector, settings.detect_size, settings.min_score, settings.yunet_sha256)


def _encoded(image: np.ndarray, suffix: str, options: list[int]) -> bytes:
    _, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, MediaError) else f"cannot be read: {getattr(error, 'strerror', error)}"
