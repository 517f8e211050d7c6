"""The networks that can be trained, one entry each, all of torchvision.

    python -m deepfake_detector.training.backbones resnet34 ...

prints as JSON where their ImageNet weights lie. A new network is an entry here and a word in
`settings.Network`.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from torch import nn
from torchvision import models
from torchvision.models import WeightsEnum

from deepfake_detector.storage.assets import Asset
from deepfake_detector.training.settings import Train


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


def imagenet_asset(network: str) -> Asset:
    """The file of a network's ImageNet weights.

    torchvision publishes the first digits of its hash, in its name. The whole is known of the one
    file that the default of `train.imagenet_sha256` is of.
    """
    url = BACKBONES[network].imagenet.url
    file = url.rpartition("/")[2]
    digits = file.rpartition("-")[2].removesuffix(".pth")
    known = Train().imagenet_sha256
    sha256 = known if known.startswith(digits) else digits
    return Asset(network, file, url, sha256, "train.imagenet_sha256")


if __name__ == "__main__":
    print(json.dumps([asdict(imagenet_asset(name)) for name in sys.argv[1:]]))
