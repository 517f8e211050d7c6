"""The fit loop: choice of the epoch, what it refuses, and that a stopped run ends like one that was
not."""

import io
import os
import re
import shutil
import signal
from dataclasses import asdict, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import torch
from made import changed, skip_where_it_traps
from torch import nn

from deepfake_detector import Stopped, UserError
from deepfake_detector.faces.cutting import points_of_ready_crop
from deepfake_detector.storage.archive import FACES, encode, write_archive
from deepfake_detector.training import devices, fit
from deepfake_detector.training.checkpoints import Checkpoints
from deepfake_detector.training.learner import Learner
from deepfake_detector.training.network import FaceClassifier
from deepfake_detector.training.optimization import cosine_with_warmup
from deepfake_detector.training.progress import (
    Epoch,
    Figures,
    Progress,
    best_epoch,
    history_table,
    restored,
)
from deepfake_detector.training.sampling import (
    PSEUDO_FAKE,
    STORED,
    TARGET,
    BalancedBatches,
    LearningCrops,
)
from deepfake_detector.training.settings import Augment, Runtime, Train

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
RECIPE = Train(epochs=3, batch_size=8, lr=5e-3, ema=0.9)
RUNTIME = Runtime(loader_workers=0)
OFF = Augment(**dict.fromkeys(Augment.model_fields, 0))
GENTLE = changed(OFF, flip=0.5, shift=0.03, colour=0.05)
EPOCHS = range(RECIPE.epochs)
UPDATES = 6  # in an epoch


class Small(nn.Module):
    """A network with all that the loop must handle (convolution, batch-norm, head) that trains in a
    second."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = (
            nn.Conv2d(3, 8, 5, stride=2),
            nn.BatchNorm2d(8),
            nn.Linear(8, 2),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.norm(self.conv(images))).mean(dim=(2, 3)))

    def parts(self) -> list[list[nn.Module]]:
        return [[self.head], [self.conv, self.norm]]


class Dropping(Small):
    """The same, with a dropout that draws while it learns."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.dropout(images, 0.2, self.training))


class Placed(Small):
    """The same, with features at stride 16."""

    def __init__(self) -> None:
        super().__init__()
        self.stride_16 = nn.AvgPool2d(7)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.stride_16(torch.relu(self.norm(self.conv(images))))
        return self.head(features.mean(dim=(2, 3)))


def resnet18() -> FaceClassifier:
    return FaceClassifier("resnet18")


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> tuple[Path, pd.DataFrame]:
    """A folder with 64 stored crops, the fake ones with a bright bar, and their rows: 16 items a
    class, 2 crops each."""
    folder, rng = tmp_path_factory.mktemp("faces"), np.random.default_rng(0)
    pictures, rows = {}, []
    for number in range(64):
        picture = rng.integers(40, 160, (32, 32, 3)).astype(np.uint8)
        if label := number % 2:
            picture[12:20] += 80
        pictures[f"{number:02d}.png"] = encode(picture, "png")
        rows.append(
            {
                "archive": "toy.zip",
                "member": f"{number:02d}.png",
                "label": label,
                "item": f"{number // 4}{label}",
            }
            | {"points": points_of_ready_crop()}
        )
    write_archive(folder / FACES / "toy.zip", pictures)
    return folder, pd.DataFrame(rows)


def run(
    folder: Path,
    rows: pd.DataFrame,
    recipe: Train = RECIPE,
    runtime: Runtime = RUNTIME,
    network=Small,
    watch=None,
    device: tuple[str, str] = ("cpu", "fp32"),
    self_blend: float = 0.0,
    micro_batches: int = 1,
    on_report=lambda epoch: None,
    record=lambda history: None,
):
    """Fit on 48 of the crops, validate on 16; returns the detector, the progress and the numbers of
    the epochs reported."""
    reported = []

    def report(epoch: Epoch, _best: bool) -> None:
        reported.append(epoch.epoch)
        on_report(epoch.epoch)

    train, val = rows.iloc[:48].reset_index(drop=True), rows.iloc[48:].reset_index(drop=True)
    skip_where_it_traps(*device)
    fabric = devices.setup(device[0], 1, device[1], seed=1)
    detector = network()
    labels = train["label"].to_numpy()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        progress = fit.fit(
            fabric,
            detector,
            parts=detector.parts(),
            train=LearningCrops(train, 32, 1, GENTLE, boundaries=recipe.mask_loss > 0),
            items=train["item"].to_list(),
            batches=BalancedBatches(
                np.full(48, 1 / 48),
                labels,
                train["item"].to_numpy(),
                batch_size=recipe.batch_size,
                seed=1,
                self_blend=self_blend,
                micro_batch_size=recipe.batch_size // micro_batches,
            ),
            val=LearningCrops(val, 32, 1),
            val_rows=val,
            recipe=recipe,
            runtime=runtime,
            checkpoints=Checkpoints(folder / STATES),
            watch=watch or (lambda batches, *_: batches),
            report=report,
            record=record,
        )
    return detector, progress, reported


