"""The tables that flow between stages: their columns, and one fixed CSV format (sorted by key, six
decimals, LF)."""

import re
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from deepfake_detector import UserError
from deepfake_detector.storage.files import write_whole

TEXT, WHOLE, NUMBER = "str", "Int64", "float64"
CLASSES = ("real", "fake")  # by label
DOMINANT = 0  # the track that a clip's label is about
TEXT_STORED = str(pa.Column(TEXT).dtype)  # what it is called in a table that was read
EXTRA = "extra."  # begins the names of columns that a data set brings along


def _table(key: list[str], columns: dict[str, pa.Column]) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, strict=True, ordered=True, unique=key, metadata={"key": key})


def _text(*allowed: str) -> pa.Column:
    return pa.Column(TEXT, pa.Check.isin(allowed) if allowed else None)


def _filled() -> pa.Column:
    return pa.Column(TEXT, pa.Check.str_length(min_value=1))


def _whole(nullable: bool = False) -> pa.Column:
    return pa.Column(WHOLE, pa.Check.ge(0), nullable=nullable)


def _number(nullable: bool = True) -> pa.Column:
    return pa.Column(NUMBER, nullable=nullable)


def _label() -> pa.Column:
    return pa.Column(WHOLE, pa.Check.isin([0, 1]))


INDEX = _table(
    ["item"],
    {
        "item": _filled(),
        "data_set": _filled(),
        "kind": _text("video", "image", "face"),
        "path": _filled(),
        "label": _label(),
        "method": _filled(),
        "sources": pa.Column(TEXT),  # ids of the people or videos in it, separated by ";"
        "original": pa.Column(TEXT),  # item a fake was made from
        "official_split": _text("", "train", "val", "test"),
        "use": _text("train", "test"),
        "md5": pa.Column(TEXT, pa.Check.str_length(32, 32)),
        rf"^{re.escape(EXTRA)}.": pa.Column(TEXT, regex=True, required=False),
    },
)
FRAMES = _table(
    ["item", "frame"],
    {
        "item": _filled(),
        "frame": _whole(nullable=True),
        "pts": pa.Column(WHOLE, nullable=True),
        "time": _number(),
        "width": _whole(nullable=True),
        "height": _whole(nullable=True),
        # perceptual hash of the whole picture, 16 hex digits; none of a picture without contrast
        "hash": pa.Column(TEXT),
        "archive": pa.Column(TEXT),  # none for ready crops: they stay where the index has them
        "member": pa.Column(TEXT),
        "status": _filled(),  # of common.statuses, or why there is no frame
    },
)
MEDIA = _table(
    ["item"],
    {
        "item": _filled(),
        "bytes": _whole(),
        "container": pa.Column(TEXT),
        "codec": pa.Column(TEXT),
        "width": _whole(nullable=True),  # of the upright picture
        "height": _whole(nullable=True),
        "rotation": _whole(nullable=True),  # degrees clockwise that players are asked to turn it by
        "duration": _number(),
        "frame_rate": _number(),
        "variable_rate": _whole(nullable=True),  # 1 where the times between frames differ
        "frames_declared": _whole(nullable=True),  # by the header
        "frames_found": _whole(nullable=True),
        "bitrate": _number(),  # of the pictures, bits per second
        "jpeg_quality": _number(),  # 1..100, from the quantisation tables
        # how often the clip's times start; 1 unless it was joined
        "segments": _whole(nullable=True),
        "frames_distrusted": _whole(nullable=True),  # sampled ones that follow damaged data
        "encoder": pa.Column(TEXT),  # what wrote the file, by its own word
        # 1 where it is flipped left to right before it is turned
        "mirrored": _whole(nullable=True),
        "pixel_aspect": _number(),  # width of a stored pixel over its height
        "pixel_format": pa.Column(TEXT),
        "interlaced": _whole(nullable=True),  # 1 where a frame is two fields
        "colour_matrix": pa.Column(TEXT),
        "colour_range": pa.Column(TEXT),
        "transfer": pa.Column(TEXT),
        "colour_profile": pa.Column(TEXT),  # of a still whose colours were converted from it
        "transparent": _whole(nullable=True),  # 1 where a still was laid on white
        "used_bits": _whole(nullable=True),  # of a still of more than 8
        "page": _whole(nullable=True),  # of a still, from 1
    },
)
NEAR_DUPLICATES = _table(
    ["item", "other"],
    {
        "item": _filled(),
        "other": _filled(),
        "frames": _whole(),  # pairs of frames that look alike
        "distance": _whole(),  # of their hashes, in bits, at least
        "correlation": _number(nullable=False),  # of their grey values, at most
    },
)
FACES = _table(
    ["item", "frame", "track"],
    {
        "item": _filled(),
        "frame": _whole(nullable=True),
        "time": _number(),
        "track": _whole(nullable=True),
        "x": _number(),
        "y": _number(),
        "width": _number(),
        "height": _number(),
        "score": _number(),
        "sharpness": _number(),
        "brightness": _number(),
        "contrast": _number(),
        # eyes, nose, corners of the mouth: x and y as shares of the crop's side
        "points": pa.Column(TEXT),
        "archive": pa.Column(TEXT),
        "member": pa.Column(TEXT),
        "status": _filled(),  # of common.statuses, or why there is no crop
    },
)
VERIFIED = _table(["item"], {"item": _filled(), "keep": _label(), "reason": pa.Column(TEXT)})
SPLIT = _table(
    ["item"],
    {
        "item": _filled(),
        "data_set": _filled(),
        "label": _label(),
        "method": _filled(),
        "group": _filled(),
    },
)
VALIDATION = _table(
    ["item", "frame"],
    {
        "item": _filled(),
        "frame": _whole(),
        "label": _label(),
        "group": _filled(),
        "epoch": _whole(),  # the best one, counted from 1; the same in every row
        "logit": _number(nullable=False),
    },
)
PREDICTIONS = _table(
    ["split", "item", "frame", "track"],
    {
        "split": _filled(),  # val, test, or the held-out data set that it is of
        "item": _filled(),
        "data_set": _filled(),
        "label": _label(),
        "method": _filled(),
        "group": _filled(),
        "frame": _whole(),
        "time": _number(),
        "track": _whole(),
        "logit": _number(nullable=False),
    },
)
CLIP_PREDICTIONS = _table(
    ["split", "item"],
    {
        "split": _filled(),  # val, test, or the held-out data set that it is of
        "item": _filled(),
        "data_set": _filled(),
        "label": _label(),
        "method": _filled(),
        "group": _filled(),
        # spelled out: stages that know no verdict need not run again for common/verdicts.py
        "verdict": _text("REAL", "FAKE", "INCONCLUSIVE"),
        "reason": pa.Column(TEXT),
        "frames_sampled": _whole(),
        "frames_with_face": _whole(),
        "logit": _number(),
        "fake_probability": _number(),
    },
)


