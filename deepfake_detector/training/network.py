"""ResNet-18 with a linear head of two outputs, real and fake."""

import io
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from deepfake_detector import UserError
from deepfake_detector.storage import assets
from deepfake_detector.storage.files import write_whole

OUTPUTS = 2
IMAGENET_CLASSES = 1000


class Detector(nn.Module):
    """ResNet-18 (He et al. 2016). Maps (N, 3, S, S) normalised RGB to logits (N, 2), real then fake."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = resnet18(num_classes=OUTPUTS)

    def forward(self, images: Tensor) -> Tensor:
        return self.backbone(images)

    def parts(self) -> list[list[nn.Module]]:
        """Its modules from the head down, as they learn when they are unfrozen in stages."""
        net = self.backbone
        return [
            [net.fc],
            [net.layer4],
            [net.layer3],
            [net.layer2],
            [net.layer1],
            [net.conv1, net.bn1],
        ]


class WithActivationMap(nn.Module):
    """The detector with a second output: where it saw fake, (N, S/32, S/32).

    Class activation map (Zhou et al. 2016) of fake minus real: the head's weights applied to each place of the last
    feature map. Its mean plus the difference of the biases is the logit.
    """

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        net = detector.backbone
        self.stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        self.layers = nn.Sequential(net.layer1, net.layer2, net.layer3, net.layer4)
        self.head = net.fc

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.layers(self.stem(images))
        logits = self.head(features.mean(dim=(2, 3)))
        towards_fake = self.head.weight[1] - self.head.weight[0]
        return logits, torch.einsum("nchw,c->nhw", features, towards_fake)


def build(init: str, imagenet_sha256: str) -> Detector:
    """A new detector: `imagenet` weights, `random` ones, or those of a file (this project's, or torchvision's).

    The head is new except from a file that brings one of its own. Raises UserError where weights are missing or are
    of another network; nothing is loaded half.
    """
    detector = Detector()
    if init == "random":
        return detector
    path = assets.locate("imagenet", imagenet_sha256) if init == "imagenet" else Path(init)
    content = _read(path, "give train.init as imagenet, random or the path of a weights file")
    named = _named_weights(path, content.get("weights", content))
    state = {name.removeprefix("backbone."): value for name, value in named.items()}
    own = detector.backbone.state_dict()
    head = {"fc.weight", "fc.bias"}
    if state.get("fc.bias") is not None and len(state["fc.bias"]) == IMAGENET_CLASSES:
        state |= {name: own[name] for name in head}
    check_same(path, state, own)
    detector.backbone.load_state_dict(state)
    return detector


def save(detector: Detector, path: str | Path, **facts: object) -> None:
    """Write weights and facts (plain values) to `path`; the same values give the same bytes."""
    buffer = io.BytesIO()  # not straight to a file: torch stores the file's name in it
    torch.save({"weights": detector.state_dict(), **facts}, buffer)
    write_whole(path, buffer.getvalue())


def load(path: str | Path) -> tuple[Detector, dict]:
    """A detector written by `save`, in evaluation mode, and the facts beside it."""
    content = _read(Path(path), "`dvc repro` makes it")
    weights = _named_weights(path, content.pop("weights", None))
    detector = Detector()
    check_same(Path(path), weights, detector.state_dict())
    detector.load_state_dict(weights)
    return detector.eval(), content


def to_fastest(detector: Detector) -> Detector:
    """The detector on the GPU where there is one, in fp32."""
    return detector.to(
        "cuda" if torch.cuda.is_available() else "cpu", memory_format=torch.channels_last
    )


def check_same(path: str | Path, found: dict, wanted: dict) -> None:
    """Raises UserError, naming those that differ, unless the names and shapes of two sets of weights agree exactly."""
    missing = sorted(set(wanted) - set(found))
    unknown = sorted(set(found) - set(wanted))
    shapes = sorted(
        name for name in set(found) & set(wanted) if found[name].shape != wanted[name].shape
    )
    told = [
        f"{what}: {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"
        for what, names in (
            ("missing", missing),
            ("unknown", unknown),
            ("of another shape", shapes),
        )
        if names
    ]
    if told:
        raise UserError(f"{path}: weights of another network ({'; '.join(told)})")


def _read(path: Path, remedy: str) -> dict:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"{path}: not there", remedy) from error
    except Exception as error:  # torch raises whatever its unpickler met
        raise UserError(
            f"{path}: not a file of weights that can be read safely ({type(error).__name__})"
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds a {type(content).__name__}, not named weights")
    return content


def _named_weights(path: str | Path, content: object) -> dict[str, Tensor]:
    named = isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    )
    if not named:
        raise UserError(f"{path}: not named weights: wanted is a dict of names to tensors")
    return content
