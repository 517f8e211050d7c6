"""The networks that can be trained, one entry each, all of torchvision.

A new one is an entry here and a word in `settings.Network`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn
from torchvision import models
from torchvision.models import WeightsEnum


@dataclass(frozen=True)
class Backbone:
    """How a network is made, and the paths of its modules that others need.

    Its logits must be `head` of the mean over all places of what `stride_32` gives.
    """

    build: Callable[..., nn.Module]
    imagenet: WeightsEnum
    head: str  # the last linear layer
    parts: tuple[tuple[str, ...], ...]  # all below the head, the deepest first
    stride_16: str  # the last whose output has a sixteenth of the input's side
    stride_32: str  # and a thirty-second of it


def _resnet(build: Callable[..., nn.Module], imagenet: WeightsEnum) -> Backbone:
    parts = (("layer4",), ("layer3",), ("layer2",), ("layer1",), ("conv1", "bn1"))
    return Backbone(build, imagenet, "fc", parts, stride_16="layer3", stride_32="layer4")


BACKBONES = {
    "resnet18": _resnet(models.resnet18, models.ResNet18_Weights.IMAGENET1K_V1),
    "resnet34": _resnet(models.resnet34, models.ResNet34_Weights.IMAGENET1K_V1),
    "resnet50": _resnet(models.resnet50, models.ResNet50_Weights.IMAGENET1K_V2),
    "efficientnet_b0": Backbone(
        models.efficientnet_b0,
        models.EfficientNet_B0_Weights.IMAGENET1K_V1,
        head="classifier.1",
        parts=(
            ("features.8", "features.7", "features.6"),
            ("features.5", "features.4"),
            ("features.3",),
            ("features.2",),
            ("features.1", "features.0"),
        ),
        stride_16="features.5",
        stride_32="features.8",
    ),
}
