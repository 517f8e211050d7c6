"""One step of training: what each setting of the recipe does to it, in every precision, and what of
the state comes back."""

import copy
import os
import random
from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import pytest
import torch
from made import changed, skip_where_it_traps
from torch import nn

from deepfake_detector import UserError
from deepfake_detector.training import devices
from deepfake_detector.training.crops import normalise
from deepfake_detector.training.learner import Learner
from deepfake_detector.training.optimization import cosine_with_warmup
from deepfake_detector.training.settings import Train

PLAIN = Train(ema=0.0, clip=0.0, label_smoothing=0.0, weight_decay=0.0, warmup=0.0, lr=0.01)
SGD = changed(PLAIN, optimizer="sgd")
FIRST_STEP = 1 + 0.9  # gradients that the first step of Nesterov momentum goes


@pytest.fixture(autouse=True)
def nothing_of_it_stays() -> Iterator[None]:
    """Neither deterministic algorithms nor what bf16 asks of oneDNN by the environment."""
    with patch.dict(os.environ):
        yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(params=["fp32", "bf16"])
def precision(request) -> str:
    return request.param


def learner(recipe: Train, precision: str = "fp32", steps: int = 10) -> Learner:
    """Of a network with one layer."""
    skip_where_it_traps("cpu", precision)
    fabric = devices.setup("cpu", 1, precision, seed=1)
    return Learner(fabric, nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), recipe, steps)


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Eight pictures of noise, real and fake in turn."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (8, 3, 4, 4), dtype=torch.uint8, generator=generator)
    return images, torch.arange(8) % 2


def weights(module: nn.Module) -> torch.Tensor:
    return nn.utils.parameters_to_vector(module.parameters()).detach().clone()


def step_of(learning: Learner, micro_batches: int = 1) -> torch.Tensor:
    """How the weights change in a step."""
    before = weights(learning.detector)
    learning.learn([batch(part) for part in range(micro_batches)])
    return weights(learning.detector) - before


def gradient(network: nn.Module) -> torch.Tensor:
    """Of the mean loss over `batch`, by torch alone."""
    images, labels = batch()
    loss = nn.functional.cross_entropy(network(normalise(images)), labels)
    found = torch.autograd.grad(loss, list(network.parameters()))
    return torch.cat([part.flatten() for part in found])


@pytest.mark.slow
@pytest.mark.parametrize("micro_batches", [1, 3])
def test_the_rate_of_each_step_is_the_schedules(micro_batches, precision):
    learning = learner(changed(PLAIN, warmup=0.3, lr=0.02), precision, steps=10)
    rates = []
    for _ in range(10):
        rates.append({group["lr"] for group in learning.optimizer.param_groups})
        learning.learn([batch(part) for part in range(micro_batches)])
    factor = cosine_with_warmup(10, 0.3)
    assert rates == [{0.02 * factor(step)} for step in range(10)]


def test_a_step_of_sgd_goes_against_the_gradient_on_normalised_faces(precision):
    learning = learner(SGD, precision)
    wanted = -0.01 * FIRST_STEP * gradient(learning.detector)
    error = step_of(learning) - wanted
    assert error.norm() < {"fp32": 1e-4, "bf16": 2e-2}[precision] * wanted.norm()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_weights_may_begin_to_learn_later_than_others(optimizer, precision):
    recipe = changed(PLAIN, optimizer=optimizer, unfreeze_every=1)
    fabric = devices.setup("cpu", 1, precision, seed=1)
    detector = nn.Sequential(nn.Flatten(), nn.Linear(48, 4), nn.Linear(4, 2))
    learning = Learner(fabric, detector, recipe, 10)
    for first_learns in (False, True):
        detector[1].requires_grad_(first_learns)
        before = weights(detector[1])
        learning.learn([batch()])
        assert torch.equal(weights(detector[1]), before) is not first_learns


