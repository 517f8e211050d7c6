"""Find the faces in every frame, follow each through its clip, and cut them out.

    python -m stages.crop_faces

reads   data/index.csv, data/frames.csv, data/frames/; ready crops from where the index has them
makes   data/faces/ (archives of face crops), data/faces.csv

What was made before is taken from the scratch store.
"""

import shutil

import pandas as pd

from deepfake_detector import params
from deepfake_detector.common import statuses
from deepfake_detector.common.locks import only_writer
from deepfake_detector.faces.cropping import crop_faces, crop_tasks, lenders, lent
from deepfake_detector.faces.detection import detector_of
from deepfake_detector.storage import packs, store, tables
from deepfake_detector.storage.archive import FACES, FRAMES, pack
from stages import runner


def main() -> str:
    settings = params.load()
    crop = settings.crop_faces
    detector_of(crop)
    index = tables.read("data/index.csv", tables.INDEX)
    frames = tables.read("data/frames.csv", tables.FRAMES)
    kept = store.Store(store.root() / "faces")
    lender = lenders(index, frames) if crop.share_boxes else {}
    borrows = index["item"].isin(list(lender))
    if crop.share_boxes:
        print(f"  {borrows.sum()} fakes are cut where the face of their original is")

    def cropped(part: pd.DataFrame, known: dict[str, pd.DataFrame]) -> packs.Done:
        plan = crop_tasks(part, frames, known, FRAMES, crop)
        return packs.run_packs(crop_faces, pack(part), plan, kept, FACES, settings.parallel)

    with only_writer(store.LOCKS, "crop_faces"):
        shutil.rmtree(FACES, ignore_errors=True)  # as DVC does: nothing of an earlier index stays
        detected = cropped(index[~borrows], {})
        borrowed = cropped(index[borrows], lent(lender, _table(detected), detected.failures))
        faces = _table(detected, borrowed)
        tables.write("data/faces.csv", faces, tables.FACES)
        kept.mark(detected.used | borrowed.used)
        kept.shrink(settings.scratch.max_gb * store.GB)
    print(
        f"  {detected.made + borrowed.made} items cropped, {detected.reused + borrowed.reused} taken from the "
        "scratch store"
    )
    ok = statuses.ok(faces)
    tried = faces.dropna(subset="frame").drop_duplicates(["item", "frame"])
    with_face = ok.drop_duplicates(["item", "frame"])
    return (
        f"{len(ok)} faces by {crop.detector} in {len(with_face)} of {len(tried)} frames, "
        f"{faces['item'].nunique() - ok['item'].nunique()} items without any"
    )


def _table(*done: packs.Done) -> pd.DataFrame:
    rows = [row for outcome in done for row in outcome.rows.get("faces", [])]
    rows += [
        {"item": item, "status": why} for outcome in done for item, why in outcome.failures.items()
    ]
    return tables.make(rows, tables.FACES)


if __name__ == "__main__":
    runner.run(main, __doc__)