STATES = "states"


def forget(folder: Path) -> None:
    """Drop the saved states: the next run begins anew."""
    shutil.rmtree(folder / STATES, ignore_errors=True)


@pytest.fixture(autouse=True)
def fresh(faces):
    """No checkpoint of another test, and nothing that bf16 asks of oneDNN by the environment; torch
    on one thread (its threads wait for each other on a busy machine)."""
    forget(faces[0])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with patch.dict(os.environ):
        yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def validate(detector: nn.Module, crops_of: LearningCrops, rows: pd.DataFrame):
    return fit.validate(detector, crops_of, rows, 0, lambda batches, _: batches)


def saved(detector: nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.save(detector.cpu().state_dict(), buffer)
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "lr", "precision"),
    [(Small, 5e-3, "fp32"), (Small, 5e-3, "bf16"), (resnet18, 5e-4, "fp32")],
)
def test_a_separable_set_is_learned(faces, network, lr, precision):
    recipe = changed(RECIPE, lr=lr, ema=0.0)
    _, state, reported = run(*faces, recipe, network=network, device=("cpu", precision))
    assert reported == list(EPOCHS)
    assert [epoch.epoch for epoch in state.history] == list(EPOCHS)
    best = state.history[state.best]
    assert best.val.frame_roc_auc > 0.95
    assert best.val.video_roc_auc > 0.95
    assert state.history[-1].train_loss < state.history[0].train_loss


@pytest.mark.slow
def test_the_rate_climbs_and_falls_once_over_the_whole_run(faces):
    recipe = changed(RECIPE, warmup=0.5)
    _, state, _ = run(*faces, recipe, micro_batches=2)
    factor = cosine_with_warmup(UPDATES * recipe.epochs, recipe.warmup)
    done = [UPDATES * (epoch + 1) for epoch in EPOCHS]
    assert [epoch.lr for epoch in state.history] == [recipe.lr * factor(step) for step in done]
    assert state.history[-1].lr == 0


@pytest.mark.parametrize(("fewest", "by_frames"), [(3, False), (4, True)])
def test_too_few_videos_of_either_class_leave_the_choice_of_the_epoch_to_the_frames(
    faces, monkeypatch, fewest, by_frames
):
    """Validation holds 4 real videos and 3 fake ones, each with 2 faces."""
    folder, rows = faces
    asked = []
    finish = Progress.finish_epoch

    def note(self, epoch, weights, logits, by_frames):
        asked.append(by_frames)
        return finish(self, epoch, weights, logits, by_frames)

    monkeypatch.setattr(Progress, "finish_epoch", note)
    monkeypatch.setattr(fit, "FEWEST_VIDEOS", fewest)
    run(folder, rows[rows["item"] != rows["item"].iloc[-1]], changed(RECIPE, epochs=1))
    assert asked == [by_frames]


def test_one_methods_fakes_choose_the_epoch_where_they_are_to(faces):
    folder, rows = faces
    selects = (rows["label"] == 0) | (rows.index >= 60)
    _, progress, _ = run(folder, rows.assign(selects=selects))
    last = progress.history[-1]
    assert last.select is not None
    assert last.select.frame_log_loss != last.val.frame_log_loss
    forget(folder)
    _, whole, _ = run(folder, rows)
    assert [epoch.val for epoch in progress.history] == [epoch.val for epoch in whole.history]
    assert whole.history[-1].select is None


