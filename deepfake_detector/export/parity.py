"""What torch and the exported files make of the same faces, how far they are apart, and which of
them must not be served."""

import time
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
import torch
from onnxruntime import InferenceSession
from sklearn.metrics import roc_auc_score
from torch.utils.data import BatchSampler, SequentialSampler

from deepfake_detector import UserError
from deepfake_detector.contract import Crop, model_file
from deepfake_detector.contract.model_file import BATCH
from deepfake_detector.faces.cutting import resize
from deepfake_detector.training.crops import FaceCrops, loader, normalise
from deepfake_detector.training.network import FaceClassifier, WithActivationMap

ROUNDING = 1e-4  # largest difference between two logits that is taken for rounding
DIGITS = 2  # of an inexact format's logits: those after them differ between processors
LARGEST_LOSS = 0.01  # of ROC-AUC by video; a file that loses more is withheld


def logits_of(
    detector: FaceClassifier, sessions: dict[str, InferenceSession], faces: pd.DataFrame, crop: Crop
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """The logit (fake minus real) of every face of a faces table by torch and by each session, and
    faces a second of each."""
    crops = FaceCrops(faces.assign(label=0), crop.input_size)
    device = next(detector.parameters()).device
    logits: dict[str, list[np.ndarray]] = {name: [] for name in ("torch", *sessions)}
    seconds = dict.fromkeys(logits, 0.0)
    order = BatchSampler(SequentialSampler(crops), BATCH, drop_last=False)
    for images, _, _ in loader(crops, order, workers=0):
        plain = list(images.permute(0, 2, 3, 1).contiguous().numpy())
        for name in logits:
            started = time.perf_counter()
            if name == "torch":
                with torch.inference_mode():
                    both = detector(normalise(images.to(device))).double().cpu().numpy()
                fake_minus_real = both[:, 1] - both[:, 0]
            else:
                fake_minus_real, _ = model_file.judge(sessions[name], crop, plain)
            seconds[name] += time.perf_counter() - started
            logits[name].append(fake_minus_real)
    joined = {
        name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in logits.items()
    }
    return joined, {name: len(crops) / spent if spent else 0.0 for name, spent in seconds.items()}


def judge(
    detector: FaceClassifier, crop: Crop, pictures: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """What torch makes of N square RGB uint8 crops: as `model_file.judge`."""
    with_map = WithActivationMap(detector)
    resized = np.stack([resize(picture, crop.input_size) for picture in pictures])
    images = normalise(torch.from_numpy(resized.transpose(0, 3, 1, 2).copy()))
    with torch.inference_mode():
        logits, maps = with_map(images.to(next(detector.parameters()).device))
    both = logits.double().cpu().numpy()
    return both[:, 1] - both[:, 0], maps.cpu().numpy()


def figures(
    logits: Mapping[str, np.ndarray], clips: Mapping[str, pd.DataFrame], exact: Collection[str]
) -> dict:
    """How far each format is from `torch` in a face's logit at most, and ROC-AUC by clip of all.

    `exact` names the formats that may differ by rounding alone: of these the bound is given, as the
    difference itself varies with the processor. `clips` have the columns label and logit (empty
    where nothing could be judged). Raises UserError where an exact format differs by more than
    rounding, or where one class has no clip.
    """
    difference = {
        name: float(np.abs(of_format - logits["torch"]).max(initial=0))
        for name, of_format in logits.items()
        if name != "torch"
    }
    for name in exact:
        if difference[name] > ROUNDING:
            raise UserError(
                f"the exported {name} model differs from torch by {difference[name]:.2g} in a "
                f"logit; {ROUNDING:g} is rounding"
            )
    judged = {name: table.dropna(subset="logit") for name, table in clips.items()}
    if judged["torch"]["label"].nunique() < 2:
        raise UserError(
            "of the validation clips compared one class has no face that can be judged",
            "raise export.clips_per_class",
        )
    differences = {
        f"{name}_below" if name in exact else name: ROUNDING
        if name in exact
        else round(largest, DIGITS)
        for name, largest in difference.items()
    }
    aucs = {
        name: round(float(roc_auc_score(table["label"], table["logit"])), 6)
        for name, table in judged.items()
    }
    return {"largest_logit_difference": differences, "val_video_roc_auc": aucs}


def why_withheld(name: str, roc_auc: Mapping[str, float]) -> str:
    """Why this format must not be served, by the ROC-AUC of `figures`; empty where it may."""
    lost = roc_auc["torch"] - roc_auc[name]
    return (
        f"on validation {name} loses {lost:.3f} of the ROC-AUC by video"
        if lost > LARGEST_LOSS
        else ""
    )
