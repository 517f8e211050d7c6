"""How weights move: optimizer, learning rate, which parts learn when, and the running mean of the weights."""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


def make_optimizer(
    detector: nn.Module, name: str, lr: float, weight_decay: float, fused: bool = False
) -> torch.optim.Optimizer:
    """AdamW or SGD with Nesterov momentum; biases and normalisation are not decayed. `fused`: all of an update in one pass."""
    decayed = [parameter for parameter in detector.parameters() if parameter.ndim > 1]
    plain = [parameter for parameter in detector.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True, fused=fused)
    return torch.optim.AdamW(groups, lr=lr, fused=fused)


def cosine_with_warmup(steps: int, warmup: float) -> Callable[[int], float]:
    """Factor of the learning rate at each of `steps` updates: linear up for the share `warmup`, half a cosine to 0."""
    climb = round(steps * warmup)

    def factor(step: int) -> float:
        if step < climb:
            return (step + 1) / climb
        return 0.5 * (1 + math.cos(math.pi * (step - climb) / max(1, steps - climb)))

    return factor


def running_mean(detector: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average of a detector's weights and batch-norm statistics.

    The decay climbs as (1 + n) / (10 + n) over the first updates, so that the start is forgotten soon (as in TensorFlow's
    ExponentialMovingAverage).
    """

    def mean(kept: torch.Tensor, new: torch.Tensor, updates: torch.Tensor) -> torch.Tensor:
        if not kept.is_floating_point():
            return new
        keep = torch.clamp((1 + updates) / (10 + updates), max=decay)
        return kept.lerp(new, (1 - keep).to(kept.dtype))

    return AveragedModel(detector, avg_fn=mean, use_buffers=True)


def let_learn(detector: nn.Module, parts: list[list[nn.Module]], learning: int) -> None:
    """Set `detector` to training, but freeze all but the first `learning` of its `parts`.

    A frozen part's weights get no gradient, and its batch-norm neither learns nor normalises by the batch. To be called
    before every epoch, as `train()` wakes everything up.
    """
    detector.train()
    for number, modules in enumerate(parts):
        for module in modules:
            module.requires_grad_(number < learning)
            module.train(number < learning)
