"""Nothing but the blending tells a self-blended fake from the real face beside it."""

import pytest

from benchmarks import border_leak
from deepfake_detector.faces.cutting import read_points, resize
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import ArchiveReader


def test_outside_the_mask_both_are_the_same_to_a_classifier_on_the_demos_crops(toy_project):
    faces = tables.read(toy_project / "data/faces.csv", tables.FACES)
    index = tables.read(toy_project / "data/index.csv", tables.INDEX)
    faces = faces[faces["status"] == "ok"].merge(index, on="item")
    reals = faces[faces["label"] == 0]
    reader = ArchiveReader(toy_project / "data/faces")
    crops = [resize(reader.picture(row.archive, row.member), 64) for row in reals.itertuples()]
    points = read_points(reals["points"].iloc[0])
    aucs = [
        border_leak.leaks(
            *border_leak.statistics(crops, points, against_target), reals["sources"].to_numpy()
        )
        for against_target in (True, False)
    ]
    for name, (auc, low, high) in aucs[0].items():
        assert low <= 0.5 <= high, name
        assert auc == pytest.approx(0.5, abs=0.02)
    assert max(auc for auc, _, _ in aucs[1].values()) > 0.6  # an untouched real would give it away
