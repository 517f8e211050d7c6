"""Sample frames evenly from every video; stills keep their own bytes. What was made before is taken
from the scratch store.

    python -m stages.extract_frames

reads   data/index.csv; the media it lists
makes   data/frames/ (archives of pictures), data/frames.csv, data/media.csv (facts of each file)
"""

import shutil

from deepfake_detector import params
from deepfake_detector.common import statuses
from deepfake_detector.common.locks import only_writer
from deepfake_detector.media.extraction import extract_frames, frame_tasks
from deepfake_detector.storage import packs, store, tables
from deepfake_detector.storage.archive import FRAMES, pack
from stages import runner


def main() -> str:
    settings = params.load()
    index = tables.read("data/index.csv", tables.INDEX)
    plan = frame_tasks(index, settings.extract_frames)
    kept = store.Store(store.root() / "frames")
    with only_writer(store.LOCKS, "extract_frames"):
        shutil.rmtree(FRAMES, ignore_errors=True)  # as DVC does: nothing of an earlier index stays
        done = packs.run_packs(extract_frames, pack(index), plan, kept, FRAMES, settings.parallel)
        rows = done.rows.get("frames", []) + [
            {"item": item, "status": why} for item, why in done.failures.items()
        ]
        frames = tables.make(rows, tables.FRAMES)
        tables.write("data/frames.csv", frames, tables.FRAMES)
        media = tables.make(done.rows.get("media", []), tables.MEDIA)
        tables.write("data/media.csv", media, tables.MEDIA)
        kept.mark(done.used)
        kept.shrink(settings.scratch.max_gb * store.GB)
    bad = frames[frames["status"] != statuses.OK]
    for row in bad.itertuples():
        print(f"  {row.item}: {row.status}")
    for row in media[media["frames_distrusted"].fillna(0) > 0].itertuples():
        print(f"  {row.item}: {row.frames_distrusted} frames follow damaged data")
    print(f"  {done.made} items decoded, {done.reused} taken from the scratch store")
    return f"{len(frames) - len(bad)} frames of {frames['item'].nunique() - len(bad)} items, {len(bad)} items unreadable"


if __name__ == "__main__":
    runner.run(main, __doc__)
