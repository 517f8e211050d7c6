"""Where a training run keeps its saved states: a folder named by all that its result depends on."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch

from deepfake_detector.common import cores
from deepfake_detector.common.code_hash import code_hash
from deepfake_detector.storage.archive import FACES, fingerprint
from deepfake_detector.storage.files import file_hash
from deepfake_detector.training.settings import Train

CODE = (  # what a saved state's meaning depends on
    "common/statuses",
    "common/verdicts",
    "faces/cutting",
    "faces/face",
    "media/h264",
    "media/jpeg",
    "media/sharpening",
    "scoring/scores",
    "storage/archive",
    "training/augmentation",
    "training/backbones",
    "training/boundary",
    "training/checkpoints",
    "training/crops",
    "training/delivery",
    "training/devices",
    "training/fit",
    "training/keeper",
    "training/learner",
    "training/memory",
    "training/network",
    "training/optimization",
    "training/pairing",
    "training/progress",
    "training/sampling",
    "training/selfblend",
)


def run_folder(train: Train, rows: Mapping[str, pd.DataFrame], device: str, precision: str) -> Path:
    """The folder of this run's states: another one for other params, data, code, `device` (cpu or
    cuda) or `precision`, another number of processes, or on the processor of threads, on which the
    order of sums depends. `rows` are the training and the validation faces.

    Outside the stage's outputs, below the folder DVC was called in, so that it outlives a copy made
    for an experiment.
    """
    key = hashlib.sha256(train.model_dump_json().encode())
    threads = min(torch.get_num_threads(), cores.quota() or torch.get_num_threads())
    processes = int(os.environ.get("WORLD_SIZE", train.devices))  # torchrun's, on all machines
    machine = (device, precision, processes, threads if device == "cpu" else 0)
    key.update(repr(machine).encode())
    if Path(train.init).is_file():
        key.update(file_hash(train.init).encode())
    for part in rows.values():
        key.update(part.to_csv(index=False).encode())
        for archive in sorted(set(part["archive"])):
            key.update(repr(fingerprint(FACES / archive)).encode())
    key.update(code_hash(CODE).encode())
    key.update(file_hash("requirements.txt").encode())
    return Path(os.environ.get("DVC_ROOT", ".")) / ".cache" / "train" / key.hexdigest()[:16]
