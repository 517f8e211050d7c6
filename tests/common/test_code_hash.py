"""The hash of code changes with what it does and with nothing else."""

import pytest

from deepfake_detector.common import code_hash as module
from deepfake_detector.common.code_hash import code_hash


def test_the_code_counts_and_so_do_the_packages(monkeypatch):
    assert code_hash(["media/extraction"], ["numpy"]) == code_hash(["media/extraction"], ["numpy"])
    assert code_hash(["media/extraction"], ["numpy"]) != code_hash(["faces/cropping"], ["numpy"])
    before = code_hash(["media/extraction"], ["numpy"])
    for version in ("0.0.1", ""):  # another one, and a package that came or went
        monkeypatch.setattr(module, "installed", lambda name, found=version: found)
        assert code_hash(["media/extraction"], ["numpy"]) != before


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (
            '"""Other words."""\nX = 1\n\n\ndef f(x):\n    """Other words."""\n    return x + X\n',
            True,
        ),
        ("X = 1\n\n\ndef f(x):\n    # why\n    return (\n        x + X\n    )\n", True),
        ('"""Words."""\nX = 2\n\n\ndef f(x):\n    """Words."""\n    return x + X\n', False),
        ('"""Words."""\nX = 1\n\n\ndef f(x):\n    """Words."""\n    return x - X\n', False),
    ],
    ids=["docstrings", "comments and layout", "a constant", "an operator"],
)
def test_code_counts_by_what_it_does(tmp_path, monkeypatch, changed, same):
    monkeypatch.setattr(module, "LIBRARY", tmp_path)
    file = tmp_path / "module.py"
    file.write_text('"""Words."""\nX = 1\n\n\ndef f(x):\n    """Words."""\n    return x + X\n')
    before = code_hash(["module"])
    file.write_text(changed)
    assert (code_hash(["module"]) == before) is same
