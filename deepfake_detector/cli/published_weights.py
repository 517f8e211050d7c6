"""The files of ImageNet weights that torchvision publishes."""

import json
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from deepfake_detector import UserError
from deepfake_detector.storage.assets import Asset

CODE = Path(__file__).parents[2]  # where this package lies, so that the same one answers


def published_weights(networks: Collection[str]) -> list[Asset]:
    """The ImageNet weights of some networks. torchvision is asked in another process, as the
    command line itself needs no torch.

    Raises UserError where it cannot be asked.
    """
    if not networks:
        return []
    command = [sys.executable, "-m", "deepfake_detector.training.backbones", *networks]
    done = subprocess.run(command, cwd=CODE, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise UserError(
            f"torchvision cannot be asked for the weights of {', '.join(networks)}: {why}",
            "activate the project's environment, or install this package with its extra train "
            "(docs/predict.md)",
        )
    return [Asset(**asset) for asset in json.loads(done.stdout)]
