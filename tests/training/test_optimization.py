"""Optimizer, learning rate, freezing, and the running mean of the weights."""

import pytest
import torch
from torch import nn

from deepfake_detector.training import optimization
from deepfake_detector.training.network import FaceClassifier


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_biases_and_normalisation_are_not_decayed(name, kind):
    detector = FaceClassifier("resnet18")
    optimizer = optimization.make_optimizer(detector, name, 0.01, 0.3)
    assert type(optimizer) is kind
    decay = {
        id(one): group["weight_decay"]
        for group in optimizer.param_groups
        for one in group["params"]
    }
    assert {group["lr"] for group in optimizer.param_groups} == {0.01}
    for path, parameter in detector.named_parameters():
        spared = path.endswith(".bias") or ".bn" in path or "downsample.1" in path
        assert decay.pop(id(parameter)) == (0.0 if spared else 0.3), path
    assert not decay


@pytest.mark.parametrize(
    ("steps", "warmup", "factors"),
    [
        (10, 0.0, {0: 1.0, 5: 0.5, 10: 0.0}),
        (10, 0.2, {0: 0.5, 1: 1.0, 2: 1.0, 6: 0.5, 10: 0.0}),
        (100, 0.1, {0: 0.1, 4: 0.5, 9: 1.0, 10: 1.0, 55: 0.5, 100: 0.0}),
        (4, 0.5, {0: 0.5, 1: 1.0, 2: 1.0, 3: 0.5, 4: 0.0}),
        (1, 0.0, {0: 1.0, 1: 0.0}),
    ],
)
def test_the_rate_climbs_then_follows_half_a_cosine_to_zero(steps, warmup, factors):
    factor = optimization.cosine_with_warmup(steps, warmup)
    assert {step: factor(step) for step in factors} == pytest.approx(factors)
    values = [factor(step) for step in range(steps + 1)]
    peak = round(steps * warmup)
    assert values[: peak + 1] == sorted(values[: peak + 1])
    assert values[peak:] == sorted(values[peak:], reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("learning", range(7))
def test_only_the_parts_asked_for_learn_and_frozen_batch_norm_rests(learning):
    torch.manual_seed(0)
    detector = FaceClassifier("resnet18")
    optimizer = optimization.make_optimizer(detector, "adamw", 0.01, 0.1)
    optimization.unfreeze(detector, detector.parts(), learning or 1)
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    nn.functional.cross_entropy(
        detector(torch.randn(4, 3, 32, 32)), torch.tensor([0, 1, 0, 1])
    ).backward()
    optimizer.step()
    open_modules = [module for modules in detector.parts()[: learning or 1] for module in modules]
    names = {id(value): name for name, value in detector.state_dict(keep_vars=True).items()}
    open_names = {
        names[id(value)]
        for module in open_modules
        for value in module.state_dict(keep_vars=True).values()
    }
    for name, value in detector.state_dict().items():
        assert torch.equal(value, before[name]) == (name not in open_names), name


def test_every_module_with_weights_belongs_to_exactly_one_part():
    detector = FaceClassifier("resnet18")
    parts = [
        id(one) for modules in detector.parts() for module in modules for one in module.parameters()
    ]
    assert sorted(parts) == sorted(id(one) for one in detector.parameters())


def test_the_running_mean_follows_the_formula_by_hand():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(1.0)
    mean = optimization.ema_of(net, 0.5)
    kept = None
    for number, value in enumerate([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]):
        net.weight.data.fill_(value)
        mean.update_parameters(net)
        keep = min(0.5, (1 + number) / (10 + number))
        kept = value if kept is None else keep * kept + (1 - keep) * value
        assert mean.module.weight.item() == pytest.approx(kept, rel=1e-5)


@pytest.mark.slow
def test_the_running_mean_holds_batch_norms_statistics_too_and_shares_nothing_with_the_detector():
    torch.manual_seed(0)
    detector = FaceClassifier("resnet18")
    mean = optimization.ema_of(detector, 0.9)
    for _ in range(3):
        detector(torch.randn(4, 3, 32, 32))
        mean.update_parameters(detector)
    own, other = mean.module.state_dict(), detector.state_dict()
    assert own["backbone.bn1.num_batches_tracked"] == 3
    assert not torch.equal(own["backbone.bn1.running_mean"], other["backbone.bn1.running_mean"])
    assert own["backbone.bn1.running_mean"].abs().sum() > 0
    assert {value.data_ptr() for value in own.values()}.isdisjoint(
        value.data_ptr() for value in other.values()
    )
