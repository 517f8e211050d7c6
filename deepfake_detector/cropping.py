"""From archives of frames to archives of face crops: what one worker of `crop_faces` does with one archive."""

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from deepfake_detector.archive import ArchiveReader, Item, Pack, encode, member_of, write_archive
from deepfake_detector.faces import Face, FaceDetector, cut, follow, given_crop, load_detector, quality
from deepfake_detector.media import MediaError, read_image, reason


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
                    members[member] = encode(crop, "png")
                    row |= {"archive": pack.archive, "member": member} | quality(crop)
                rows.append({"item": item.item} | row)
    if members:
        write_archive(folder / pack.archive, members)
    return rows


def _ready_crop(item: Item, size: int) -> list[tuple[dict, np.ndarray | None]]:
    try:
        image = read_image(Path(item.path))
    except (MediaError, OSError) as error:
        return [({"status": reason(error)}, None)]
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