def test_a_step_forgets_the_gradients_of_the_one_before():
    learning = learner(SGD)
    learning.learn([batch()])
    assert not any(one.grad is not None and one.grad.any() for one in learning.model.parameters())


@pytest.mark.parametrize(("limit", "micro_batches"), [(0.01, 1), (0.5, 1), (0.5, 2)])
def test_gradients_are_clipped_at_the_norm_asked_for_once_they_are_whole(
    limit, micro_batches, precision
):
    free = step_of(learner(SGD, precision), micro_batches)
    clipped = step_of(learner(changed(SGD, clip=limit), precision), micro_batches)
    assert free.norm() > 0.01 * FIRST_STEP * 0.6
    assert clipped.norm().item() == pytest.approx(0.01 * FIRST_STEP * limit, rel=1e-3)
    assert torch.allclose(clipped / clipped.norm(), free / free.norm(), atol=1e-4)


def test_a_limit_that_no_gradient_reaches_clips_nothing():
    assert torch.allclose(step_of(learner(changed(SGD, clip=100.0))), step_of(learner(SGD)))


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.3])
def test_labels_are_smoothed_by_the_share_asked_for(smoothing, precision):
    learning = learner(changed(PLAIN, label_smoothing=smoothing), precision)
    with torch.no_grad():
        learning.detector[1].weight.zero_()
        learning.detector[1].bias.copy_(torch.tensor([-1.0, 1.0]))
    images, labels = batch()
    loss = learning.learn([(images, torch.ones_like(labels))]).item()
    right, wrong = np.log1p(np.exp([-2.0, 2.0]))  # losses of this network by the label
    assert loss == pytest.approx((1 - smoothing / 2) * right + smoothing / 2 * wrong, rel=1e-5)


class Placed(nn.Module):
    """A network with features of 2 x 2 places."""

    def __init__(self) -> None:
        super().__init__()
        self.stride_16, self.head = nn.Conv2d(3, 4, 16, stride=16), nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.stride_16(images).mean(dim=(2, 3)))


def placed(recipe: Train, precision: str = "fp32") -> Learner:
    skip_where_it_traps("cpu", precision)
    fabric = devices.setup("cpu", 1, precision, seed=1)
    return Learner(fabric, Placed(), recipe, 10)


def masked_batch(known: bool = True) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    images, labels = batch()
    target = (
        torch.linspace(0, 1, 32).reshape(8, 2, 2) if known else torch.full((8, 2, 2), torch.nan)
    )
    return nn.functional.interpolate(images, 32), labels, target


MASKED = changed(SGD, mask_loss=2.0, self_blend=0.5)


def test_the_boundary_is_learned_beside_the_labels_with_the_weight_asked_for(precision):
    losses = []
    for recipe in (MASKED, changed(MASKED, mask_loss=4.0)):
        learning = placed(recipe, precision)
        before = learning.detector.stride_16.weight.clone()
        losses.append(learning.learn([masked_batch()]).item())
        assert not torch.equal(learning.detector.stride_16.weight, before)
    plain = placed(changed(MASKED, mask_loss=0.0), precision).learn([masked_batch()[:2]]).item()
    assert losses[1] - plain == pytest.approx(2 * (losses[0] - plain), rel=0.02)
    assert losses[0] - plain > 0.5


def test_fakes_without_a_mask_teach_the_detector_their_labels_alone():
    masked, plain = placed(MASKED), placed(changed(MASKED, mask_loss=0.0))
    before = copy.deepcopy(plain.detector.state_dict())
    masked.learn([masked_batch(known=False)])
    plain.learn([masked_batch()[:2]])
    for name, value in plain.detector.state_dict().items():
        assert not torch.equal(value, before[name])
        assert torch.equal(value, masked.detector.state_dict()[name])