def test_the_epoch_is_the_best_of_what_selects_it():
    history = [
        Epoch(0, 0.1, 0.5, Figures(0.4, 0.8, 0.4, 0.8), Figures(0.3, 0.9, 0.3, 0.9)),
        Epoch(1, 0.1, 0.4, Figures(0.3, 0.9, 0.3, 0.9), Figures(0.4, 0.8, 0.4, 0.8)),
    ]
    without = [replace(epoch, select=None) for epoch in history]
    assert [best_epoch(history, by_frames) for by_frames in (True, False)] == [0, 0]
    assert [best_epoch(without, by_frames) for by_frames in (True, False)] == [1, 1]
    assert [*history_table(history)][-1] == "select_video_roc_auc"
    assert [*history_table(without)][-1] == "val_video_roc_auc"


def test_a_saved_progress_comes_back_whole(tmp_path):
    figures = Figures(0.4, 0.8, 0.3, 0.9)
    history = [Epoch(0, 0.1, 0.5, figures), Epoch(1, 0.1, 0.4, figures, replace(figures))]
    progress = Progress(history, best=1, best_logits=[1.0, -2.0], step=3, loss=0.2)
    Checkpoints(tmp_path).write(progress.state())
    assert restored(Checkpoints(tmp_path).latest()) == progress


@pytest.mark.slow
def test_the_detector_is_left_with_the_best_epochs_weights(faces, monkeypatch):
    folder, rows = faces
    rows = rows.assign(
        label=rows["label"].where(rows.index < 48, 1 - rows["label"])
    )  # the more learned, the worse
    detector, state, _ = run(folder, rows)
    assert state.best == 0
    monkeypatch.chdir(folder)
    val = rows.iloc[48:].reset_index(drop=True)
    figures, _, _ = validate(detector, LearningCrops(val, 32, 1), val)
    assert asdict(figures) == pytest.approx(asdict(state.history[0].val), rel=1e-5)


MASKED = {
    "recipe": changed(RECIPE, mask_loss=5.0, self_blend=0.5),
    "network": Placed,
    "self_blend": 0.5,
}
VARIANTS = {
    "plain": {"recipe": changed(RECIPE, ema=0.0, clip=0.0)},
    "mean of weights, clipped": {},
    "self-blended": {"self_blend": 0.5},
    "in micro_batches": {"micro_batches": 4},
    "unfrozen in stages": {"recipe": changed(RECIPE, unfreeze_every=1)},
    "SGD": {"recipe": changed(RECIPE, optimizer="sgd")},
    "loaded by processes": {"runtime": Runtime(loader_workers=2)},
    "with dropout": {"network": Dropping},
    "in bf16": {"device": ("cpu", "bf16")},
    "with masks": MASKED,
    "with masks in bf16": MASKED | {"device": ("cpu", "bf16"), "micro_batches": 4},
}


def asks_to_stop(at: list[int], number: int = signal.SIGTERM, times: int = 1):
    """A `watch` that sends this process a signal, so many `times`, before the batches that `at`
    counts over the run."""
    seen = iter(range(1000))

    def watch(batches, _total, what, _size):
        for batch in batches:
            if what != "validation" and next(seen) in at:
                for _ in range(times):
                    os.kill(os.getpid(), number)
            yield batch

    return watch


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_a_run_stopped_in_the_middle_of_an_epoch_ends_at_the_same_bytes(faces, variant):
    detector, whole, _ = run(*faces, **variant)
    forget(faces[0])
    micro_batches = variant.get("micro_batches", 1)
    with pytest.raises(
        Stopped, match=r"stopped in epoch 2, after step 3; the same command goes on from there"
    ):
        run(*faces, **variant, watch=asks_to_stop([(UPDATES + 2) * micro_batches]))
    again, progress, reported = run(*faces, **variant)
    assert reported == [1, 2]  # epoch 0 was not done again
    assert progress.history == whole.history
    assert progress.best_logits == whole.best_logits
    assert saved(again) == saved(detector)


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_and_another_seed_others(faces):
    detector, whole, _ = run(*faces)
    forget(faces[0])
    again, progress, _ = run(*faces)
    assert progress.history == whole.history
    assert saved(again) == saved(detector)
    forget(faces[0])
    assert saved(run(*faces, self_blend=0.5)[0]) != saved(detector)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 2), (signal.SIGTERM, 15)])