def make(rows: list[dict], schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Rows as a table of `schema`, sorted by its key. Absent cells are empty (text) or null."""
    extra = {name for row in rows for name in row if name.startswith(EXTRA)}
    frame = pd.DataFrame(rows, columns=[*_dtypes(schema), *sorted(extra)])
    texts = _texts(frame, schema)
    frame[texts] = frame[texts].astype(object).fillna("")
    frame = frame.astype(_dtypes(schema) | dict.fromkeys(extra, TEXT_STORED))
    return schema.validate(frame.sort_values(schema.metadata["key"], ignore_index=True))


def read(path: str | Path, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """A table that `write` wrote. Raises UserError where it is missing or not of `schema`."""
    dtypes = _dtypes(schema)
    numbers = [name for name, dtype in dtypes.items() if dtype != TEXT_STORED]
    try:
        frame = pd.read_csv(
            path,
            dtype=defaultdict(lambda: TEXT_STORED, dtypes),
            na_values=dict.fromkeys(numbers, [""]),
            keep_default_na=False,
            lineterminator="\n",
        )
        return schema.validate(frame.fillna(dict.fromkeys(_texts(frame, schema), "")))
    except FileNotFoundError as error:
        raise UserError(f"{path}: not there", "`dvc repro` makes it") from error
    except (pa.errors.SchemaError, pa.errors.SchemaErrors, TypeError, ValueError) as error:
        raise UserError(f"{path}: not the table this version writes", "run `dvc repro`") from error


def write(path: str | Path, frame: pd.DataFrame, schema: pa.DataFrameSchema) -> None:
    """Write a table made by `make`, whole or not at all."""
    text = schema.validate(frame).to_csv(index=False, float_format="%.6f", lineterminator="\n")
    write_whole(path, text.encode())


def write_plot(path: str | Path, rows: pd.DataFrame) -> None:
    """Write a table that `dvc plots` draws, whole or not at all."""
    text = rows.to_csv(index=False, float_format="%.6f", lineterminator="\n")
    write_whole(path, text.encode())


def _dtypes(schema: pa.DataFrameSchema) -> dict[str, str]:
    """Data types of the columns that every table of the schema has."""
    return {name: str(column.dtype) for name, column in schema.columns.items() if column.required}


def _texts(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> list[str]:
    dtypes = _dtypes(schema)
    return [name for name in frame.columns if dtypes.get(name, TEXT_STORED) == TEXT_STORED]
