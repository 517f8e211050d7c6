"""The place of what training never saw, and what it is measured on."""

import pandas as pd

from deepfake_detector.datasets.held_out import places, rows_at

ROWS = pd.DataFrame(
    [
        ("mine", "val", 0, "real"),
        ("mine", "val", 1, "swap"),
        ("mine", "test", 0, "real"),
        ("mine", "test", 1, "swap"),
        ("mine", "test", 1, "reenact"),
        ("other", "test", 0, "real"),
        ("theirs", "test", 0, "real"),
        ("theirs", "test", 1, "swap"),
    ],
    columns=["data_set", "part", "label", "method"],
)


def test_a_method_has_a_place_in_test_and_a_data_set_everywhere():
    found = places(ROWS, ROWS["part"], {"theirs"}, {"swap"})
    assert found.to_list() == [
        *("val", "val", "test", "mine/swap", "test", "test"),
        *("theirs", "theirs"),
    ]
    assert places(ROWS, ROWS["part"], {"theirs"}, ()).to_list() == [
        *["val"] * 2,
        *["test"] * 4,
        *["theirs"] * 2,
    ]


def test_a_methods_fakes_are_measured_against_the_test_reals_of_their_data_set_alone():
    table = ROWS.assign(split=places(ROWS, ROWS["part"], {"theirs"}, {"swap"}))
    assert rows_at(table, "mine/swap").index.to_list() == [2, 3]
    assert rows_at(table, "test").index.to_list() == [2, 4, 5]
    assert rows_at(table, "theirs").index.to_list() == [6, 7]
