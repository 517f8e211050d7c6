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
from deepfake_detector.common.parallel import Execution, run
from deepfake_detector.datasets.synthesis.clips import plan, produce_film
from deepfake_detector.storage.files import write_whole

FILM = attrgetter("target", "take")


def main(name: str) -> str:
    synthesize, parallel = params.read("synthesize", "parallel")
    if name not in synthesize:
        raise UserError(f"params.yaml: synthesize has no {name!r}; it has {', '.join(synthesize) or 'nothing'}")
    settings = synthesize[name]
    clips = plan(settings.pairs)
    films = [list(film) for _, film in groupby(sorted(clips, key=FILM), key=FILM)]
    tasks = [(film, settings.seed, settings.seconds, tuple(settings.resolution)) for film in films]
    drawn = run(produce_film, tasks, Execution(**parallel.model_dump()))
    size = 0
    for film, outcome in zip(films, console.progress(drawn, len(films), "draw", "film"), strict=True):
        if outcome.failure:
            raise UserError(f"{film[0].path}: {outcome.failure}; raise parallel.seconds_per_item, or use fewer workers")
        for clip, data in zip(film, outcome.result, strict=True):
            write_whole(Path(params.RAW) / name / clip.path, data)
            size += len(data)
    fakes = sum(clip.source is not None for clip in clips)
    return f"{len(clips) - fakes} real and {fakes} fake files of {2 * settings.pairs} drawn people, {size / 1e6:.0f} MB"


if __name__ == "__main__":
    console.run_stage(main, __doc__, name="the set to draw, a key of params.yaml: synthesize")
