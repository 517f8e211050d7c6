"""Sample frames evenly from every video; stills keep their own bytes.

    python -m stages.extract_frames

reads   data/index.csv; the media it lists
makes   data/frames/ (archives of pictures), data/frames.csv
"""

from pathlib import Path

from deepfake_detector import console, params, tables
from deepfake_detector.archive import pack
from deepfake_detector.frames import FrameSettings, extract_frames
from deepfake_detector.packs import run_packs

FOLDER = Path("data/frames")


def main() -> str:
    extract, parallel = params.read("extract_frames", "parallel")
    index = tables.read("data/index.csv", tables.INDEX)
    settings = FrameSettings(extract.frames, extract.format, extract.jpeg_quality)
    rows = run_packs(
        extract_frames,
        pack(index[index["kind"] != "face"]),
        lambda one, folder: (one, folder, settings),
        FOLDER,
        parallel.workers,
        parallel.seconds_per_item,
        "extract",
    )
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
