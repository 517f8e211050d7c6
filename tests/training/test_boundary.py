"""Supervision by the mask: what the head is shown, whom it teaches, and that it leaves nothing in
what is judged and exported."""

import copy

import numpy as np
import pytest
import torch
from made import changed, textured
from torch import nn

from deepfake_detector.training import sampling
from deepfake_detector.training.augmentation import augment, moved
from deepfake_detector.training.backbones import BACKBONES
from deepfake_detector.training.boundary import STRIDE, WithBoundary, boundary, boundary_loss
from deepfake_detector.training.network import FaceClassifier, load, save
from deepfake_detector.training.sampling import PSEUDO_FAKE, STORED, TARGET, Draw, LearningCrops
from deepfake_detector.training.selfblend import Blend
from deepfake_detector.training.settings import Augment, Train

OFF = Augment(**dict.fromkeys(Augment.model_fields, 0))
DRAWS = {  # rows of `stored_crops`: 0 is real, 1 is a fake
    "real": Draw(0, 0, 5),
    "target": Draw(0, 0, 5, TARGET),
    "pseudo-fake": Draw(0, 0, 5, PSEUDO_FAKE),
    "fake": Draw(1, 0, 5, STORED),
}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


@pytest.mark.parametrize(("level", "wanted"), [(0, 0), (1, 0), (0.5, 1), (0.25, 0.75)])
def test_the_boundary_is_where_both_faces_are_seen(level, wanted):
    assert boundary(np.full((48, 48), level, np.float32)) == pytest.approx(np.full((3, 3), wanted))


def test_the_boundary_lies_at_the_places_of_the_features():
    mask = np.zeros((64, 64), np.float32)
    mask[16:32, 32:40] = 0.5  # half of one place
    found = boundary(mask)
    assert found[1, 2] == pytest.approx(0.5)
    assert found.sum() == pytest.approx(0.5)


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("side", [64, 80, 100])
def test_every_network_has_as_many_places_as_the_boundary(name, side):
    classifier = FaceClassifier(name)
    with torch.no_grad():
        logits, found = WithBoundary(classifier).eval()(images := torch.randn(1, 3, side, side))
        assert torch.equal(logits, classifier.eval()(images))
    assert found.shape[1:] == boundary(np.zeros((side, side), np.float32)).shape


def samples(stored_crops, augmentation: Augment) -> dict[str, np.ndarray]:
    """The fourth part of each of `DRAWS`."""
    crops_of = LearningCrops(stored_crops, 48, 1, augmentation, boundaries=True)
    return {name: crops_of[draw][3] for name, draw in DRAWS.items()}


def test_reals_have_no_boundary_pseudo_fakes_have_one_and_of_fakes_nothing_is_known(stored_crops):
    found = samples(stored_crops, OFF)
    assert {one.shape for one in found.values()} == {(3, 3)}
    assert not found["real"].any()
    assert not found["target"].any()
    assert found["pseudo-fake"].max() > 0.1
    assert np.isnan(found["fake"]).all()


def test_pictures_and_labels_are_the_same_with_boundaries_and_without(stored_crops):
    augmentation = changed(OFF, flip=0.5, rotate=10, noise=1)
    with_them, without = (
        LearningCrops(stored_crops, 48, 1, augmentation, boundaries=one) for one in (True, False)
    )
    for draw in DRAWS.values():
        picture, *rest = without[draw]
        same, *other = with_them[draw]
        assert torch.equal(picture, same)
        assert other[:2] == rest


@pytest.mark.parametrize(
    "strengths", [{"flip": 1}, {"shift": 0.2}, {"scale": 0.3}, {"rotate": 30}], ids=str
)
def test_the_boundary_moves_with_the_picture(strengths, stored_crops, monkeypatch):
    """Shown as a picture of itself, it is found where the target says."""
    mask = np.zeros((48, 48), np.float32)
    mask[8:20, 6:30] = 0.5
    shown = np.repeat(np.rint(mask * 255).astype(np.uint8)[..., None], 3, axis=2)
    monkeypatch.setattr(sampling, "self_blend", lambda *_: Blend(shown, shown, mask))
    crops_of = LearningCrops(stored_crops, 48, 1, changed(OFF, **strengths), boundaries=True)
    still, moves = boundary(mask), []
    for pair in range(5):
        picture, _, _, found = crops_of[Draw(0, 0, pair, PSEUDO_FAKE)]
        seen = boundary(picture[0].numpy().astype(np.float32) / 255)
        assert found == pytest.approx(seen, abs=0.02)
        moves.append(np.abs(found - still).max())
    assert max(moves) > 0.1


