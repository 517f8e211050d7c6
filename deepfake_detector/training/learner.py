"""The state of training (weights, EMA, optimizer, schedule, generators) and one step of it."""

import random
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from deepfake_detector.training.boundary import WithBoundary, boundary_loss
from deepfake_detector.training.crops import normalise
from deepfake_detector.training.network import FaceClassifier, check_same_network
from deepfake_detector.training.optimization import cosine_with_warmup, ema_of, make_optimizer
from deepfake_detector.training.settings import Train


class Learner:
    """Everything that changes during training. `judged` is the module that is validated and kept:
    the detector alone, where a head for the blending boundary learns beside it."""

    def __init__(self, fabric: Fabric, detector: FaceClassifier, recipe: Train, steps: int) -> None:
        self.fabric, self.mask_loss = fabric, recipe.mask_loss
        self.detector = detector.to(memory_format=torch.channels_last)
        self.learning = WithBoundary(detector) if recipe.mask_loss else detector
        # less than half the time on a processor; with fp16's scaler Fabric could not clip gradients
        fused = fabric.device.type == "cpu" and not fabric.strategy.precision.state_dict()
        # SGD takes no weights that begin to learn later in one pass with others
        fused = fused and not (recipe.optimizer == "sgd" and recipe.unfreeze_every)
        optimizer = make_optimizer(
            self.learning, recipe.optimizer, recipe.lr, recipe.weight_decay, fused
        )
        factor = cosine_with_warmup(steps, recipe.warmup)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        self.model, self.optimizer = fabric.setup(self.learning, optimizer)
        self.ema = ema_of(detector, recipe.ema) if recipe.ema else None
        self.judged = self.ema.module if self.ema else detector
        self.clip, self.label_smoothing = recipe.clip, recipe.label_smoothing

    def learn(self, micro_batches: list[tuple[torch.Tensor, ...]]) -> torch.Tensor:
        """Take an optimizer step with gradients accumulated over equal micro-batches, each images
        and labels, and with `mask_loss` boundaries; returns the mean loss."""
        total = torch.zeros((), device=self.fabric.device)
        for number, micro_batch in enumerate(micro_batches):
            with self.fabric.no_backward_sync(self.model, enabled=number < len(micro_batches) - 1):
                loss = self._loss(*micro_batch) / len(micro_batches)
                self.fabric.backward(loss)
            total += loss.detach()
        if self.clip:
            self.fabric.clip_gradients(
                self.model, self.optimizer, max_norm=self.clip, error_if_nonfinite=False
            )
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        if self.ema:
            self.ema.update_parameters(self.detector)
        return total

    def state(self) -> dict:
        """What `restore` needs to go on from here as if nothing had happened."""
        return {
            "weights": self.learning.state_dict(),
            "ema": self.ema.state_dict() if self.ema else {},
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.fabric.strategy.precision.state_dict(),
            "random": _random_state(self.fabric.device),
        }

    def restore(self, state: dict) -> None:
        """Go on from what `state` returned. Raises UserError where it is of another network."""
        check_same_network(
            "the saved state of this run",
            state["weights"],
            self.learning.state_dict(),
            "remove that state to train from the beginning",
        )
        self.learning.load_state_dict(state["weights"])
        if self.ema:
            self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.fabric.strategy.precision.load_state_dict(state["scaler"])
        _set_random_state(state["random"], self.fabric.device)

    def _loss(
        self,
        images: torch.Tensor,
        labels: torch.Tensor,
        boundaries: torch.Tensor | None = None,
    ) -> torch.Tensor:
        device = self.fabric.device
        inputs = normalise(images.to(device, non_blocking=True)).to(
            memory_format=torch.channels_last
        )
        labels = labels.to(device, non_blocking=True)
        if boundaries is None:
            return self._label_loss(self.model(inputs), labels)
        logits, boundary_logits = self.model(inputs)
        targets = boundaries.to(device, non_blocking=True)
        return self._label_loss(logits, labels) + self.mask_loss * boundary_loss(
            boundary_logits, targets
        )

    def _label_loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)


def _random_state(device: torch.device) -> dict:
    """State of every random generator that this process trains with."""
    kind, keys, *rest = cast(tuple[Any, ...], np.random.get_state())
    return {
        "python": random.getstate(),
        "numpy": [kind, keys.tolist(), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def _set_random_state(state: dict, device: torch.device) -> None:
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
