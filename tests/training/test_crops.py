"""Crops as batches for the network, and what the network says of them."""

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import COLOURS
from made import textured
from torchvision.transforms.functional import normalize

from deepfake_detector import UserError
from deepfake_detector.faces.degradation import measures
from deepfake_detector.scoring.quality import MEASURES
from deepfake_detector.storage import archive
from deepfake_detector.storage.archive import ArchiveReader
from deepfake_detector.training import crops
from deepfake_detector.training.crops import FaceCrops
from deepfake_detector.training.measured_crops import judge_and_measure
from deepfake_detector.training.network import FaceClassifier


@pytest.mark.slow
def test_loader_processes_work_after_opencv_has_used_its_threads_here(stored_crops, no_hang):
    cv2.warpAffine(np.zeros((2000, 2000, 3), np.uint8), np.eye(2, 3), (2000, 2000))
    assert [
        len(rows) for _, _, rows in crops.loader(FaceCrops(stored_crops, 32), [[0, 1], [2]], 2)
    ] == [2, 1]


def test_making_a_loader_draws_no_random_number_of_the_run(stored_crops):
    before = torch.get_rng_state()
    list(crops.loader(FaceCrops(stored_crops, 32), [[0, 1], [2]], 0))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_raises_what_a_sample_met_with_its_problem_and_its_remedy(
    stored_crops, workers, no_hang
):
    damaged = stored_crops.assign(member="none.png")
    with pytest.raises(UserError) as raised:
        crops.frame_logits(Reddish(), FaceCrops(damaged, 32), 2, workers)
    assert raised.value.problem.startswith("data/faces/toy.zip: cannot read none.png (")
    assert raised.value.remedy.startswith("delete data/faces and run `dvc checkout`")


@pytest.mark.parametrize(("row", "label"), [(0, 0), (1, 1), (2, 0)])
def test_a_sample_is_the_stored_crops_crop_in_rgb(stored_crops, row, label):
    image, found, number = FaceCrops(stored_crops, 32)[row]
    assert (image.shape, image.dtype) == ((3, 32, 32), torch.uint8)
    assert image.flatten(1).unique(dim=1).flatten().tolist() == list(COLOURS[row])
    assert (found, number) == (label, row)


def test_a_sample_stands_as_its_crop_does(stored_crops):
    image, *_ = FaceCrops(stored_crops, 48)[3]
    assert np.array_equal(image.permute(1, 2, 0), textured())


def test_input_is_normalised_as_torchvision_does():
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    assert torch.allclose(
        crops.normalise(images), normalize(images / 255, crops.MEAN, crops.STD), atol=1e-5
    )


class Reddish(torch.nn.Module):
    """Calls a picture the more fake, the redder it is."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(1))

    def forward(self, images):
        red = images[:, 0].mean(dim=(1, 2)) * self.gain
        return torch.stack([-red, red], dim=1)


@pytest.mark.parametrize("workers", [0, 2])
def test_logits_are_fake_minus_real_in_the_order_of_the_rows(stored_crops, workers, no_hang):
    rows = stored_crops.iloc[[1, 0, 2, 0, 1]]
    high, low = ((value / 255 - crops.MEAN[0]) / crops.STD[0] * 2 for value in (250, 10))
    found = crops.frame_logits(Reddish(), FaceCrops(rows, 32), 2, workers)
    assert found == pytest.approx([low, high, low, high, low], abs=1e-5)


class Crowded(Reddish):
    """Has room for so many faces at a time."""

    def __init__(self, room: int):
        super().__init__()
        self.room = room

    def forward(self, images):
        if len(images) > self.room:
            raise torch.OutOfMemoryError
        return super().forward(images)


def test_where_the_gpu_has_no_room_for_a_batch_faces_are_judged_in_parts(stored_crops):
    faces = FaceCrops(stored_crops, 32)
    wanted = crops.frame_logits(Reddish(), faces, 4, 0)
    assert crops.frame_logits(Crowded(1), faces, 4, 0) == pytest.approx(wanted)
    with pytest.raises(UserError, match=r"does not hold one face.*set train\.accelerator to cpu"):
        crops.frame_logits(Crowded(0), faces, 4, 0)


def test_no_faces_give_no_logits(stored_crops):
    assert crops.frame_logits(Reddish(), FaceCrops(stored_crops.head(0), 32), 2, 0).shape == (0,)


def test_every_track_of_the_splits_items_is_judged_and_nothing_else(stored_crops, no_hang):
    faces = stored_crops.drop(columns="label").assign(
        item=["a", "a", "b", "other"], track=[0, 1, 0, 0], status=["ok", "ok", "no face", "ok"]
    )
    split = pd.DataFrame({"item": ["a", "b"], "label": pd.array([1, 0], "Int64")})
    detector = FaceClassifier("resnet18").eval()
    judged = crops.judge_faces(detector, faces, split, 32)
    assert judged[["item", "track", "label"]].to_numpy().tolist() == [["a", 0, 1], ["a", 1, 1]]
    assert np.isfinite(judged["logit"]).all()
    measured = judge_and_measure(detector, faces, split, 32)
    assert measured[judged.columns].equals(judged)
    with ArchiveReader(archive.FACES) as reader:
        pictures = [reader.picture(row.archive, row.member) for row in judged.itertuples()]
    assert measured[[*MEASURES]].to_dict("records") == [measures(one) for one in pictures]