def test_a_signal_is_told_apart(faces, number, code):
    with pytest.raises(Stopped) as stopped:
        run(*faces, watch=asks_to_stop([1], number))
    assert stopped.value.signal_number == code


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once_and_the_last_state_is_used(faces):
    whole = saved(run(*faces)[0])
    forget(faces[0])
    with pytest.raises(KeyboardInterrupt):
        run(*faces, watch=asks_to_stop([UPDATES + 2], times=2))
    assert saved(run(*faces)[0]) == whole


@pytest.mark.slow
def test_a_signal_in_validation_saves_too(faces):
    whole = saved(run(*faces)[0])
    forget(faces[0])

    def watch(batches, _total, what, _size):
        if what == "validation":
            os.kill(os.getpid(), signal.SIGTERM)
        yield from batches

    with pytest.raises(Stopped, match="epoch 1, after step 6"):
        run(*faces, watch=watch)
    assert saved(run(*faces)[0]) == whole


@pytest.mark.slow
def test_handlers_of_signals_are_put_back(faces):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run(*faces)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


class Killed(BaseException):
    """As SIGKILL: nothing gets a chance to save."""


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_last_state_even_when_the_newest_is_torn(faces):
    detector, whole, _ = run(*faces)
    forget(faces[0])

    def die(epoch):
        if epoch == 1:
            raise Killed

    with pytest.raises(Killed):
        run(*faces, on_report=die)
    newest = max((faces[0] / STATES).iterdir())
    newest.write_bytes(newest.read_bytes()[:1000])
    again, progress, reported = run(*faces)
    assert reported == [1, 2]
    assert progress.history == whole.history
    assert saved(again) == saved(detector)


def test_all_finished_epochs_are_recorded_after_each_and_when_a_stopped_run_goes_on(faces):
    """What is drawn of a run while it trains."""
    recorded = []

    def record(history):
        recorded.append([epoch.epoch for epoch in history])

    with pytest.raises(Stopped):
        run(*faces, record=record, watch=asks_to_stop([2 * UPDATES + 2]))
    assert recorded == [[0], [0, 1]]
    recorded.clear()
    run(*faces, record=record)
    assert recorded == [[0, 1], [0, 1, 2]]


@pytest.mark.slow
def test_states_are_saved_as_often_as_asked_for(faces, monkeypatch):
    written = []
    monkeypatch.setattr(
        Checkpoints, "write", lambda _, content: written.append(content["progress"]["step"])
    )
    run(*faces, changed(RECIPE, epochs=1), changed(RUNTIME, checkpoint_minutes=1e-9))
    assert written == [1, 2, 3, 4, 5, 6, 0]
    written.clear()
    run(*faces, changed(RECIPE, epochs=1))
    assert written == [0]


@pytest.mark.slow
def test_a_finished_run_that_was_killed_before_writing_its_results_trains_nothing_again(faces):
    detector, whole, _ = run(*faces)
    again, progress, reported = run(*faces)
    assert reported == []
    assert progress.history == whole.history
    assert saved(again) == saved(detector)


@pytest.mark.slow
def test_a_state_of_another_network_is_refused_with_what_differs(faces):
    run(*faces, changed(RECIPE, epochs=1))
    with pytest.raises(
        UserError,
        match=r"saved state of this run: weights of another network \(missing: backbone.*; remove",
    ):
        run(*faces, network=resnet18)


@pytest.mark.slow
def test_pieces_of_a_batch_give_the_update_of_the_whole(faces):
    """Without batch-norm the mean over micro_batches is the mean over the batch."""

    class NoNorm(Small):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.Identity()

    figures = []
    for micro_batches in (1, 4):
        forget(faces[0])
        figures.append(run(*faces, network=NoNorm, micro_batches=micro_batches)[1].history[-1])
    assert figures[1].train_loss == pytest.approx(figures[0].train_loss, rel=1e-4)
    assert figures[1].val.frame_log_loss == pytest.approx(figures[0].val.frame_log_loss, rel=1e-3)


