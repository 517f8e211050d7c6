"""The last digits that ONNX Runtime computes differ between processors, and show nowhere."""

import os

import pytest
from conftest import PROJECT, call_stages, copy_toy_project

pytestmark = pytest.mark.slow

FILES = (
    "models/detector.onnx",
    "models/detector.int8.onnx",
    "metrics/export.json",
    "metrics/robustness.json",
    "plots/robustness.csv",
)
# Stands in for another processor: every Python imports a module of this name first.
SHIFTED = """
from deepfake_detector.common import arithmetic

arithmetic.hold(network=True)  # before NumPy loads

from deepfake_detector.contract import model_file

judge = model_file.judge

def shifted(*arguments):
    logits, maps = judge(*arguments)
    return logits + 1e-5, maps

model_file.judge = shifted
"""


def test_a_hundred_thousandth_more_in_every_logit_gives_the_same_files(toy_project, tmp_path):
    folder = copy_toy_project(toy_project, tmp_path / "project")
    for name in FILES:
        (folder / name).unlink()
    (tmp_path / "sitecustomize.py").write_text(SHIFTED)
    path = f"{tmp_path}{os.pathsep}{PROJECT}"
    done = call_stages(folder, "export", "robustness", PYTHONPATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    changed = [
        name for name in FILES if (folder / name).read_bytes() != (toy_project / name).read_bytes()
    ]
    assert changed == []
