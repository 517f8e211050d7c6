"""A smaller set: evenly, and of both classes alike."""

import pandas as pd
import pytest

from deepfake_detector.datasets.subset import evenly, of_each_class, spread


@pytest.mark.parametrize(
    ("count", "places"), [(3, [1, 4, 7]), (1, [4]), (9, list(range(9))), (20, list(range(9)))]
)
def test_some_are_taken_evenly(count, places):
    assert evenly(list(range(9)), count) == places


@pytest.mark.parametrize(
    ("count", "places"), [(3, [0, 4, 8]), (1, [0]), (9, list(range(9))), (20, list(range(9)))]
)
def test_rows_are_spread_from_the_first_to_the_last(count, places):
    assert spread(pd.DataFrame({"place": range(9)}), count)["place"].to_list() == places
    assert spread(pd.DataFrame({"place": []}), count).empty


@pytest.mark.parametrize(("per_class", "count"), [(0, 40), (5, 10), (100, 40)])
def test_items_are_taken_of_both_classes_alike(per_class, count):
    split = pd.DataFrame({"item": [f"i{number:02d}" for number in range(40)], "label": [0, 1] * 20})
    found = of_each_class(split, per_class)
    assert (len(found), found["item"].nunique()) == (count, count)
    assert found["label"].mean() == 0.5
