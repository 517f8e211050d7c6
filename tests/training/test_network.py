"""The network: where its weights may come from, what is refused, and the map beside its answer."""

from pathlib import Path

import pytest
import torch
from torchvision.models import ResNet18_Weights, resnet18, resnet34

from deepfake_detector import UserError
from deepfake_detector.storage import assets
from deepfake_detector.storage.files import file_hash
from deepfake_detector.training import crops, network

FILE = assets.ASSETS["imagenet"].file


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


@pytest.fixture
def imagenet(tmp_path, monkeypatch) -> Path:
    """A file like torchvision's (1000 classes, random values) where the assets lie."""
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path))
    torch.save(resnet18().state_dict(), tmp_path / FILE)
    return tmp_path / FILE


def same_values(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(value, other[name]) for name, value in one.items()
    )


def without_head(state: dict) -> dict:
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


def test_imagenet_weights_fill_everything_but_the_head(imagenet):
    detector = network.build("imagenet", file_hash(imagenet))
    assert same_values(
        without_head(detector.backbone.state_dict()), without_head(torch.load(imagenet))
    )
    assert detector.backbone.fc.weight.shape == (2, 512)
    assert detector(torch.zeros(3, 3, 32, 32)).shape == (3, 2)


def test_the_imagenet_file_is_the_one_that_torchvision_names_with_its_normalisation():
    weights = ResNet18_Weights.IMAGENET1K_V1
    assert assets.ASSETS["imagenet"].url == weights.url
    assert weights.url.rpartition("/")[2] == FILE
    assert assets.ASSETS["imagenet"].sha256.startswith(FILE.removesuffix(".pth").rpartition("-")[2])
    assert (list(crops.MEAN), list(crops.STD)) == (
        weights.transforms().mean,
        weights.transforms().std,
    )


def test_missing_imagenet_weights_name_file_and_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path))
    with pytest.raises(
        UserError, match=rf"{FILE}: not there.*fetch-assets imagenet.*--from FOLDER"
    ):
        network.build("imagenet", "0" * 64)


def test_imagenet_weights_with_another_hash_name_file_and_remedy(imagenet):
    with pytest.raises(
        UserError, match=rf"{FILE}: sha256 is {file_hash(imagenet)}.*fetch-assets imagenet"
    ):
        network.build("imagenet", "0" * 64)


def test_random_weights_follow_the_seed():
    torch.manual_seed(5)
    first = network.build("random", "").state_dict()
    assert not same_values(first, network.build("random", "").state_dict())
    torch.manual_seed(5)
    assert same_values(first, network.build("random", "").state_dict())


def test_ones_own_weights_bring_their_head(tmp_path):
    saved = network.Detector()
    network.save(saved, tmp_path / "own.pt", epoch=3)
    torch.save(saved.backbone.state_dict(), tmp_path / "torchvision.pt")
    for name in ("own.pt", "torchvision.pt"):
        assert same_values(
            network.build(str(tmp_path / name), "").state_dict(), saved.state_dict()
        ), name


def lacking(name: str) -> dict:
    state = resnet18(num_classes=2).state_dict()
    del state[name]
    return state


REFUSED = {
    "weights of resnet34": (
        lambda: resnet34(num_classes=2).state_dict(),
        "of another network .*unknown: layer1.2",
    ),
    "one layer missing": (
        lambda: lacking("layer3.0.conv1.weight"),
        r"missing: layer3\.0\.conv1\.weight\)",
    ),
    "five classes": (
        lambda: resnet18(num_classes=5).state_dict(),
        r"of another shape: fc\.bias, fc\.weight\)",
    ),
    "a checkpoint of something else": (
        lambda: {"epoch": 3, "state_dict": {}},
        "not named weights",
    ),
    "a list of tensors": (lambda: [torch.zeros(2)], "holds a list, not named weights"),
    "an object that is no tensor": (
        lambda: {"conv1.weight": Path("x")},
        "cannot|can be read safely",
    ),
    "numbers in place of tensors": (
        lambda: dict.fromkeys(resnet18(num_classes=2).state_dict(), 1),
        "not named weights",
    ),
    "a tensor in place of named weights": (
        lambda: {"weights": torch.zeros(2)},
        "not named weights",
    ),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_weights_of_another_network_are_refused(tmp_path, content, message):
    torch.save(content(), tmp_path / "weights.pt")
    with pytest.raises(UserError, match=rf"weights\.pt: .*({message})"):
        network.build(str(tmp_path / "weights.pt"), "")


@pytest.mark.parametrize(
    "read", [lambda path: network.build(str(path), ""), network.load], ids=["build", "load"]
)
@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "not there"), (b"", "can be read safely"), (b"just some text\n", "can be read safely")],
    ids=["missing", "empty", "text"],
)
def test_a_file_that_is_no_weights_is_refused(tmp_path, read, data, message):
    if data is not None:
        (tmp_path / "weights.pt").write_bytes(data)
    with pytest.raises(UserError, match=rf"weights\.pt: .*{message}"):
        read(tmp_path / "weights.pt")


def test_load_refuses_weights_that_save_did_not_write(tmp_path):
    torch.save(network.Detector().state_dict(), tmp_path / "bare.pt")
    with pytest.raises(UserError, match=r"bare\.pt: not named weights"):
        network.load(tmp_path / "bare.pt")


def test_load_gives_back_what_save_wrote(tmp_path):
    saved = network.Detector()
    network.save(saved, tmp_path / "model.pt", input_size=80, epoch=4)
    loaded, facts = network.load(tmp_path / "model.pt")
    assert facts == {"input_size": 80, "epoch": 4}
    assert same_values(loaded.state_dict(), saved.state_dict())
    assert not loaded.training


def test_the_same_values_give_the_same_bytes_under_any_name(tmp_path):
    detector = network.Detector()
    network.save(detector, tmp_path / "one.pt", epoch=1)
    network.save(network.load(tmp_path / "one.pt")[0], tmp_path / "other name.pt", epoch=1)
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "other name.pt").read_bytes()


def test_the_activation_map_leaves_the_logits_alone_and_averages_to_them():
    detector = network.Detector().eval()
    images = torch.randn(3, 3, 96, 64)
    with torch.inference_mode():
        logits, seen = network.WithActivationMap(detector)(images)
        assert torch.allclose(logits, detector(images), atol=1e-5)
    assert seen.shape == (3, 3, 2)
    real, fake = detector.backbone.fc.bias
    assert torch.allclose(
        seen.mean(dim=(1, 2)) + fake - real, logits[:, 1] - logits[:, 0], atol=1e-5
    )
