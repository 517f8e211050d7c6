"""Find the faces in every frame, follow each through its clip, and cut them out.

    python -m stages.crop_faces

reads   data/index.csv, data/frames.csv, data/frames/; ready crops from where the index has them
makes   data/faces/ (archives of face crops), data/faces.csv
"""

from pathlib import Path

from deepfake_detector import console, params, tables
from deepfake_detector.archive import Pack, pack
from deepfake_detector.cropping import CropSettings, crop_faces
from deepfake_detector.faces import load_detector
from deepfake_detector.packs import run_packs

FRAMES, FACES = Path("data/frames"), Path("data/faces")


def main() -> str:
    crop, parallel = params.read("crop_faces", "parallel")
    settings = CropSettings(**crop.model_dump())
    load_detector(settings.detector, settings.detect_size, settings.min_score, settings.yunet_sha256)
    packs = pack(tables.read("data/index.csv", tables.INDEX))
    frames = tables.read("data/frames.csv", tables.FRAMES)
    rows_of = {item: rows.to_dict("records") for item, rows in frames.groupby("item")}

    def arguments(one: Pack, folder: Path) -> tuple:
        own = [row for item in one.items for row in rows_of.get(item.item, [])]
        return one, own, FRAMES, folder, settings

    rows = run_packs(crop_faces, packs, arguments, FACES, parallel.workers, parallel.seconds_per_item, "crop")
    faces = tables.make(rows, tables.FACES)
    tables.write("data/faces.csv", faces, tables.FACES)
    found = faces[faces["status"] == "ok"]
    tried = faces.dropna(subset="frame").drop_duplicates(["item", "frame"])
    with_face = found.drop_duplicates(["item", "frame"])
    return (
        f"{len(found)} faces by {settings.detector} in {len(with_face)} of {len(tried)} frames, "
        f"{faces['item'].nunique() - found['item'].nunique()} items without any"
    )


if __name__ == "__main__":
    console.run_stage(main, __doc__)
