"""Memory that a training step takes: measured on a GPU, else added up from what PyTorch keeps for
the backward pass.

    python -m benchmarks.training_memory [--size 224] [--batch 64]

On a processor the sum is of weights, gradients, the optimizer's two moments, the running mean, the
batch, and every tensor that the forward pass in bf16 (as large as fp16) saves for the backward
pass, each counted once. What a GPU takes besides (CUDA itself, workspaces of its convolutions,
fragmentation) is not in it.
"""

import argparse

import torch
from torch import nn

from benchmarks import goals
from deepfake_detector.training import devices
from deepfake_detector.training.crops import normalise
from deepfake_detector.training.learner import Learner
from deepfake_detector.training.network import build
from deepfake_detector.training.settings import Train

RECIPE = Train(epochs=1, lr=1e-4, warmup=0.0)
GB = 1e9


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--size", type=int, default=224, help="pixels a side (default: %(default)s)"
    )
    parser.add_argument(
        "--batch", type=int, default=64, help="faces at a time (default: %(default)s)"
    )
    arguments = parser.parse_args()
    images = torch.randint(
        0, 256, (arguments.batch, 3, arguments.size, arguments.size), dtype=torch.uint8
    )
    labels = torch.arange(arguments.batch) % 2
    print(f"{arguments.batch} faces of {arguments.size} pixels, mixed precision:")
    if torch.cuda.is_available():
        _measure(images, labels)
    else:
        _account(images, labels)


def _measure(images: torch.Tensor, labels: torch.Tensor) -> None:
    learner = Learner(
        devices.setup("cuda", 1, "auto", seed=1),
        build("resnet18", "random", ""),
        RECIPE,
        steps=10,
    )
    learner.model.train()
    for _ in range(5):
        learner.learn([(images, labels)])
    torch.cuda.synchronize()
    peak, reserved = torch.cuda.max_memory_allocated() / GB, torch.cuda.max_memory_reserved() / GB
    print(
        f"  peak on {torch.cuda.get_device_name()}: {peak:.2f} GB in tensors, {reserved:.2f} GB "
        "reserved"
    )
    goals.at_most(
        f"GPU memory of a training step, {images.shape[-1]} px, batch {len(images)}",
        reserved,
        3,
        "GB",
    )


def _account(images: torch.Tensor, labels: torch.Tensor) -> None:
    detector = build("resnet18", "random", "").to(memory_format=torch.channels_last).train()
    own = {tensor.untyped_storage().data_ptr() for tensor in detector.state_dict().values()}
    saved: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    fabric = devices.setup(
        "cpu", 1, "bf16", seed=1
    )  # which keeps off the matrix unit where that traps
    with fabric.autocast(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = nn.functional.cross_entropy(detector(normalise(images)), labels)
    weights = sum(tensor.nbytes for tensor in detector.state_dict().values())
    parts = {
        "weights, gradients, two moments, running mean": 5 * weights,
        "batch": images.nbytes,
        "kept for the backward pass": sum(saved.values()),
    }
    for name, size in parts.items():
        print(f"  {name}: {size / GB:.2f} GB")
    total = sum(parts.values()) / GB
    print(f"  sum, by account: {total:.2f} GB (loss {loss.item():.2f})")
    size, batch = images.shape[-1], len(images)
    goals.at_most(
        f"memory of a training step by account, {size} px, batch {batch}, bf16", total, 3, "GB"
    )


if __name__ == "__main__":
    main()
