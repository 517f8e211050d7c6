"""From archives of frames to archives of face crops: what one worker of `crop_faces` does with one
archive."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from deepfake_detector.common import statuses
from deepfake_detector.common.code_hash import code_hash
from deepfake_detector.faces.cutting import (
    cut,
    given_crop,
    is_given,
    points_in_crop,
    points_in_frame,
    points_of_ready_crop,
    quality,
)
from deepfake_detector.faces.detection import FaceDetector, detector_of
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.settings import CropFaces
from deepfake_detector.faces.tracking import follow, view
from deepfake_detector.media.reading import MediaError, reason
from deepfake_detector.media.stored_frames import frame_rows, picture
from deepfake_detector.storage.archive import (
    ArchiveReader,
    Item,
    Pack,
    encode,
    fingerprint,
    member_of,
)
from deepfake_detector.storage.files import check_same, lost
from deepfake_detector.storage.packs import Task
from deepfake_detector.storage.store import Made, key_of

# as in media.extraction
PACKAGES = (
    "av",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "pillow-heif",
    "scipy",
)
CODE = [  # that crops and rows are made by
    "common/statuses",
    *("faces/appearance", "faces/cropping", "faces/cutting", "faces/detection"),
    *("faces/detection_size", "faces/face", "faces/haar", "faces/shots", "faces/tracking"),
    "faces/yunet",
    *("media/jpeg_damage", "media/reading", "media/still_colours"),
    *("media/stills", "media/stored_frames"),
    "media/upright",
    *("storage/archive", "storage/onnx_session"),
]
BOX = ("x", "y", "width", "height", "score")
Rows = list[tuple[dict, np.ndarray | None]]  # of the faces table, each with its crop if it has one


def crop_tasks(
    index: pd.DataFrame,
    frames: pd.DataFrame,
    known: dict[str, pd.DataFrame],
    source: Path,
    settings: CropFaces,
) -> Callable[[Pack], Task]:
    """What turns packs of the index into tasks for `crop_faces`.

    `frames` is the frames table and `source` the folder of its archives; `known` has, for items in
    which nothing is to be looked for, the rows of the faces table with the boxes of the faces.
    """
    code = code_hash(CODE, PACKAGES)
    md5 = dict(zip(index["item"], index["md5"], strict=True))
    rows_of = {item: frame_rows(rows) for item, rows in frames.groupby("item")}
    boxes_of = {item: _box_rows(rows) for item, rows in known.items()}

    def task(pack: Pack) -> Task:
        frames_of = {item.item: rows_of.get(item.item, []) for item in pack.items}
        boxes = {item.item: boxes_of[item.item] for item in pack.items if item.item in boxes_of}
        stored = any("archive" in row for rows in frames_of.values() for row in rows)
        pictures = fingerprint(source / pack.archive) if stored else []
        sums = {item.item: md5[item.item] for item in pack.items}
        items = [(item.item, item.kind, sums[item.item]) for item in pack.items]
        key = key_of(
            code,
            settings.model_dump(exclude={"share_boxes"}),
            pack.archive,
            items,
            frames_of,
            boxes,
            pictures,
        )
        return Task(pack, (frames_of, boxes, sums, source.absolute(), settings), key)

    return task


def crop_faces(
    pack: Pack,
    frames: dict[str, list[dict]],
    boxes: dict[str, list[dict]],
    md5: dict[str, str],
    source: Path,
    settings: CropFaces,
) -> Made:
    """The faces of a pack's frames, with rows of the table `faces`.

    `frames` and `boxes` are the items' rows as `crop_tasks` hands them out, `source` the folder of
    the frames' archives. A frame without a face, and a face too small to be judged, get a row that
    says so. Raises UserError where a ready crop is no longer the file of the item's MD5 sum.
    """
    rows, members = [], {}
    with ArchiveReader(source) as reader:
        for item in pack.items:
            item_frames, item_boxes = frames[item.item], boxes.get(item.item)
            for row, crop in _faces(
                item, item_frames, item_boxes, md5[item.item], reader, settings
            ):
                if crop is not None:
                    member = member_of(
                        item.item, item.kind, f"{row['frame']:06d}_{row['track']}.png"
                    )
                    members[member] = encode(crop, "png")
                    row |= {"archive": pack.archive, "member": member} | quality(crop)
                rows.append({"item": item.item} | row)
    return Made({"faces": rows}, members)


def lenders(index: pd.DataFrame, frames: pd.DataFrame) -> dict[str, str]:
    """Fake clip -> its original, where the sampled frames of the two align: the same numbers, the
    same sizes."""
    readable = statuses.ok(frames)
    shape_of = {
        item: tuple(rows[["frame", "width", "height"]].itertuples(index=False, name=None))
        for item, rows in readable.groupby("item")
    }
    fakes = index[
        (index["label"] == 1) & (index["kind"] == "video") & index["original"].isin(list(shape_of))
    ]
    return {
        row.item: row.original
        for row in fakes.itertuples()
        if shape_of.get(row.item) == shape_of[row.original]
    }


def lent(
    lender: Mapping[str, str], faces: pd.DataFrame, failed: Collection[str]
) -> dict[str, pd.DataFrame]:
    """The rows of its original in the `faces` table, by the fake that is cut where they are. An
    original that `failed` lends nothing: it is not known whether it has a face."""
    faces_of = dict(tuple(faces.groupby("item")))
    return {
        item: faces_of[real]
        for item, real in lender.items()
        if real in faces_of and real not in failed
    }


def _faces(
    item: Item,
    frames: list[dict],
    boxes: list[dict] | None,
    md5: str,
    reader: ArchiveReader,
    settings: CropFaces,
) -> Rows:
    if bad := next((row for row in frames if row["status"] != statuses.OK), None):
        return [({"status": bad["status"]}, None)]
    if item.kind != "face":
        return _detected(frames, lambda row: picture(item, row, reader), boxes, settings)
    try:
        image = picture(item, {}, reader)
    except OSError as error:
        raise lost(item.path, error.strerror or str(error)) from error
    except MediaError as error:
        check_same(item.path, md5)
        return [({"status": reason(error)}, None)]
    check_same(item.path, md5)  # what is kept under its sum is used again
    if is_given(item.kind, settings.realign):
        return _ready_crop(image, settings.crop_size)
    return _detected(frames, lambda _: image, None, settings)


def _ready_crop(image: np.ndarray, size: int) -> Rows:
    height, width = image.shape[:2]
    row = {
        "frame": 0,
        "time": 0.0,
        "track": 0,
        "x": 0,
        "y": 0,
        "width": width,
        "height": height,
        "status": statuses.OK,
    }
    row["points"] = points_of_ready_crop()
    return [(row, given_crop(image, size))]


def _detected(
    frames: list[dict],
    read: Callable[[dict], np.ndarray],
    boxes: list[dict] | None,
    settings: CropFaces,
) -> Rows:
    """A row for every face in an item's frames, with its crop unless the face is too small.

    The faces are those in `boxes`, or what the detector finds where that is None.
    """
    faces_by_frame, crops, views = [], [], []
    for frame in frames:
        image = read(frame)
        faces = (
            _detector(settings).detect(image)
            if boxes is None
            else _known(boxes, frame["frame"], settings.margin)
        )
        faces_by_frame.append(faces)
        views.append(view(image, faces))
        crops.append([_crop(image, face, settings) for face in faces])
    rows: Rows = []
    for frame, faces, cut_out, tracks in zip(
        frames, faces_by_frame, crops, follow(views, settings.dominant), strict=True
    ):
        base = {"frame": frame["frame"], "time": frame["time"]}
        if not faces:
            rows.append((base | {"status": statuses.NO_FACE}, None))
        for face, crop, track in zip(faces, cut_out, tracks, strict=True):
            status = statuses.TOO_SMALL if crop is None else statuses.OK
            row = (
                base
                | {"track": track, "status": status}
                | {name: getattr(face, name) for name in BOX}
            )
            rows.append((row | {"points": points_in_crop(face, settings.margin)}, crop))
    return rows


def _known(boxes: list[dict], frame: int, margin: float) -> list[Face]:
    boxed = [
        (Face(*(box[name] for name in BOX)), box["points"])
        for box in boxes
        if box["frame"] == frame
    ]
    return [replace(face, points=points_in_frame(points, face, margin)) for face, points in boxed]


def _crop(image: np.ndarray, face: Face, settings: CropFaces) -> np.ndarray | None:
    return (
        None
        if face.side < settings.min_face
        else cut(image, face, settings.margin, settings.crop_size)
    )


@cache
def _detector(settings: CropFaces) -> FaceDetector:
    return detector_of(settings)


def _box_rows(rows: pd.DataFrame) -> list[dict]:
    return [
        {"frame": int(row.frame), "points": row.points}
        | {name: float(getattr(row, name)) for name in BOX}
        for row in rows.dropna(subset=["x"]).itertuples()
    ]