@pytest.mark.parametrize("size", [32, 48])
def test_the_mask_is_moved_as_augmentation_moves_the_crop(size):
    crop, strengths = textured(48), changed(OFF, flip=0.5, shift=0.1, scale=0.2, rotate=15)
    grey = crop[..., 0].astype(np.float32)
    for pair in range(5):
        wanted = augment(crop, size, strengths, (1, 0, pair))[..., 0]
        assert moved(grey, size, strengths, (1, 0, pair)) == pytest.approx(wanted, abs=1)


def test_the_loss_is_that_of_each_place_and_least_at_the_target():
    target = torch.tensor([[[0.0, 1.0], [0.5, 0.25]]])
    exact = target.logit(1e-6)
    entropy = -(target * target.clamp(1e-6).log() + (1 - target) * (1 - target).clamp(1e-6).log())
    assert boundary_loss(exact, target).item() == pytest.approx(entropy.mean().item(), abs=1e-4)
    assert boundary_loss(exact + 0.5, target) > boundary_loss(exact, target)
    assert boundary_loss(exact - 0.5, target) > boundary_loss(exact, target)


def test_fakes_of_which_no_mask_is_known_teach_nothing_and_change_nothing_for_the_others():
    logits = torch.randn(4, 3, 3, requires_grad=True)
    target = torch.rand(4, 3, 3)
    target[1] = target[3] = torch.nan
    boundary_loss(logits, target).backward()
    taught = logits.grad.abs().sum(dim=(1, 2))
    assert taught[[1, 3]].tolist() == [0, 0]
    assert taught[[0, 2]].min() > 0
    logits.grad, before = None, logits.grad
    boundary_loss(logits, torch.where(target.isnan(), 0.0, target)).backward()
    assert torch.equal(logits.grad[[0, 2]], before[[0, 2]])


def test_a_batch_of_such_fakes_alone_has_a_loss_of_0():
    logits = torch.randn(2, 3, 3, requires_grad=True)
    loss = boundary_loss(logits, torch.full((2, 3, 3), torch.nan))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_the_gradient_reaches_the_backbone_up_to_stride_16_and_no_further():
    classifier = FaceClassifier("resnet18")
    _, found = WithBoundary(classifier)(torch.randn(2, 3, 64, 64))
    boundary_loss(found, torch.rand(2, 4, 4)).backward()
    backbone = classifier.backbone
    reached = {
        name: any(one.grad is not None and one.grad.any() for one in module.parameters())
        for name, module in backbone.named_children()
        if list(module.parameters())
    }
    assert [name for name, there in reached.items() if there] == [
        "conv1", "bn1", "layer1", "layer2", "layer3",
    ]  # fmt: skip


def test_the_head_is_no_part_of_the_classifier_and_leaves_it_as_it_was():
    classifier = FaceClassifier("resnet18")
    before, learning = copy.deepcopy(classifier.state_dict()), classifier.training
    beside = WithBoundary(classifier)
    beside(torch.zeros(2, 3, 2 * STRIDE, 2 * STRIDE))
    assert before.keys() == classifier.state_dict().keys()
    assert classifier.training == learning
    assert not any(module._forward_hooks for module in classifier.modules())
    assert set(beside.state_dict()) - {f"classifier.{name}" for name in before} == {
        "head.weight",
        "head.bias",
    }


def test_making_the_head_changes_no_statistics():
    classifier = FaceClassifier("resnet18")
    before = copy.deepcopy(classifier.state_dict())
    WithBoundary(classifier)
    for name, value in classifier.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(isinstance(one, nn.Module) and one.training for one in classifier.modules())


def test_what_is_saved_of_a_detector_that_learned_with_it_is_a_classifier(tmp_path):
    classifier = FaceClassifier("resnet18")
    WithBoundary(classifier)(torch.zeros(2, 3, 2 * STRIDE, 2 * STRIDE))
    save(classifier, tmp_path / "detector.pt")
    loaded, _ = load(tmp_path / "detector.pt")
    assert loaded.state_dict().keys() == FaceClassifier("resnet18").state_dict().keys()


def test_masks_without_self_blended_faces_are_refused():
    with pytest.raises(ValueError, match="mask_loss learns from the masks of self-blended faces"):
        Train(mask_loss=1.0, self_blend=0.0)