def test_a_weight_of_0_adds_no_weight_and_draws_no_random_number():
    fabric = devices.setup("cpu", 1, "fp32", seed=1)
    detector = Placed()
    before = torch.get_rng_state()
    learning = Learner(fabric, detector, SGD, 10)
    assert torch.equal(torch.get_rng_state(), before)
    assert learning.state()["weights"].keys() == detector.state_dict().keys()
    learned = [one for group in learning.optimizer.param_groups for one in group["params"]]
    assert set(map(id, learned)) == set(map(id, detector.parameters()))


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_what_is_judged_has_no_head_for_the_boundary(decay):
    learning = placed(changed(MASKED, ema=decay))
    learning.learn([masked_batch()])
    assert learning.judged.state_dict().keys() == Placed().state_dict().keys()
    assert not any(module._forward_hooks for module in learning.judged.modules())


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_weights_decay_by_the_share_asked_for_and_biases_do_not(optimizer):
    recipe = changed(PLAIN, optimizer=optimizer)
    decayed = learner(changed(recipe, weight_decay=0.5))
    before = weights(decayed.detector)
    difference = step_of(decayed) - step_of(learner(recipe))
    rate = FIRST_STEP if optimizer == "sgd" else 1  # there the decay is part of the gradient
    wanted = torch.cat([-0.01 * 0.5 * rate * before[:-2], torch.zeros(2)])
    assert torch.allclose(difference, wanted, atol=1e-6)


@pytest.mark.parametrize("decay", [0.15, 0.9])
def test_what_is_judged_is_the_running_mean_of_the_weights_after_each_step(decay, precision):
    learning = learner(changed(PLAIN, ema=decay, lr=0.1), precision)
    mean = None
    for number in range(4):
        learning.learn([batch(number)])
        now = weights(learning.detector)
        keep = min(decay, (1 + number) / (10 + number))
        mean = now if mean is None else keep * mean + (1 - keep) * now
    assert torch.allclose(weights(learning.judged), mean, atol=1e-6)
    assert not torch.allclose(weights(learning.judged), now, atol=1e-3)


def test_the_network_computes_in_the_precision_asked_for_and_keeps_its_weights_in_fp32(precision):
    learning, seen = learner(PLAIN, precision), set()
    learning.detector[1].register_forward_hook(lambda _module, _given, out: seen.add(out.dtype))
    assert step_of(learning).any()
    assert seen == {{"fp32": torch.float32, "bf16": torch.bfloat16}[precision]}
    assert {one.dtype for one in learning.detector.parameters()} == {torch.float32}


DRAWS = {
    "python": random.random,
    "numpy": np.random.random,
    "torch": lambda: torch.rand(()).item(),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_random_numbers_go_on_where_the_state_was_taken(draw):
    learning = learner(PLAIN)
    state = learning.state()
    wanted = [draw() for _ in range(3)]
    draw()
    other = learner(PLAIN)  # which seeds torch
    draw()
    other.restore(state)
    assert [draw() for _ in range(3)] == wanted


def test_the_loss_of_several_micro_batches_is_their_mean():
    one, other = (learner(PLAIN).learn([batch(part)]) for part in range(2))
    both = learner(PLAIN).learn([batch(0), batch(1)])
    assert both.item() == pytest.approx((one + other).item() / 2)
    assert one.item() != pytest.approx(other.item())


def test_what_was_restored_goes_on_as_if_nothing_had_happened():
    recipe = changed(PLAIN, ema=0.5, warmup=0.5)
    learning = learner(recipe)
    learning.learn([batch(1)])
    state = copy.deepcopy(learning.state())
    other = learner(recipe)
    other.restore(state)
    for one in (learning, other):
        one.learn([batch(2)])
    assert torch.equal(weights(other.detector), weights(learning.detector))
    assert torch.equal(weights(other.judged), weights(learning.judged))
    assert not torch.equal(weights(other.judged), weights(other.detector))


def test_the_state_of_another_network_is_refused():
    state = learner(PLAIN).state()
    state["weights"] = {"other": torch.zeros(1)}
    with pytest.raises(UserError, match="^the saved state of this run"):
        learner(PLAIN).restore(state)
