"""How often clips of real people alone are called fake, by the number of people in them.

    python -m benchmarks.several_people [--tries 300]

Simulated people, each independent of the others, whose logits have the shape named. The threshold for one person is fitted
for a tenth of the real clips of a validation set of that size. Printed is the fraction called fake at that threshold, and in
brackets at the one for so many people (deepfake_detector/scoring/people.py).
"""

import argparse

import numpy as np

from deepfake_detector.scoring.people import MOST, fake_from

SHAPES = ("normal", "logistic", "gumbel")
CLIPS = (15, 30, 100, 1000)
FALSE_ALARMS = 0.1
TRUTH = 400_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tries", type=int, default=300, help="simulations of each kind (default: %(default)s)"
    )
    tries = parser.parse_args().tries
    people = np.arange(1, MOST + 1)
    print(f"{'scores':>10} {'clips':>6}" + "".join(f"{count:>14}" for count in people))
    for shape in SHAPES:
        rng = np.random.default_rng(1)
        everybody = np.sort(getattr(rng, shape)(size=TRUTH))
        for clips in CLIPS:
            rates = np.zeros((2, MOST))
            for _ in range(tries):
                reals = getattr(rng, shape)(size=clips)
                thresholds = fake_from(reals, float(np.quantile(reals, 1 - FALSE_ALARMS)))
                below = np.searchsorted(everybody, thresholds) / TRUTH
                rates += 1 - below[0] ** people, 1 - below**people
            before, after = 100 * rates / tries
            row = [f"{one:.1f} % ({other:.1f})" for one, other in zip(before, after, strict=True)]
            print(f"{shape:>10} {clips:>6}" + "".join(f"{one:>14}" for one in row), flush=True)


if __name__ == "__main__":
    main()
