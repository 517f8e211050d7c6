"""Draw the demo: people who do not exist, filmed and forged.

    python -m stages.synthesize demo

reads   params.yaml: synthesize.NAME
makes   data/raw/NAME/: `real/`, `swap/`, `reenact/` with H.264 MP4 clips and JPEG stills
"""

from itertools import groupby
from operator import attrgetter
from pathlib import Path

from deepfake_detector import UserError, params
from deepfake_detector.common import console
from deepfake_detector.common.parallel import run
from deepfake_detector.datasets.settings import RAW
from deepfake_detector.datasets.synthesis.clips import plan, produce_film
from deepfake_detector.storage.files import write_whole
from stages import runner

FILM = attrgetter("target", "take")


def main(name: str) -> str:
    settings = params.load()
    if name not in settings.synthesize:
        known = ", ".join(settings.synthesize) or "nothing"
        raise UserError(f"params.yaml: synthesize has no {name!r}", f"it has {known}")
    drawn = settings.synthesize[name]
    clips = plan(drawn.pairs)
    films = [list(film) for _, film in groupby(sorted(clips, key=FILM), key=FILM)]
    tasks = [(film, drawn.seed, drawn.seconds, tuple(drawn.resolution)) for film in films]
    outcomes = run(produce_film, tasks, settings.parallel)
    size = 0
    for film, outcome in zip(
        films, console.progress(outcomes, len(films), "draw", "film"), strict=True
    ):
        if outcome.result is None:
            raise UserError(
                f"{film[0].path}: {outcome.failure}",
                "raise parallel.seconds_per_item, or use fewer workers",
            )
        for clip, data in zip(film, outcome.result, strict=True):
            write_whole(Path(RAW) / name / clip.path, data)
            size += len(data)
    fakes = sum(clip.source is not None for clip in clips)
    return f"{len(clips) - fakes} real and {fakes} fake files of {2 * drawn.pairs} drawn people, {size / 1e6:.0f} MB"


if __name__ == "__main__":
    runner.run(main, __doc__, name="the set to draw, a key of params.yaml: synthesize")
