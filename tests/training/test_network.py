"""The network: where its weights may come from, what is refused, and the map beside its answer."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn
from torchvision.models import resnet18, resnet34
from torchvision.models.feature_extraction import create_feature_extractor

from deepfake_detector import UserError
from deepfake_detector.contract.model_file import STRIDE
from deepfake_detector.storage.files import file_hash
from deepfake_detector.training import crops, network
from deepfake_detector.training.backbones import BACKBONES, imagenet_asset
from deepfake_detector.training.settings import Network, Train

SIDE = 64

every_network = pytest.mark.parametrize(
    "name",
    [
        name if name == Train().network else pytest.param(name, marks=pytest.mark.slow)
        for name in BACKBONES
    ],
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


@pytest.fixture
def imagenet(tmp_path, monkeypatch) -> Callable[[str], Path]:
    """Makes a network's file like torchvision's (1000 classes, random) where the assets lie."""
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path))

    def make(name: str) -> Path:
        path = tmp_path / imagenet_asset(name).file
        torch.save(BACKBONES[name].build().state_dict(), path)
        return path

    return make


def same_values(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(value, other[name]) for name, value in one.items()
    )


@pytest.mark.slow
@every_network
def test_every_network_gives_two_logits_for_a_face(name):
    assert network.FaceClassifier(name)(torch.zeros(3, 3, SIDE, SIDE)).shape == (3, 2)


def test_the_settings_offer_every_network_and_no_other():
    assert get_args(Network) == tuple(BACKBONES)


@pytest.mark.slow
def test_a_new_resnet18_draws_the_weights_that_torchvision_draws():
    made = network.build("resnet18", "random", "").backbone.state_dict()
    following = torch.rand(3)
    torch.manual_seed(1)
    assert same_values(made, resnet18(num_classes=2).state_dict())
    assert torch.equal(torch.rand(3), following)


@pytest.mark.slow
@every_network
def test_the_head_is_the_only_part_whose_shape_follows_the_number_of_classes(name):
    entry = BACKBONES[name]
    two, three = (entry.build(num_classes=count).state_dict() for count in (2, 3))
    head = {path for path in two if two[path].shape != three[path].shape}
    assert head == {f"{entry.head}.weight", f"{entry.head}.bias"}


@every_network
def test_every_parameter_belongs_to_one_part_and_the_head_comes_first(name):
    classifier = network.FaceClassifier(name)
    parts = [nn.ModuleList(modules) for modules in classifier.parts()]
    owners = [id(one) for part in parts for one in part.parameters()]
    assert sorted(owners) == sorted(map(id, classifier.parameters()))
    assert list(parts[0]) == [classifier.head]


@every_network
def test_parts_follow_each_other_from_the_output_to_the_input(name):
    classifier = network.FaceClassifier(name)
    order = {id(one): place for place, one in enumerate(classifier.parameters())}
    places = [
        [order[id(one)] for module in part for one in module.parameters()]
        for part in classifier.parts()
    ]
    assert all(min(later) > max(earlier) for later, earlier in pairwise(places))


@pytest.mark.slow
@every_network
def test_features_have_the_strides_that_the_table_says(name):
    entry = BACKBONES[name]
    features = create_feature_extractor(
        entry.build(num_classes=2), {entry.stride_16: "16", entry.stride_32: "32"}
    )
    found = features(torch.zeros(2, 3, SIDE, 2 * SIDE))
    for stride in (16, STRIDE):
        assert found[str(stride)].shape[2:] == (SIDE // stride, 2 * SIDE // stride)


@pytest.mark.slow
@every_network
def test_imagenet_weights_fill_everything_but_the_head(imagenet, name):
    path = imagenet(name)
    built = network.build(name, "imagenet", file_hash(path)).backbone.state_dict()
    given = torch.load(path)
    head = {f"{BACKBONES[name].head}.{kind}" for kind in ("weight", "bias")}
    assert {key for key in built if not torch.equal(built[key], given[key])} == head
    assert built.keys() == given.keys()


@every_network
def test_the_imagenet_file_is_the_one_that_torchvision_names_with_its_normalisation(name):
    asset, weights = imagenet_asset(name), BACKBONES[name].imagenet
    assert asset.url == weights.url
    assert asset.url.endswith(f"/{asset.file}")
    assert asset.file.endswith(f"-{asset.sha256[:8]}.pth")
    assert (list(crops.MEAN), list(crops.STD)) == (
        weights.transforms().mean,
        weights.transforms().std,
    )


def test_the_whole_hash_is_known_of_the_default_networks_weights():
    default = Train()
    assert imagenet_asset(default.network).sha256 == default.imagenet_sha256


@every_network
def test_missing_imagenet_weights_name_file_and_remedy(tmp_path, monkeypatch, name):
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path))
    file = imagenet_asset(name).file
    with pytest.raises(UserError, match=rf"{file}: not there.*fetch-assets {name}`.*--from FOLDER"):
        network.build(name, "imagenet", "0" * 64)


@pytest.mark.slow
def test_imagenet_weights_with_another_hash_name_file_and_remedy(imagenet):
    path = imagenet("resnet34")
    with pytest.raises(
        UserError, match=rf"{path.name}: sha256 is {file_hash(path)}.*fetch-assets resnet34`"
    ):
        network.build("resnet34", "imagenet", "0" * 64)


@pytest.mark.slow
def test_random_weights_follow_the_seed():
    torch.manual_seed(5)
    first = network.build("resnet18", "random", "").state_dict()
    assert not same_values(first, network.build("resnet18", "random", "").state_dict())
    torch.manual_seed(5)
    assert same_values(first, network.build("resnet18", "random", "").state_dict())


@pytest.mark.slow
def test_ones_own_weights_bring_their_head(tmp_path):
    saved = network.FaceClassifier("resnet18")
    network.save(saved, tmp_path / "own.pt", epoch=3)
    torch.save(saved.backbone.state_dict(), tmp_path / "torchvision.pt")
    for name in ("own.pt", "torchvision.pt"):
        assert same_values(
            network.build("resnet18", str(tmp_path / name), "").state_dict(), saved.state_dict()
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


@pytest.mark.slow
@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_weights_of_another_network_are_refused(tmp_path, content, message):
    torch.save(content(), tmp_path / "weights.pt")
    with pytest.raises(UserError, match=rf"weights\.pt: .*({message})"):
        network.build("resnet18", str(tmp_path / "weights.pt"), "")


@pytest.mark.parametrize(
    "read",
    [lambda path: network.build("resnet18", str(path), ""), network.load],
    ids=["build", "load"],
)
@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "not there"), (b"", "can be read safely"), (b"just some text\n", "can be read safely")],
    ids=["missing", "empty", "text"],
)
def test_a_file_that_is_no_weights_is_refused(tmp_path, read, data, message):
    if data is not None:
        (tmp_path / "weights.pt").write_bytes(data)
    with pytest.raises(UserError, match=rf"weights\.pt: .*{message}.*; \S"):
        read(tmp_path / "weights.pt")


def test_load_refuses_weights_that_save_did_not_write(tmp_path):
    torch.save(network.FaceClassifier("resnet18").state_dict(), tmp_path / "bare.pt")
    with pytest.raises(UserError, match=r"bare\.pt: not named weights: .*; `dvc repro` makes it$"):
        network.load(tmp_path / "bare.pt")


@pytest.mark.slow
@every_network
def test_load_gives_back_what_save_wrote(tmp_path, name):
    saved = network.FaceClassifier(name)
    network.save(saved, tmp_path / "model.pt", input_size=80, epoch=4)
    loaded, facts = network.load(tmp_path / "model.pt")
    assert (loaded.network, facts) == (name, {"input_size": 80, "epoch": 4})
    assert same_values(loaded.state_dict(), saved.state_dict())
    assert not loaded.training


@pytest.mark.slow
@every_network
def test_the_saved_weights_of_another_network_are_refused(tmp_path, name):
    network.save(network.FaceClassifier(name), tmp_path / "model.pt")
    for other in set(BACKBONES) - {name}:
        with pytest.raises(
            UserError, match=r"model\.pt: weights of another network .*; give train"
        ):
            network.build(other, str(tmp_path / "model.pt"), "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({}, "weights of a network None, not of resnet18, .*; `dvc repro` makes it again"),
        ({"network": "vgg11"}, "weights of a network vgg11, not of"),
        ({"network": ["resnet18"]}, r"weights of a network \['resnet18'\], not of"),
        ({"network": "resnet34"}, r"weights of another network \(missing: backbone"),
    ],
    ids=["none", "unknown", "no name", "another"],
)
def test_load_refuses_a_file_that_does_not_say_whose_weights_it_holds(tmp_path, said, refusal):
    weights = network.FaceClassifier("resnet18").state_dict()
    torch.save({"weights": weights} | said, tmp_path / "model.pt")
    with pytest.raises(UserError, match=rf"model\.pt: {refusal}"):
        network.load(tmp_path / "model.pt")


@pytest.mark.slow
def test_the_same_values_give_the_same_bytes_under_any_name(tmp_path):
    detector = network.FaceClassifier("resnet18")
    network.save(detector, tmp_path / "one.pt", epoch=1)
    network.save(network.load(tmp_path / "one.pt")[0], tmp_path / "other name.pt", epoch=1)
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "other name.pt").read_bytes()


@pytest.mark.slow
@every_network
def test_the_activation_map_leaves_the_logits_alone_and_averages_to_them(name):
    classifier = network.FaceClassifier(name)
    with torch.no_grad():
        classifier(torch.randn(8, 3, SIDE, SIDE))  # batch-norm statistics as training leaves them
    classifier.eval()
    images = torch.randn(3, 3, 96, 64)
    with torch.inference_mode():
        logits, seen = network.WithActivationMap(classifier).eval()(images)
        assert torch.allclose(logits, classifier(images), atol=1e-5)
    assert seen.shape == (3, 3, 2)
    real, fake = classifier.head.bias
    assert torch.allclose(
        seen.mean(dim=(1, 2)) + fake - real, logits[:, 1] - logits[:, 0], atol=1e-4
    )


@pytest.mark.slow
@every_network
def test_a_place_of_the_map_looks_at_what_lies_a_stride_from_the_last_one(name):
    """The middle of the pixels that change it is where the map is drawn: stride by stride."""
    mapped = network.WithActivationMap(network.FaceClassifier(name).eval())
    images = torch.randn(2, 3, 224, 224, requires_grad=True)
    _, seen = mapped(images)
    place = 3  # of 0 to 6: what it looks at ends within the picture on all sides
    (gradient,) = torch.autograd.grad(seen[:, place, place].sum(), images)
    weight = gradient.square().sum(dim=(0, 1))
    for axis in (0, 1):
        along = weight.sum(dim=axis)
        middle = (along * torch.arange(224)).sum() / along.sum()
        assert abs(middle - place * STRIDE) < STRIDE / 4
