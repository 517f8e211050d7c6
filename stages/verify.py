"""Check the data before anything is learned from it; stop on what would make results wrong.

    python -m stages.verify

reads   data/index.csv, data/frames.csv, data/faces.csv, data/faces/
makes   data/verified.csv (what is kept, and why the rest is not), metrics/verify.json,
        plots/contact_sheets/ (faces of each class and method, and the least sharp of each person)
"""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from deepfake_detector import UserError, audit, console, params, sheets, tables
from deepfake_detector.archive import ArchiveReader
from deepfake_detector.files import write_json, write_whole

SHEETS = Path("plots/contact_sheets")
FACES_SHOWN = 48


def main() -> str:
    (verify,) = params.read("verify")
    limits = audit.Limits(**verify.model_dump())
    index = tables.read("data/index.csv", tables.INDEX)
    frames = tables.read("data/frames.csv", tables.FRAMES)
    faces = tables.read("data/faces.csv", tables.FACES)
    verified = tables.make(audit.judge(index, frames, faces, limits).to_dict("records"), tables.VERIFIED)
    tables.write("data/verified.csv", verified, tables.VERIFIED)
    write_json("metrics/verify.json", _figures(index, faces, verified))
    _write_sheets(index, faces)
    dropped = verified[verified["keep"] == 0]
    for row in dropped.itertuples():
        print(f"  dropped {row.item}: {row.reason}")
    if stoppers := audit.stoppers(index, faces, verified, limits):
        raise UserError("the data cannot be used:\n  " + "\n  ".join(stoppers))
    return f"{len(verified) - len(dropped)} of {len(verified)} items kept, no label conflict"


def _figures(index: pd.DataFrame, faces: pd.DataFrame, verified: pd.DataFrame) -> dict:
    joined = verified.merge(index, on="item")
    kinds = Counter(re.split(" of |:", reason)[0] for reason in joined.loc[joined["keep"] == 0, "reason"])
    return {
        "items": len(joined),
        "kept": int(joined["keep"].sum()),
        "dropped": dict(sorted(kinds.items())),
        "label_conflicts": len(audit.label_conflicts(index)),
        "items_kept": {
            audit.CLASSES[label]: int(kept) for label, kept in joined.groupby("label")["keep"].sum().items()
        },
        "face_coverage": {name: round(share, 6) for name, share in audit.coverage(index, faces).items()},
    }


def _write_sheets(index: pd.DataFrame, faces: pd.DataFrame) -> None:
    found = faces[faces["status"] == "ok"].merge(index[["item", "method", "label"]], on="item")
    with ArchiveReader("data/faces") as reader:
        for (label, method), rows in found.groupby(["label", "method"]):
            spread = np.linspace(0, len(rows) - 1, min(len(rows), FACES_SHOWN)).round().astype(int)
            name = "real" if label == 0 else f"fake_{method}"
            _write_sheet(SHEETS / f"{name}.jpg", rows.iloc[spread], reader)
        least_sharp = found.sort_values(["sharpness", "item"]).drop_duplicates(["item", "track"])
        _write_sheet(SHEETS / "least_sharp.jpg", least_sharp.head(FACES_SHOWN), reader)


def _write_sheet(path: Path, rows: pd.DataFrame, reader: ArchiveReader) -> None:
    crops = [reader.picture(row.archive, row.member) for row in rows.itertuples()]
    captions = [f"{row.item.partition('/')[2]}\nframe {row.frame} track {row.track}" for row in rows.itertuples()]
    write_whole(path, sheets.contact_sheet(crops, captions))


if __name__ == "__main__":
    console.run_stage(main, __doc__)
