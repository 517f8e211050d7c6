"""Check the data before anything is learned from it; stop on what would make results wrong.

    python -m stages.verify

reads   data/index.csv, data/media.csv, data/frames.csv, data/frames/, data/faces.csv, data/faces/
makes   data/verified.csv (what is kept, and why the rest is not), data/near_duplicates.csv,
        metrics/verify.json, plots/data_report.html, plots/contact_sheets/ (faces of each class and
        method, and the least sharp of each person)
"""

from pathlib import Path

import pandas as pd

from deepfake_detector import UserError, params
from deepfake_detector.datasets import audit, data_report, duplicates, shortcuts, splitting
from deepfake_detector.datasets.face_sheets import face_sheets, write_sheets
from deepfake_detector.faces import edges
from deepfake_detector.faces.cutting import given_items
from deepfake_detector.media.stored_frames import frame_pictures
from deepfake_detector.pages import html_page
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import FACES, FRAMES, ArchiveReader
from deepfake_detector.storage.files import write_json, write_whole
from stages import runner

SHEETS = Path("plots/contact_sheets")


def main() -> str:
    settings = params.load()
    limits, cropping = settings.verify, settings.crop_faces
    index = tables.read("data/index.csv", tables.INDEX)
    media = tables.read("data/media.csv", tables.MEDIA)
    frames = tables.read("data/frames.csv", tables.FRAMES)
    faces = tables.read("data/faces.csv", tables.FACES)
    verified = tables.make(
        audit.judge(index, frames, faces, limits).to_dict("records"), tables.VERIFIED
    )
    tables.write("data/verified.csv", verified, tables.VERIFIED)
    index = splitting.without_unread(index, verified)
    cut_out = faces[~faces["item"].isin(given_items(index, cropping.realign))]
    filled_in = edges.shares_filled_in(cut_out, frames, cropping.margin)
    with ArchiveReader(FRAMES) as frame_reader, ArchiveReader(FACES) as face_reader:
        picture = frame_pictures(frames, index, frame_reader)
        known = splitting.groups(index, tables.make([], tables.NEAR_DUPLICATES))
        near = tables.make(
            duplicates.near_duplicates(frames, index, known, picture), tables.NEAR_DUPLICATES
        )
        tables.write("data/near_duplicates.csv", near, tables.NEAR_DUPLICATES)
        shortcut = _shortcut(
            index, verified, media, faces, filled_in, near, limits.max_shortcut_auc
        )
        stops = audit.stoppers(index, faces, verified, limits) + audit.shortcut_stopper(
            shortcut, limits
        )
        jpegs = face_sheets(faces, index, face_reader)
        sections = [
            data_report.what_there_is(index, verified, media, faces, filled_in),
            *data_report.dropped(verified, frames, picture),
            data_report.shortcut(shortcut, limits.max_shortcut_auc),
            data_report.look_alikes(near, index, frames, picture),
            data_report.odd_files(audit.oddities(media)),
            *data_report.sheets(jpegs),
        ]
    write_sheets(jpegs, SHEETS)
    write_whole(
        "plots/data_report.html", html_page.render("The data", stops, sections, contents=True)
    )
    write_json("metrics/verify.json", audit.figures(index, media, faces, verified, near, shortcut))
    dropped = verified[verified["keep"] == 0]
    for row in dropped.itertuples():
        print(f"  dropped {row.item}: {row.reason}")
    for line in [
        *audit.shortcut_warning(shortcut, limits),
        *edges.warning(cut_out, frames, cropping.margin),
    ]:
        print(f"  warning: {line}")
    if stops:
        raise UserError("the data cannot be used:\n  " + "\n  ".join(stops))
    auc = "not examined" if shortcut.auc is None else f"{shortcut.auc:.3f}"
    return (
        f"{len(verified) - len(dropped)} of {len(verified)} items kept, no label conflict, "
        f"{len(near)} pairs look alike, ROC-AUC by file facts alone {auc}; see "
        "plots/data_report.html"
    )


def _shortcut(
    index: pd.DataFrame,
    verified: pd.DataFrame,
    media: pd.DataFrame,
    faces: pd.DataFrame,
    filled_in: pd.Series,
    near: pd.DataFrame,
    limit: float,
) -> shortcuts.Shortcut:
    """What the files' facts alone tell of the classes, on what will be trained and chosen on."""
    kept = index["item"].isin(verified.loc[verified["keep"] == 1, "item"])
    items = index[kept & (index["use"] == "train")]
    labels = items.set_index("item")["label"].astype(int)
    return shortcuts.audit_kinds(
        shortcuts.file_facts(items, media, faces, filled_in),
        labels,
        splitting.groups(index, near),
        items.set_index("item")["kind"],
        limit,
    )


if __name__ == "__main__":
    runner.run(main, __doc__)
