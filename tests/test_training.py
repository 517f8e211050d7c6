"""The fit loop: schedule, optimizer, choice of the epoch, and that a stopped run ends like one that was not."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from deepfake_detector import UserError, crops, training
from deepfake_detector.archive import encode, write_archive
from deepfake_detector.crops import Augmentation, FaceCrops
from deepfake_detector.network import Detector
from deepfake_detector.training import Epoch, Recipe

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
RECIPE = Recipe(
    seed=1,
    epochs=3,
    batch_size=8,
    optimizer="adamw",
    lr=5e-3,
    weight_decay=0.05,
    warmup=0.1,
    label_smoothing=0.05,
    precision="fp32",
    accelerator="cpu",
    loader_workers=0,
)
GENTLE = Augmentation(flip=0.5, shift=0.03, scale=0, rotate=0, colour=0.05, blur=0, downscale=0, jpeg=0, noise=0)
EPOCHS = range(RECIPE.epochs)


class Small(nn.Module):
    """A network with all that the loop must handle (convolution, batch-norm, head) that trains in a second."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 8, 5, stride=2), nn.BatchNorm2d(8), nn.Linear(8, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.norm(self.conv(images))).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> tuple[Path, pd.DataFrame]:
    """A folder with 64 stored crops, the fake ones with a bright bar, and their rows: 16 items a class, 2 crops each."""
    folder, rng = tmp_path_factory.mktemp("faces"), np.random.default_rng(0)
    pictures, rows = {}, []
    for number in range(64):
        picture = rng.integers(40, 160, (32, 32, 3)).astype(np.uint8)
        if label := number % 2:
            picture[12:20] += 80
        pictures[f"{number:02d}.png"] = encode(picture, "png")
        rows.append(
            {"archive": "toy.zip", "member": f"{number:02d}.png", "label": label, "item": f"{number // 4}{label}"}
        )
    write_archive(folder / crops.FOLDER / "toy.zip", pictures)
    return folder, pd.DataFrame(rows)


def run(
    folder: Path, rows: pd.DataFrame, recipe: Recipe = RECIPE, stop_at: int | None = None, network=Small, watch=None
):
    """Fit on 48 of the crops, validate on 16; returns the detector, the state and the numbers of the epochs reported."""
    reported = []

    def report(epoch: Epoch, _best: bool) -> None:
        if epoch.epoch == stop_at:
            raise KeyboardInterrupt
        reported.append(epoch.epoch)

    train, val = rows.iloc[:48].reset_index(drop=True), rows.iloc[48:].reset_index(drop=True)
    fabric = training.setup(recipe.accelerator, recipe.precision, recipe.seed)
    detector = network()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        state = training.fit(
            fabric,
            detector,
            FaceCrops(train, 32, recipe.seed, GENTLE),
            np.full(48, 1 / 48),
            FaceCrops(val, 32),
            val,
            recipe,
            Path("last.pt"),
            watch or (lambda batches, *_: batches),
            report,
        )
    return detector, state, reported


