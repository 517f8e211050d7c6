"""Names that several data sets use, each for itself."""

import pandas as pd

from deepfake_detector.datasets.same_names import same_names


def test_a_name_is_told_that_two_data_sets_use_each_for_itself():
    rows = [
        ("mine", "mine:anna;mine:ben;mine:c:1"),
        ("phone", "phone:anna;person:ben;phone:c:1"),
        ("phone", ""),
        ("ff", "faceforensics:001"),
        ("df", "faceforensics:001"),
    ]
    index = pd.DataFrame(rows, columns=["data_set", "sources"])
    assert same_names(index) == ["anna", "c:1"]
