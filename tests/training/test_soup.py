"""The mean of several runs' weights is a run of its own."""

import numpy as np
import pytest
import torch
from conftest import call_stages, copy_toy_project, run
from made import change_params

from deepfake_detector import UserError
from deepfake_detector.cli import commands
from deepfake_detector.evaluation import revisions
from deepfake_detector.training import network, soup

FACTS = {"input_size": 64, "arithmetic": "portable"}


def weights(path, seed: int, kind: str = "resnet18", **facts: object):
    """A file of a run, whose weights, statistics and counts are all of that seed."""
    torch.manual_seed(seed)
    classifier = network.FaceClassifier(kind)
    for name, value in classifier.state_dict().items():
        value.copy_(
            torch.full_like(value, seed) if "num_batches" in name else torch.rand_like(value)
        )
    network.save(classifier, path, epoch=seed, **FACTS | facts)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [weights(folder / f"{seed}.pt", seed) for seed in (1, 2, 3)]


def test_each_weight_is_the_mean_of_all_runs(runs):
    mixed, facts = soup.mean(runs)
    assert facts == FACTS
    states = [network.load(path)[0].state_dict() for path in runs]
    for name, value in mixed.state_dict().items():
        if value.is_floating_point():
            expected = np.mean([state[name].numpy().astype(float) for state in states], axis=0)
            assert np.allclose(value.numpy(), expected, rtol=1e-6, atol=0), name
        else:
            assert torch.equal(value, states[0][name]), name


def test_the_order_of_the_runs_does_not_show(runs):
    one, other = soup.mean(runs)[0].state_dict(), soup.mean(runs[::-1])[0].state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one if one[name].is_floating_point())


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"input_size": 96}, "other.pt: input_size 96, not 64"),
        ({"arithmetic": "fastest"}, "other.pt: arithmetic fastest, not portable"),
        ({"kind": "resnet34"}, "other.pt: network resnet34, not resnet18"),
    ],
)
def test_runs_of_another_kind_are_refused(runs, tmp_path, differs, said):
    with pytest.raises(UserError, match=said):
        soup.mean([runs[0], weights(tmp_path / "other.pt", 4, **differs)])


def test_the_command_names_its_file_by_what_is_in_it(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        revisions, "content", lambda revision, path: runs[int(revision) - 1].read_bytes()
    )
    assert [commands.soup(["1", "2"]), commands.soup(["1", "2"]), commands.soup(["2", "3"])] == [
        0
    ] * 3
    first, again, other = (line.split(":")[0] for line in capsys.readouterr().out.splitlines())
    assert first == again != other
    detector = network.build("resnet18", first, "")
    assert torch.equal(detector.head.weight, soup.mean(runs[:2])[0].head.weight)


@pytest.mark.slow
def test_a_soup_goes_through_the_pipeline_as_it_is(toy_project, tmp_path):
    folder = copy_toy_project(toy_project, tmp_path / "toy")
    given = folder / "models/given.pt"
    (folder / "models/detector.pt").rename(given)
    change_params(folder / "params.yaml", {"train.init": str(given), "train.epochs": 0})
    done = call_stages(folder, "train", "training_results", "calibrate")
    assert done.returncode == 0, done.stderr
    before, after = (
        network.load(path)[0].state_dict() for path in (given, folder / "models/detector.pt")
    )
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert '"train_loss": null' in (folder / "metrics/train.json").read_text()
    assert not run(folder, "git", "diff", "--stat", "models/decision.json").stdout
