"""The mean of the weights of several runs, which often does better than each on what is new to
them.

"Model soups" (Wortsman et al. 2022): runs of one recipe from the same pretrained weights lie in one
valley, so that their mean is a network of the same size and speed.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from deepfake_detector import UserError
from deepfake_detector.storage.files import file_hash
from deepfake_detector.training import network


def mean(runs: Sequence[Path]) -> tuple[network.FaceClassifier, dict]:
    """A classifier with the mean of all weights and batch-norm statistics of `runs`, files of
    `network.save`, and the facts that they share: input_size and arithmetic.

    Raises UserError where they are of different networks, or of different facts.
    """
    classifiers, facts = zip(*(network.load(path) for path in runs), strict=True)
    shared = {name: facts[0][name] for name in ("input_size", "arithmetic")}
    for path, classifier, run_facts in zip(runs, classifiers, facts, strict=True):
        kind = {"network": classifiers[0].network} | shared
        if differs := [
            f"{name} {value}, not {kind[name]}"
            for name, value in ({"network": classifier.network} | run_facts).items()
            if name in kind and value != kind[name]
        ]:
            raise UserError(
                f"{path.name}: {', '.join(differs)}", "average runs of one network and size"
            )
    states = [classifier.state_dict() for classifier in classifiers]
    means = {name: _mean([state[name] for state in states]) for name in states[0]}
    classifiers[0].load_state_dict(means)
    return classifiers[0], shared


def write(runs: Sequence[Path], folder: Path) -> Path:
    """Write the mean of `runs` to `folder` under a name made of what is in it: DVC would run
    nothing again for other weights under an old name."""
    classifier, facts = mean(runs)
    passing = folder / "soup.pt"
    network.save(classifier, passing, epoch=0, **facts)
    return passing.rename(folder / f"soup-{file_hash(passing)[:8]}.pt")


def _mean(values: list[torch.Tensor]) -> torch.Tensor:
    """In double precision, so that the order of the runs does not show; counts are the first's."""
    if not values[0].is_floating_point():
        return values[0]
    return torch.stack([value.double() for value in values]).mean(0).to(values[0].dtype)
