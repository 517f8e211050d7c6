"""Names that several data sets use, each for itself."""

import pandas as pd

from deepfake_detector.datasets.same_names import same_names


def test_a_name_is_told_that_two_data_sets_use_each_for_itself():
    rows = [
        ("mine", "mine:anna;mine:ben"),
        ("phone", "phone:anna;person:ben"),
        ("phone", ""),
        ("ff", "faceforensics:001"),
        ("other", "person:ben;mine:ben"),  # a source of another set's, tied already
    ]
    index = pd.DataFrame(rows, columns=["data_set", "sources"])
    assert same_names(index) == {"anna": ["mine", "phone"]}
