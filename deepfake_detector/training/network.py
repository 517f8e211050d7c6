"""A backbone with a linear head of two outputs, real and fake; its weights in and out, strictly."""

import io
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from deepfake_detector import UserError
from deepfake_detector.common.arithmetic import THREADS
from deepfake_detector.storage import assets
from deepfake_detector.storage.files import write_whole
from deepfake_detector.training.backbones import BACKBONES, imagenet_asset

OUTPUTS = 2
IMAGENET_CLASSES = 1000
REMEDY = "`dvc repro` makes it"  # of a file that a stage writes


class FaceClassifier(nn.Module):
    """One of `BACKBONES`. Maps (N, 3, S, S) normalised RGB to logits (N, 2), real then fake."""

    def __init__(self, network: str) -> None:
        super().__init__()
        self.network = network
        self.backbone = BACKBONES[network].build(num_classes=OUTPUTS)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, 2) of normalised images (N, 3, S, S)."""
        return self.backbone(images)

    @property
    def head(self) -> nn.Linear:
        """The last layer, from the mean features to the two logits."""
        return cast(nn.Linear, self.backbone.get_submodule(BACKBONES[self.network].head))

    @property
    def stride_16(self) -> nn.Module:
        """The last module whose output has a sixteenth of the input's side."""
        return self.backbone.get_submodule(BACKBONES[self.network].stride_16)

    def parts(self) -> list[list[nn.Module]]:
        """Its modules from the head down, as they learn when they are unfrozen in stages."""
        below = BACKBONES[self.network].parts
        return [
            [self.head],
            *([self.backbone.get_submodule(name) for name in part] for part in below),
        ]


class WithActivationMap(nn.Module):
    """A classifier with a second output: where it saw fake, (N, S/32, S/32).

    Class activation map (Zhou et al. 2016) of fake minus real: the head's weights applied to each
    place of the last feature map. Its mean plus the difference of the biases is the logit.
    """

    def __init__(self, classifier: FaceClassifier) -> None:
        super().__init__()
        last = BACKBONES[classifier.network].stride_32
        self.features = create_feature_extractor(classifier.backbone, {last: "last"})
        self.head = classifier.head

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, 2) and activation maps (N, S/32, S/32) of normalised images (N, 3, S, S)."""
        features = self.features(images)["last"]
        logits = self.head(features.mean(dim=(2, 3)))
        towards_fake = self.head.weight[1] - self.head.weight[0]
        return logits, torch.einsum("nchw,c->nhw", features, towards_fake)


def build(network: str, init: str, imagenet_sha256: str) -> FaceClassifier:
    """A new classifier: `imagenet` weights, `random` ones, or those of a file (this project's, or
    torchvision's).

    The head is new except from a file that brings one of its own. Raises UserError where weights
    are missing or are of another network; nothing is loaded half.
    """
    classifier = FaceClassifier(network)
    if init == "random":
        return classifier
    path = Path(init)
    if init == "imagenet":
        path = assets.locate(imagenet_asset(network), imagenet_sha256)
    remedy = (
        "give train.init as imagenet, random or the whole path of a weights file of train.network: "
        "in a copy, as `dvc exp run --temp` makes one, a relative one is lost"
    )
    content = _read(path, remedy)
    named = _named_weights(path, content.get("weights", content), remedy)
    state = {name.removeprefix("backbone."): value for name, value in named.items()}
    expected = classifier.backbone.state_dict()
    weight, bias = (f"{BACKBONES[network].head}.{name}" for name in ("weight", "bias"))
    if bias in state and len(state[bias]) == IMAGENET_CLASSES:
        state |= {name: expected[name] for name in (weight, bias)}
    check_same_network(path, state, expected, remedy)
    classifier.backbone.load_state_dict(state)
    return classifier


def save(classifier: FaceClassifier, path: str | Path, **facts: object) -> None:
    """Write weights, the network's name and facts (plain values) to `path`; the same values give
    the same bytes."""
    buffer = io.BytesIO()  # not straight to a file: torch stores the file's name in it
    content = {"weights": classifier.state_dict(), "network": classifier.network}
    torch.save(content | facts, buffer)
    write_whole(path, buffer.getvalue())


def load(path: str | Path) -> tuple[FaceClassifier, dict]:
    """A classifier written by `save`, in evaluation mode, and the facts beside it."""
    content = _read(Path(path), REMEDY)
    weights = _named_weights(path, content.pop("weights", None), REMEDY)
    network = str(content.pop("network", None))
    if network not in BACKBONES:
        known = ", ".join(BACKBONES)
        raise UserError(
            f"{path}: weights of a network {network}, not of {known}", f"{REMEDY} again"
        )
    classifier = FaceClassifier(network)
    check_same_network(path, weights, classifier.state_dict(), REMEDY)
    classifier.load_state_dict(weights)
    return classifier.eval(), content


def to_device(classifier: FaceClassifier, arithmetic: str, accelerator: str) -> FaceClassifier:
    """The classifier in fp32 where it was trained: on the processor with `portable` arithmetic or
    the `accelerator` cpu, else on the GPU where there is one."""
    if arithmetic == "portable":
        torch.set_num_threads(THREADS)  # fewer cores would give fewer
    without_tf32()
    on_gpu = arithmetic == "fastest" and accelerator != "cpu" and torch.cuda.is_available()
    return classifier.to("cuda" if on_gpu else "cpu").to(memory_format=torch.channels_last)


def without_tf32() -> None:
    """Lets GPUs compute fp32 as fp32. By default they round what a convolution multiplies to 10
    bits, and a logit then differs from the exported model's by more than rounding does."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def check_same_network(path: str | Path, weights: dict, expected: dict, remedy: str) -> None:
    """Raises UserError with this `remedy`, naming those that differ, unless the names and shapes of
    two sets of weights agree exactly."""
    missing = sorted(set(expected) - set(weights))
    unknown = sorted(set(weights) - set(expected))
    shapes = sorted(
        name for name in set(weights) & set(expected) if weights[name].shape != expected[name].shape
    )
    differences = [
        f"{difference}: {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"
        for difference, names in (
            ("missing", missing),
            ("unknown", unknown),
            ("of another shape", shapes),
        )
        if names
    ]
    if differences:
        raise UserError(f"{path}: weights of another network ({'; '.join(differences)})", remedy)


def _read(path: Path, remedy: str) -> dict:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"{path}: not there", remedy) from error
    except Exception as error:  # torch raises any error that its unpickler met
        raise UserError(
            f"{path}: not a file of weights that can be read safely ({type(error).__name__})",
            remedy,
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds a {type(content).__name__}, not named weights", remedy)
    return content


def _named_weights(path: str | Path, content: object, remedy: str) -> dict[str, Tensor]:
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise UserError(
            f"{path}: not named weights: a dict of names to tensors is expected", remedy
        )
    return content
