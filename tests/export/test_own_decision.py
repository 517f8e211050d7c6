"""A file whose threshold is fitted anew on few clips judges nothing that the model does not."""

import numpy as np
import pandas as pd
import pytest
from made import contract_terms

from deepfake_detector.export.own_decision import own_decision
from deepfake_detector.scoring.settings import Calibrate

DECISION = contract_terms().decision
FEW = pd.DataFrame(
    {
        "label": np.repeat([0, 1], 20),
        "logit": np.repeat([-3.0, 3.0], 20) + np.arange(40) / 100,
        "group": range(40),
        "people": 1,
    }
)  # told apart without an error


@pytest.mark.parametrize(
    ("terms", "verdicts"),
    [
        ({}, ("REAL", "FAKE")),
        ({"band_low": 0.0}, ("FAKE",)),
        ({"band_high": 1.0}, ("REAL",)),
    ],
)
def test_it_gives_the_verdicts_that_all_of_validation_allows(terms, verdicts):
    own = own_decision(FEW, DECISION.model_copy(update=terms), Calibrate())
    assert own.verdicts == verdicts
    assert own.unproven == ""
    assert own.validation.inconclusive == 20 * (2 - len(verdicts))
    assert own.min_faces == DECISION.min_faces


def test_it_is_unproven_where_the_model_is():
    all_clips = DECISION.model_copy(update={"unproven": "too few people"})
    assert own_decision(FEW, all_clips, Calibrate()).unproven == "too few people"


def test_it_may_be_unproven_where_the_model_is_not():
    few = FEW.assign(label=np.arange(40) % 2)
    assert own_decision(few, DECISION, Calibrate()).unproven
