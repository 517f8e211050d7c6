"""Errors that their reader can fix: a problem, a remedy, one text of both."""

import pickle

import pytest

from deepfake_detector import UserError
from deepfake_detector.media.reading import MediaError


@pytest.mark.parametrize("kind", [UserError, MediaError])
@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("a.csv: not there", "run `dvc repro`"), "a.csv: not there; run `dvc repro`"),
        (("a.csv: empty; or a folder",), "a.csv: empty; or a folder"),
    ],
    ids=["with a remedy", "without"],
)
def test_an_error_keeps_its_parts_where_it_goes_to_another_process(kind, parts, text):
    error = pickle.loads(pickle.dumps(kind(*parts)))
    assert type(error) is kind
    assert (error.problem, error.remedy) == (parts[0], "".join(parts[1:]))
    assert str(error) == text
