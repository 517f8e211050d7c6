"""Training steps in fp32 and in bf16, side by side: what `train.precision: auto` should choose on
this device.

    python -m benchmarks.precision [--size 112 224] [--batch 16]

Prints images per second of forward, backward and update on tensors in memory; the two take turns,
for some seconds each, the median counts.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from deepfake_detector.training import devices
from deepfake_detector.training.network import build
from deepfake_detector.training.optimization import make_optimizer

ROUNDS, SECONDS = 5, 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, nargs="+", default=[112, 224], help="pixels a side")
    parser.add_argument("--batch", type=int, default=16, help="images per step")
    arguments = parser.parse_args()
    on_gpu = torch.cuda.is_available()
    print(
        f"auto chooses {devices.fastest_precision(on_gpu)}; "
        f"{'GPU' if on_gpu else f'{torch.get_num_threads()} threads'}"
    )
    for size in arguments.size:
        steps = {
            precision: stepper(precision, size, arguments.batch) for precision in ("fp32", "bf16")
        }
        rates: dict[str, list[float]] = {precision: [] for precision in steps}
        for _ in range(ROUNDS):
            for precision, step in steps.items():
                rates[precision].append(arguments.batch * steps_a_second(step))
        speeds = {name: statistics.median(own) for name, own in rates.items()}
        print(
            f"{size} pixels: "
            + ", ".join(f"{name} {speed:.1f} images/s" for name, speed in speeds.items())
        )


def steps_a_second(step: Callable[[], None]) -> float:
    """How often `step` can be called in a second, measured over SECONDS."""
    started, done = time.perf_counter(), 0
    while (taken := time.perf_counter() - started) < SECONDS or not done:
        step()
        done += 1
    return done / taken


def stepper(precision: str, size: int, batch: int) -> Callable[[], None]:
    """A function that does one training step; called once here to warm up."""
    fabric = devices.setup("auto", 1, precision, seed=1)
    detector = build("resnet18", "random", "").to(memory_format=torch.channels_last)
    model, optimizer = fabric.setup(detector, make_optimizer(detector, "adamw", 1e-4, 0.05))
    images = torch.rand(batch, 3, size, size, device=fabric.device).to(
        memory_format=torch.channels_last
    )
    labels = torch.arange(batch, device=fabric.device) % 2

    def step() -> None:
        fabric.backward(torch.nn.functional.cross_entropy(model(images), labels))
        optimizer.step()
        optimizer.zero_grad()
        if fabric.device.type == "cuda":
            torch.cuda.synchronize()

    step()
    return step


if __name__ == "__main__":
    main()
