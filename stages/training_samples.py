"""Show what training will see: augmented faces, and real faces beside their self-blended twins.

    python -m stages.training_samples

reads   data/splits/train.csv, data/faces.csv, data/faces/
makes   plots/training_samples/
"""

from pathlib import Path

from deepfake_detector import params
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import FACES, ArchiveReader
from deepfake_detector.storage.files import write_whole
from deepfake_detector.training import sampling, sheets
from stages import runner

SHEETS = Path("plots/training_samples")


def main() -> str:
    train = params.load().train
    faces = tables.read("data/faces.csv", tables.FACES)
    split = tables.read("data/splits/train.csv", tables.SPLIT)
    rows = sampling.to_learn_from(faces, split, train.fakes)
    with ArchiveReader(FACES) as reader:
        made = sheets.sheets(rows, reader, train.augment, train.input_size, train.seed)
    for name, jpeg in made.items():
        write_whole(SHEETS / f"{name}.jpg", jpeg)
    return f"{len(made)} sheets of {len(rows)} training faces in {SHEETS}/"


if __name__ == "__main__":
    runner.run(main, __doc__)