@pytest.mark.slow
def test_training_on_self_blended_faces_alone_works(faces):
    folder, rows = faces
    reals = rows[rows["label"] == 0].assign(shown=STORED, pair=range(32))
    targets = reals.iloc[24:].assign(shown=TARGET)
    twins = targets.assign(label=1, item=targets["item"] + "x", shown=PSEUDO_FAKE)
    train = reals.iloc[:24]
    rows = pd.concat([train, train, targets, twins], ignore_index=True)
    _, progress, _ = run(folder, rows, self_blend=1.0)
    assert [epoch.epoch for epoch in progress.history] == list(EPOCHS)


def test_masks_teach_the_detector_and_leave_nothing_but_its_own_weights(faces):
    with_masks, progress, _ = run(*faces, **MASKED)
    forget(faces[0])
    plain, _, _ = run(*faces, **MASKED | {"recipe": changed(MASKED["recipe"], mask_loss=0.0)})
    assert with_masks.state_dict().keys() == plain.state_dict().keys()
    assert progress.best_weights.keys() == plain.state_dict().keys()
    assert not torch.equal(with_masks.conv.weight, plain.conv.weight)


def test_without_epochs_the_weights_stay_and_are_validated(faces):
    given = Small()
    kept = {name: value.clone() for name, value in given.state_dict().items()}
    recipe = changed(RECIPE, epochs=0, init="soup.pt")
    histories = []
    for _ in range(2):  # the second goes on from what the first saved
        detector, progress, reported = run(
            *faces, recipe, network=lambda: given, record=histories.append
        )
        assert all(torch.equal(kept[name], value) for name, value in detector.state_dict().items())
        assert (progress.best, len(progress.history), len(progress.best_logits)) == (0, 1, 16)
    assert reported == []
    table = history_table(histories[-1])
    assert np.isnan(table["train_loss"][0])
    assert 0 <= table["val_frame_roc_auc"][0] <= 1


@pytest.mark.slow
def test_patience_ends_a_run_that_gets_no_better(faces):
    folder, rows = faces
    rows = rows.assign(
        label=rows["label"].where(rows.index < 48, 1 - rows["label"])
    )  # the more learned, the worse
    _, progress, reported = run(folder, rows, changed(RECIPE, epochs=6, patience=2))
    assert (progress.best, reported) == (0, [0, 1, 2])


@pytest.mark.parametrize(
    ("epochs_done", "best", "partly", "over"),
    [
        (3, 0, 0, True),
        (2, 0, 0, False),
        (3, 0, 2, False),  # two of the three epochs were of the head alone
        (4, 0, 2, True),
        (4, 3, 2, False),
        (6, 5, 9, True),  # all epochs are done
    ],
)
def test_patience_counts_from_the_epoch_in_which_everything_learns(epochs_done, best, partly, over):
    progress = Progress(history=[None] * epochs_done, best=best)
    assert progress.is_over(6, 2, partly) is over


def test_a_validation_of_one_class_is_refused_before_an_epoch(faces):
    folder, rows = faces
    with pytest.raises(UserError, match=r"val\.csv has one class alone"):
        run(folder, rows.assign(label=rows["label"].where(rows.index < 48, 0)))


@pytest.mark.slow
def test_parts_learn_one_after_the_other(faces):
    """In epoch 1 the head alone; then all: frozen weights and batch-norm keep every bit until their
    time comes."""
    detectors, kept = [], []

    def network():
        detectors.append(Small())
        return detectors[-1]

    def note(_epoch):
        kept.append({name: value.clone() for name, value in detectors[0].state_dict().items()})

    start = run(*faces, changed(RECIPE, unfreeze_every=1, ema=0.0), network=network, on_report=note)
    assert start[1].history
    torch.manual_seed(1)
    fresh = Small().state_dict()
    backbone = [name for name in fresh if not name.startswith("head")]
    assert all(torch.equal(kept[0][name], fresh[name]) for name in backbone)
    assert not torch.equal(kept[0]["head.weight"], fresh["head.weight"])
    assert all(not torch.equal(kept[1][name], fresh[name]) for name in backbone)


@pytest.mark.parametrize(
    ("every", "learning"), [(0, [3, 3, 3, 3, 3]), (1, [1, 2, 3, 4, 5]), (2, [1, 1, 2, 2, 3])]
)
def test_one_more_part_learns_after_so_many_epochs(every, learning):
    assert [fit.parts_learning([[]] * 3, epoch, every) for epoch in range(5)] == learning


