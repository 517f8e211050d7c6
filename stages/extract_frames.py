"""Sample frames evenly from every video; stills keep their own bytes.

    python -m stages.extract_frames

reads   data/index.csv; the media it lists
makes   data/frames/ (archives of pictures), data/frames.csv
"""

from pathlib import Path

from deepfake_detector import console, params, tables
from deepfake_detector.archive import failed, pack
from deepfake_detector.frames import FrameSettings, extract_frames
from deepfake_detector.parallel import run

FOLDER = Path("data/frames")


def main() -> str:
    extract, parallel = params.read("extract_frames", "parallel")
    index = tables.read("data/index.csv", tables.INDEX)
    packs = pack(index[index["kind"] != "face"])
    FOLDER.mkdir(parents=True, exist_ok=True)
    settings = FrameSettings(extract.frames, extract.format, extract.jpeg_quality)
    outcomes = run(
        extract_frames, [(one, FOLDER, settings) for one in packs], parallel.workers, parallel.seconds_per_item
    )
    rows = []
    for one, outcome in zip(packs, console.progress(outcomes, len(packs), "extract", "archive"), strict=True):
        rows += outcome.result if outcome.failure is None else failed(one, outcome.failure)
    frames = tables.make(rows, tables.FRAMES)
    tables.write("data/frames.csv", frames, tables.FRAMES)
    bad = frames[frames["status"] != "ok"]
    for row in bad.itertuples():
        print(f"  {row.item}: {row.status}")
    return (
        f"{len(frames) - len(bad)} frames of {frames['item'].nunique() - len(bad)} items, {len(bad)} items unreadable"
    )


if __name__ == "__main__":
    console.run_stage(main, __doc__)
