"""Optimizer, learning-rate schedule, layer freezing and EMA."""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]


def make_optimizer(
    detector: nn.Module, name: str, lr: float, weight_decay: float, fused: bool = False
) -> torch.optim.Optimizer:
    """AdamW, or SGD with Nesterov momentum, without weight decay of biases and normalisation.

    `fused`: a whole step in one pass over the weights.
    """
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
    """Factor of the learning rate at each of `steps` steps.

    Linear warm-up over the fraction `warmup` of them, then a half cosine to 0.
    """
    climb = round(steps * warmup)

    def factor(step: int) -> float:
        if step < climb:
            return (step + 1) / climb
        return 0.5 * (1 + math.cos(math.pi * (step - climb) / max(1, steps - climb)))

    return factor


def ema_of(detector: nn.Module, decay: float) -> AveragedModel:
    """Exponential moving average (EMA) of a network's weights and batch-norm statistics.

    The decay at step n is at most (1 + n) / (10 + n), so that the initial weights are soon
    forgotten (as in TensorFlow's ExponentialMovingAverage).
    """

    def mean(kept: Tensors, new: Tensors, _steps: torch.Tensor | int) -> None:
        """Of tensors of one kind and device, all at once."""
        if not kept[0].is_floating_point():
            torch._foreach_copy_(kept, new)
            return
        steps = int(ema.n_averaged)  # on the processor; to ask `_steps` would wait for a GPU
        torch._foreach_lerp_(kept, new, 1 - min((1 + steps) / (10 + steps), decay))

    ema = AveragedModel(detector, multi_avg_fn=mean, use_buffers=True)
    return ema


def unfreeze(detector: nn.Module, parts: list[list[nn.Module]], learning: int) -> None:
    """Set a network to training mode with all but the first `learning` of its `parts` frozen.

    A frozen part gets no gradient, and its batch-norm keeps its statistics. Call it before every
    epoch, as `train()` unfreezes batch-norm.
    """
    detector.train()
    for number, modules in enumerate(parts):
        for module in modules:
            module.requires_grad_(number < learning)
            module.train(number < learning)