@pytest.mark.slow
def test_batch_norm_learns_in_training_and_rests_in_validation(faces, monkeypatch):
    detector, modes = Small(), []

    def watch(batches, _total, what, _size):
        for batch in batches:
            if what != "validation":
                modes.append(detector.training)
            yield batch

    folder, rows = faces
    start = detector.norm.running_mean.clone()
    run(folder, rows, changed(RECIPE, epochs=2, ema=0.0), network=lambda: detector, watch=watch)
    assert modes == [True] * 12  # also in the second epoch, after a validation
    trained = {name: value.clone() for name, value in detector.state_dict().items()}
    assert not torch.equal(trained["norm.running_mean"], start)
    monkeypatch.chdir(folder)
    validate(detector.train(), LearningCrops(rows, 32, 1), rows)
    assert all(torch.equal(value, trained[name]) for name, value in detector.state_dict().items())


@pytest.mark.slow
def test_every_epoch_draws_its_own_faces(faces):
    drawn = []

    def watch(batches, _total, what, _size):
        if what == "validation":
            return batches
        drawn.append([])
        return [drawn[-1].extend(batch[2].tolist()) or batch for batch in batches].__iter__()

    run(*faces, watch=watch)
    assert [len(epoch) for epoch in drawn] == [48, 48, 48]
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_items(faces):
    with pytest.raises(
        UserError,
        match=r"not a number any more, in epoch 1 at step \d, in the batch of \d+[01], .*; lower train\.lr",
    ):
        run(*faces, RECIPE.model_copy(update={"lr": 1e30, "warmup": 0.0, "clip": 0.0}))
    assert Checkpoints(faces[0] / STATES).latest() is None


def test_logits_of_validation_that_are_no_numbers_stop_the_run(faces, monkeypatch):
    folder, rows = faces
    monkeypatch.chdir(folder)
    detector = Small()
    with torch.no_grad():
        detector.head.weight.fill_(torch.inf)
    with pytest.raises(UserError, match=r"logits of validation are not numbers .*lower train\.lr"):
        validate(detector, LearningCrops(rows, 32, 1), rows)


def test_all_faces_of_the_step_are_named_however_it_was_cut(faces):
    seen = []

    def watch(batches, _total, _what, _size):
        for batch in batches:
            seen.append(batch[2].tolist())
            yield batch

    hopeless = RECIPE.model_copy(update={"lr": 1e30, "warmup": 0.0, "clip": 0.0})
    with pytest.raises(UserError) as stopped:
        run(*faces, hopeless, watch=watch, micro_batches=4)
    said = re.search(r"at step (\d), in the batch of (.*)", stopped.value.problem)
    last = 4 * int(said[1])
    items = faces[1]["item"]
    assert set(said[2].split(", ")) == {
        items[row] for rows in seen[last - 4 : last] for row in rows
    }


@pytest.mark.slow
def test_the_loss_of_an_epoch_is_the_mean_over_its_steps(faces, monkeypatch):
    losses, learn = [], Learner.learn
    monkeypatch.setattr(Learner, "learn", lambda *given: losses.append(learn(*given)) or losses[-1])
    _, state, _ = run(*faces, changed(RECIPE, epochs=2), micro_batches=2)
    assert [epoch.train_loss for epoch in state.history] == pytest.approx(
        [np.mean(losses[:UPDATES]), np.mean(losses[UPDATES:])], rel=1e-5
    )


def test_too_few_faces_for_a_batch_stop_the_run(faces):
    with pytest.raises(
        UserError, match=r"48 training faces do not fill a batch of 49; lower train\.batch_size"
    ):
        run(*faces, changed(RECIPE, batch_size=49))


@pytest.mark.parametrize(
    ("label", "error"),
    [
        (1, r"train\.csv holds no real face .*; add real items"),
        (0, r"holds no fake face .* train\.self_blend: 1\.0 makes them"),
    ],
)
def test_one_class_alone_stops_the_run(faces, label, error):
    folder, rows = faces
    with pytest.raises(UserError, match=error):
        run(folder, rows.assign(label=label))


