"""What the lock of a run says of its figures."""

import json
from pathlib import Path

import pytest

from deepfake_detector.evaluation.revisions import WORKSPACE, is_evaluated, older_than_its_inputs

STAGES = {
    "scan": {"deps": [("clips", "0")], "outs": [("index", "1")]},
    "train": {"deps": [("train.py", "0"), ("index", "1")], "outs": [("model", "1")]},
    "calibrate": {"deps": [("model", "1")], "outs": [("decision", "1")]},
    "evaluate": {"deps": [("index", "1"), ("decision", "1")], "outs": [("figures", "1")]},
    "report": {"deps": [("figures", "1")]},
}


def lock(stages: dict) -> bytes:
    return json.dumps(
        {
            "stages": {
                name: {
                    kind: [{"path": path, "md5": md5} for path, md5 in files]
                    for kind, files in entry.items()
                }
                for name, entry in stages.items()
            }
        }
    ).encode()


@pytest.mark.parametrize(
    ("stage", "anew", "expected"),
    [
        ("evaluate", {}, ""),
        ("evaluate", {"decision": "calibrate"}, "decision"),
        ("evaluate", {"model": "train"}, "model"),  # that calibrate has not seen yet
        ("evaluate", {"index": "scan"}, "index"),
        ("evaluate", {"figures": "evaluate"}, ""),  # the report's matter
        ("report", {"figures": "evaluate"}, "figures"),
        ("nowhere", {"figures": "evaluate"}, ""),
    ],
)
def test_a_stage_is_older_where_anything_it_rests_on_was_made_anew(stage, anew, expected):
    stages = {name: dict(entry) for name, entry in STAGES.items()}
    for path, maker in anew.items():
        stages[maker]["outs"] = [(path, "2")]
    assert older_than_its_inputs(lock(stages), stage) == expected


def test_a_run_without_a_lock_is_not_known_to_be_evaluated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not is_evaluated(WORKSPACE)
    Path("dvc.lock").write_bytes(lock(STAGES))
    assert is_evaluated(WORKSPACE)
