"""The clips a detector is most confidently wrong about, to be looked at: a sheet of faces each."""

import pandas as pd

from deepfake_detector.pages.contact_sheet import SHOWN, contact_sheet
from deepfake_detector.storage.archive import ArchiveReader

SHEETS = {"real_called_fake": 0, "fake_called_real": 1}  # name -> label


def sheets(
    clips: pd.DataFrame, frames: pd.DataFrame, threshold: float, reader: ArchiveReader
) -> dict[str, bytes]:
    """Contact sheets by name: of each clip on the wrong side of the threshold the face, of the
    person who decided, that speaks most for its verdict, the most confident mistake first.

    `clips` has the columns item, label, track and fake_probability, `frames` item, track, logit,
    archive and member; `reader` reads the archives of faces. A sheet without mistakes is blank.
    """
    scored = clips.dropna(subset="fake_probability")
    result = {}
    for name, label in SHEETS.items():
        own = scored[scored["label"] == label]
        wrong = own[(own["fake_probability"] >= threshold) != (label == 1)]
        wrong = wrong.sort_values(["fake_probability", "item"], ascending=[label == 1, True]).head(
            SHOWN
        )
        decided = frames.merge(wrong[["item", "track"]], on=["item", "track"])
        faces = decided.sort_values(
            ["logit", "frame"], ascending=[label == 1, True]
        ).drop_duplicates("item")
        told = wrong.merge(faces[["item", "archive", "member"]], on="item")
        result[name] = contact_sheet(
            [reader.picture(row.archive, row.member) for row in told.itertuples()],
            [
                f"{row.item.partition('/')[2]}\nfake {row.fake_probability:.2f}"
                for row in told.itertuples()
            ],
        )
    return result
