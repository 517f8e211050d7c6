"""Draw the demo: people who do not exist, filmed and forged.

    python -m stages.synthesize demo

reads   params.yaml: synthesize.NAME
makes   data/raw/NAME/: `real/`, `swap/`, `reenact/` with H.264 MP4 clips and JPEG stills
"""

from pathlib import Path

from deepfake_detector import UserError, console, params
from deepfake_detector.files import write_whole
from deepfake_detector.parallel import Execution, run
from deepfake_detector.synthesis.clips import plan, produce


def main(name: str) -> str:
    synthesize, parallel = params.read("synthesize", "parallel")
    if name not in synthesize:
        raise UserError(f"params.yaml: synthesize has no {name!r}; it has {', '.join(synthesize) or 'nothing'}")
    settings = synthesize[name]
    clips = plan(settings.pairs)
    tasks = [(clip, settings.seed, settings.seconds, tuple(settings.resolution)) for clip in clips]
    drawn = run(produce, tasks, Execution(**parallel.model_dump()))
    size = 0
    for clip, outcome in zip(clips, console.progress(drawn, len(clips), "draw", "clip"), strict=True):
        if outcome.failure:
            raise UserError(f"{clip.path}: {outcome.failure}; raise parallel.seconds_per_item, or use fewer workers")
        write_whole(Path(params.RAW) / name / clip.path, outcome.result)
        size += len(outcome.result)
    fakes = sum(clip.source is not None for clip in clips)
    return f"{len(clips) - fakes} real and {fakes} fake files of {2 * settings.pairs} drawn people, {size / 1e6:.0f} MB"


if __name__ == "__main__":
    console.run_stage(main, __doc__, name="the set to draw, a key of params.yaml: synthesize")