@pytest.fixture(autouse=True)
def fresh(faces):
    """No checkpoint of another test; torch on one thread (its threads wait for each other on a busy machine)."""
    (faces[0] / "last.pt").unlink(missing_ok=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def saved(detector: nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.save(detector.cpu().state_dict(), buffer)
    return buffer.getvalue()


@pytest.fixture
def uninterrupted(faces):
    """A whole run: detector, state, epochs reported."""
    result = run(*faces)
    (faces[0] / "last.pt").unlink()
    return result


@pytest.mark.parametrize(("network", "lr"), [(Small, 5e-3), (Detector, 5e-4)])
def test_a_separable_set_is_learned(faces, network, lr):
    _, state, reported = run(*faces, replace(RECIPE, lr=lr), network=network)
    assert reported == list(EPOCHS)
    assert [epoch.epoch for epoch in state.history] == list(EPOCHS)
    best = state.history[state.best]
    assert best.val_frame_roc_auc > 0.95
    assert best.val_video_roc_auc > 0.95
    assert state.history[-1].train_loss < state.history[0].train_loss


def test_the_detector_is_left_with_the_best_epochs_weights(faces, monkeypatch):
    folder, rows = faces
    rows = rows.assign(label=rows["label"].where(rows.index < 48, 1 - rows["label"]))  # the more learned, the worse
    detector, state, _ = run(folder, rows)
    assert state.best == 0
    monkeypatch.chdir(folder)
    val = rows.iloc[48:].reset_index(drop=True)
    figures = training.validate(detector, FaceCrops(val, 32), val, RECIPE)
    assert figures == pytest.approx({name: getattr(state.history[0], name) for name in figures}, rel=1e-5)


def test_the_same_run_gives_the_same_bytes(uninterrupted, faces):
    detector, state, _ = run(*faces)
    assert state.history == uninterrupted[1].history
    assert saved(detector) == saved(uninterrupted[0])


def test_a_stopped_run_goes_on_to_the_same_bytes(uninterrupted, faces):
    with pytest.raises(KeyboardInterrupt):
        run(*faces, stop_at=1)
    detector, state, reported = run(*faces)
    assert reported == [1, 2]  # epoch 0 was not done again
    assert state.history == uninterrupted[1].history
    assert saved(detector) == saved(uninterrupted[0])


def test_batch_norm_learns_in_training_and_rests_in_validation(faces, monkeypatch):
    detector, modes = Small(), []

    def watch(batches, *_):
        for batch in batches:
            modes.append(detector.training)
            yield batch

    folder, rows = faces
    start = detector.norm.running_mean.clone()
    run(folder, rows, replace(RECIPE, epochs=2), network=lambda: detector, watch=watch)
    assert modes == [True] * 12  # also in the second epoch, after a validation
    trained = {name: value.clone() for name, value in detector.state_dict().items()}
    assert not torch.equal(trained["norm.running_mean"], start)
    monkeypatch.chdir(folder)
    training.validate(detector.train(), FaceCrops(rows, 32), rows, RECIPE)
    assert all(torch.equal(value, trained[name]) for name, value in detector.state_dict().items())


def test_every_epoch_draws_its_own_faces(faces):
    drawn = []

    def watch(batches, *_):
        drawn.append([])
        for batch in batches:
            drawn[-1] += batch[2].tolist()
            yield batch

    run(*faces, watch=watch)
    assert [len(epoch) for epoch in drawn] == [48, 48, 48]
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]


def test_a_loss_that_is_no_number_stops_the_run(faces):
    with pytest.raises(UserError, match=r"loss is not a number any more; lower train\.lr"):
        run(*faces, replace(RECIPE, lr=1e30, warmup=0.0))


def test_too_few_faces_for_a_batch_stop_the_run(faces):
    with pytest.raises(UserError, match=r"48 training faces do not fill a batch of 49; lower train\.batch_size"):
        run(*faces, replace(RECIPE, batch_size=49))


@needs_gpu
@pytest.mark.parametrize("precision", ["auto", "fp32", "fp16"])
def test_the_gpu_learns_a_separable_set(faces, precision):
    recipe = replace(RECIPE, lr=5e-4, accelerator="cuda", precision=precision)
    detector, state, _ = run(*faces, recipe, network=Detector)
    assert next(detector.parameters()).is_cuda
    assert state.history[state.best].val_frame_roc_auc > 0.95


@needs_gpu
def test_a_stopped_run_on_the_gpu_goes_on_to_the_same_bytes(faces):
    recipe = replace(RECIPE, accelerator="cuda", precision="auto")
    whole = saved(run(*faces, recipe)[0])
    (faces[0] / "last.pt").unlink()
    with pytest.raises(KeyboardInterrupt):
        run(*faces, recipe, stop_at=1)
    assert saved(run(*faces, recipe)[0]) == whole


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told():
    with pytest.raises(UserError, match=r"train\.accelerator: cuda, but torch finds no GPU; use auto or cpu"):
        training.setup("cuda", "fp32", 1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_auto_falls_back_to_the_processor():
    assert training.setup("auto", "auto", 1).device.type == "cpu"


def test_setup_seeds_the_weights():
    first, second = (training.setup("cpu", "fp32", 7) and torch.rand(3) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("on_gpu", [False, pytest.param(True, marks=needs_gpu)])
def test_the_fastest_precision_is_one_that_can_be_set(on_gpu):
    assert training.fastest_precision(on_gpu) in training.PRECISIONS


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
    factor = training.cosine_with_warmup(steps, warmup)
    assert {step: factor(step) for step in factors} == pytest.approx(factors)
    values = [factor(step) for step in range(steps + 1)]
    peak = round(steps * warmup)
    assert values[: peak + 1] == sorted(values[: peak + 1])
    assert values[peak:] == sorted(values[peak:], reverse=True)


def history(*figures: tuple[float, float, float]) -> list[Epoch]:
    """Epochs of (frame log loss, video ROC-AUC, video log loss)."""
    return [
        Epoch(
            number,
            lr=0.1,
            train_loss=1.0,
            val_frame_log_loss=frame_loss,
            val_frame_roc_auc=0.5,
            val_video_log_loss=video_loss,
            val_video_roc_auc=auc,
        )
        for number, (frame_loss, auc, video_loss) in enumerate(figures)
    ]


@pytest.mark.parametrize(
    ("figures", "by_frames", "best"),
    [
        ([(0.1, 0.8, 0.1), (0.9, 0.9, 0.9)], False, 1),  # the higher video AUC, whatever the losses
        ([(0.1, 0.9, 0.5), (0.9, 0.9, 0.4), (0.1, 0.9, 0.6)], False, 1),  # a tie: the lower video loss
        ([(0.1, 0.9, 0.4), (0.1, 0.9, 0.4)], False, 0),  # all equal: the first
        ([(0.2, 0.9, 0.1), (0.1, 0.8, 0.9)], True, 1),  # few videos: the lower frame loss, whatever the AUC
        ([(0.1, 0.5, 0.9), (0.1, 0.9, 0.1)], True, 0),
    ],
)
def test_the_best_epoch_is_chosen_by_validation(figures, by_frames, best):
    assert training.best_epoch(history(*figures), by_frames) == best


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_biases_and_normalisation_are_not_decayed(name, kind):
    detector = Detector()
    optimizer = training.make_optimizer(detector, name, 0.01, 0.3)
    assert type(optimizer) is kind
    decay = {id(one): group["weight_decay"] for group in optimizer.param_groups for one in group["params"]}
    assert {group["lr"] for group in optimizer.param_groups} == {0.01}
    for path, parameter in detector.named_parameters():
        spared = path.endswith(".bias") or ".bn" in path or "downsample.1" in path
        assert decay.pop(id(parameter)) == (0.0 if spared else 0.3), path
    assert not decay
