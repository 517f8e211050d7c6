"""Supervision by the mask: where a pseudo-fake was blended, learned from the features at stride 16.

After Li et al., Face X-ray for More General Face Forgery Detection (2020). In training alone: what
is judged, kept and exported is the classifier without this head.
"""

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from deepfake_detector.training.network import FaceClassifier

STRIDE = 16  # pixels of the input for each place of the features that the head reads


def boundary(mask: np.ndarray) -> np.ndarray:
    """The blending boundary 4 m (1 - m) of a mask (size, size) in 0..1 at the places of the
    features, (size / STRIDE, the same), rounded up: float32 in 0..1, the mean over each place."""
    places = -(-mask.shape[0] // STRIDE)
    drawn = 4 * mask * (1 - mask)
    return cv2.resize(drawn, (places, places), interpolation=cv2.INTER_AREA)


def boundary_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over all places of (N, places, places).

    Where the target is NaN nothing is known, and nothing is learned; such places count in the mean,
    so that micro-batches weigh as the whole batch.
    """
    known = ~target.isnan()
    losses = nn.functional.binary_cross_entropy_with_logits(
        logits, target.nan_to_num(), reduction="none"
    )
    return (losses * known).mean()


class WithBoundary(nn.Module):
    """A classifier with a second output: the logit of the blending boundary at each place of what
    its module `stride_16` gives, (N, S / STRIDE, S / STRIDE)."""

    def __init__(self, classifier: "FaceClassifier") -> None:
        super().__init__()
        self.classifier = classifier
        self.head = nn.Conv2d(self._channels(), 1, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, 2) of the classifier, and of the boundary at each place."""
        logits, features = self._both(images)
        return logits, self.head(features).squeeze(1)

    def _both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The classifier's own logits, and the features on the way to them."""
        features: list[Tensor] = []
        hook = self.classifier.stride_16.register_forward_hook(
            lambda _module, _inputs, output: features.append(output)
        )
        with hook:
            return self.classifier(images), features[0]

    @torch.inference_mode()
    def _channels(self) -> int:
        """Number of channels of the features; batch-norm and random generators stay as they are."""
        learning = self.classifier.training
        _, features = self.eval()._both(torch.zeros(1, 3, 2 * STRIDE, 2 * STRIDE))
        self.train(learning)
        return features.shape[1]
