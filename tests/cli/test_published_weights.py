"""Where torchvision publishes weights, asked by a command line that imports no torch."""

import sys

import pytest

from deepfake_detector import UserError
from deepfake_detector.cli.published_weights import published_weights
from deepfake_detector.training.backbones import BACKBONES, imagenet_asset


@pytest.mark.slow
def test_the_other_process_says_what_the_table_says_wherever_it_is_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert published_weights(list(BACKBONES)) == [imagenet_asset(name) for name in BACKBONES]


def test_nobody_is_asked_for_nothing(monkeypatch):
    monkeypatch.setattr(sys, "executable", "no such program")
    assert published_weights([]) == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("echo \"ModuleNotFoundError: No module named 'torch'\" >&2", "No module named 'torch'"),
        ("true", "exit code 3"),
    ],
    ids=["it says why", "it says nothing"],
)
def test_without_torchvision_the_remedy_is_named(tmp_path, monkeypatch, line, why):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{line}\nexit 3\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    said = f"cannot be asked for the weights of resnet34: .*{why}; .* its extra train"
    with pytest.raises(UserError, match=said):
        published_weights(["resnet34"])
