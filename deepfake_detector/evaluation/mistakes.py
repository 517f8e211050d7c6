"""The clips that a detector is most confidently wrong about: a contact sheet for each class."""

import pandas as pd

from deepfake_detector.pages.contact_sheet import SHOWN, contact_sheet
from deepfake_detector.storage.archive import ArchiveReader

SHEETS = {"real_called_fake": 0, "fake_called_real": 1}  # name -> label


def sheets(
    clips: pd.DataFrame, frames: pd.DataFrame, threshold: float, reader: ArchiveReader
) -> dict[str, bytes]:
    """Contact sheets (JPEG) by the names of SHEETS, the most confident mistake first: of each clip
    on the wrong side of the threshold the face with the most extreme logit of the person who
    decided.

    `clips` has the columns item, label, track and fake_probability, `frames` item, track, logit,
    archive and member; `reader` reads the archives of faces. A sheet without mistakes is blank.
    """
    scored = clips.dropna(subset="fake_probability")
    result = {}
    for name, label in SHEETS.items():
        of_class = scored[scored["label"] == label]
        wrong = of_class[(of_class["fake_probability"] >= threshold) != (label == 1)]
        wrong = wrong.sort_values(["fake_probability", "item"], ascending=[label == 1, True]).head(
            SHOWN
        )
        decided = frames.merge(wrong[["item", "track"]], on=["item", "track"])
        faces = decided.sort_values(
            ["logit", "frame"], ascending=[label == 1, True]
        ).drop_duplicates("item")
        shown = wrong.merge(faces[["item", "archive", "member"]], on="item")
        result[name] = contact_sheet(
            [reader.picture(row.archive, row.member) for row in shown.itertuples()],
            [
                f"{row.item.partition('/')[2]}\nfake {row.fake_probability:.2f}"
                for row in shown.itertuples()
            ],
        )
    return result