def test_blank_faces_stop_the_run(faces, monkeypatch):
    monkeypatch.setattr(
        LearningCrops,
        "__getitem__",
        lambda self, draw: (torch.zeros(3, 32, 32, dtype=torch.uint8), 1, 0),
    )
    with pytest.raises(
        UserError, match=r"first batch's faces are blank; look at plots/training_samples"
    ):
        run(*faces)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_archive_is_named_by_its_loader(faces, workers):
    folder, rows = faces
    with pytest.raises(UserError, match=r"^data/faces/none\.zip: cannot read") as failed:
        run(folder, rows.assign(archive="none.zip"), runtime=Runtime(loader_workers=workers))
    assert "Traceback" not in str(failed.value)


def test_a_loader_that_dies_is_told_with_the_remedy(faces, monkeypatch):
    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(LearningCrops, "__getitem__", die)
    with pytest.raises(
        UserError, match=r"a process that loads faces died .* lower runtime\.loader_workers"
    ):
        run(*faces, runtime=Runtime(loader_workers=1))


@needs_gpu
@pytest.mark.parametrize("precision", ["auto", "fp32", "fp16"])
def test_the_gpu_learns_a_separable_set(faces, precision):
    detector, progress, _ = run(
        *faces,
        changed(RECIPE, lr=5e-4),
        network=resnet18,
        device=("cuda", precision),
        self_blend=0.2,
    )
    assert next(detector.parameters()).is_cuda
    assert progress.history[progress.best].val.frame_roc_auc > 0.95


@needs_gpu
@pytest.mark.parametrize("precision", ["auto", "fp16"])
def test_a_stopped_run_on_the_gpu_goes_on_to_the_same_bytes(faces, precision):
    whole = saved(run(*faces, network=Dropping, device=("cuda", precision))[0])
    forget(faces[0])
    with pytest.raises(Stopped):
        run(*faces, network=Dropping, device=("cuda", precision), watch=asks_to_stop([UPDATES + 2]))
    assert saved(run(*faces, network=Dropping, device=("cuda", precision))[0]) == whole


def test_figures_are_those_of_all_faces_and_of_the_mean_logit_of_each_video(monkeypatch):
    logits = np.array([-3.0, 1.0, 2.0, -1.0])  # of a real video, then of a fake one
    monkeypatch.setattr(fit, "frame_logits", lambda *_: logits)
    rows = pd.DataFrame({"item": ["a", "a", "b", "b"], "label": [0, 0, 1, 1]})
    figures, select, given = validate(Small(), None, rows)
    assert (select, given) == (None, logits.tolist())
    assert asdict(figures) == pytest.approx(
        {
            "frame_log_loss": np.log1p(np.exp([-3, 1, -2, 1])).mean(),
            "frame_roc_auc": 3 / 4,
            "video_log_loss": np.log1p(np.exp([-1, -0.5])).mean(),
            "video_roc_auc": 1,
        }
    )


def history(*figures: tuple[float, float, float]) -> list[Epoch]:
    """Epochs of (frame log loss, video ROC-AUC, video log loss)."""
    return [
        Epoch(number, 0.1, 1.0, Figures(frame_loss, 0.5, video_loss, auc))
        for number, (frame_loss, auc, video_loss) in enumerate(figures)
    ]


@pytest.mark.parametrize(
    ("figures", "by_frames", "best"),
    [
        ([(0.1, 0.8, 0.1), (0.9, 0.9, 0.9)], False, 1),  # the higher video AUC, whatever the losses
        (
            [(0.1, 0.9, 0.5), (0.9, 0.9, 0.4), (0.1, 0.9, 0.6)],
            False,
            1,
        ),  # a tie: the lower video loss
        ([(0.1, 0.9, 0.4), (0.1, 0.9, 0.4)], False, 0),  # all equal: the first
        (
            [(0.2, 0.9, 0.1), (0.1, 0.8, 0.9)],
            True,
            1,
        ),  # few videos: the lower frame loss, whatever the AUC
        ([(0.1, 0.5, 0.9), (0.1, 0.9, 0.1)], True, 0),
    ],
)
def test_the_best_epoch_is_chosen_by_validation(figures, by_frames, best):
    assert best_epoch(history(*figures), by_frames) == best
