"""Extracting frames and cropping faces, against bare decoding of the same clips, and with one
worker against several.

    python -m benchmarks.extract_crop [FOLDER] [--detector yunet] [--workers 2]

FOLDER holds clips; without one, clips are drawn. Each measurement starts its own workers and writes
to an empty folder; the kinds take turns, the median of the rounds counts.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import av
import pandas as pd

from benchmarks import goals
from deepfake_detector.common.parallel import run
from deepfake_detector.common.settings import Parallel
from deepfake_detector.datasets.synthesis.clips import plan, produce
from deepfake_detector.faces.cropping import crop_faces, crop_tasks
from deepfake_detector.faces.detection import DETECTORS
from deepfake_detector.faces.settings import CropFaces
from deepfake_detector.media.extraction import extract_frames, frame_tasks
from deepfake_detector.media.probing import probe
from deepfake_detector.media.reading import opened, video
from deepfake_detector.media.settings import ExtractFrames
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import pack
from deepfake_detector.storage.files import file_hash
from deepfake_detector.storage.media_files import listing
from deepfake_detector.storage.packs import run_packs
from deepfake_detector.storage.store import Store

FRAMES = ExtractFrames()
HAAR = CropFaces(detector="haar", detect_size=240, min_score=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, help="clips (default: 24 are drawn)")
    parser.add_argument(
        "--detector", choices=sorted(DETECTORS), default="haar", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="compared with 1 (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        clips = clips_below(arguments.folder or _drawn(Path(scratch)))
        print(
            f"{len(clips)} clips, "
            f"{clips['path'].map(lambda path: Path(path).stat().st_size).sum() / 1e6:.0f} MB"
        )
        kinds: dict[str, Callable[[], None]] = {
            "decode": lambda: _decode(clips, execution(arguments.workers)),
            "one": lambda: extract_and_crop(clips, arguments.detector, execution(1)),
            "all": lambda: extract_and_crop(
                clips, arguments.detector, execution(arguments.workers)
            ),
        }
        seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(arguments.rounds):
            for kind, measured in kinds.items():
                started = time.perf_counter()
                measured()
                seconds[kind].append(time.perf_counter() - started)
    decode, one, several = (statistics.median(seconds[kind]) for kind in kinds)
    print(f"decoding all clips, {arguments.workers} workers: {decode:.1f} s")
    print(
        f"extract and crop, {arguments.workers} workers: {several:.1f} s, {several / decode:.2f} x "
        "decoding"
    )
    print(
        f"extract and crop, 1 worker: {one:.1f} s; efficiency of {arguments.workers}: "
        f"{one / several / arguments.workers:.2f}"
    )
    kind = f"{arguments.detector}, {'given' if arguments.folder else 'drawn'} clips"
    goals.at_most(
        f"extract and crop with {arguments.workers} workers, against decoding ({kind})",
        several / decode,
        2,
        "x",
    )
    efficiency = one / several / arguments.workers
    goals.at_least(
        f"efficiency of {arguments.workers} workers against 1 ({kind})", efficiency, 0.9, ""
    )


def execution(workers: int) -> Parallel:
    """Local worker processes within the limits of a run."""
    return Parallel(workers=workers)


def _drawn(folder: Path) -> Path:
    for clip in [clip for clip in plan(3) if clip.path.endswith(".mp4")]:
        (folder / clip.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / clip.path).write_bytes(produce(clip, 1, 10.0, (0.2, 0.3)))
    return folder


def clips_below(folder: Path) -> pd.DataFrame:
    """The videos below a folder as rows of the index: item, kind, path and md5."""
    below = listing(folder, follow_links=True)
    paths = [folder / place for place, kind in below.media.items() if kind == "video"]
    rows = [
        {
            "item": f"bench/real/{number:04d}",
            "kind": "video",
            "path": str(path),
            "md5": file_hash(path, "md5"),
        }
        for number, path in enumerate(paths)
    ]
    return pd.DataFrame(rows)


def _decode(clips: pd.DataFrame, execution: Parallel) -> None:
    for outcome in run(_decode_one, [(path,) for path in clips["path"]], execution):
        if outcome.failure:
            raise SystemExit(outcome.failure)


def _decode_one(path: str) -> int:
    stream_index = probe(Path(path)).stream
    if stream_index is None:
        raise SystemExit(f"{path} is no video")
    with opened(Path(path)) as file, video(file, stream_index) as stream:
        container = cast(av.container.InputContainer, stream.container)
        return sum(1 for _ in container.decode(stream))


def crop_settings(detector: str) -> CropFaces:
    """The default settings, which suit YuNet, or those for Haar, whose scores have another
    scale."""
    return HAAR if detector == "haar" else CropFaces(detector="yunet")


def extract_and_crop(clips: pd.DataFrame, detector: str, execution: Parallel) -> None:
    """Both stages on the clips of `clips_below`, into an empty folder that is deleted
    afterwards."""
    settings = crop_settings(detector)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        tasks = frame_tasks(clips, FRAMES)
        done = run_packs(
            extract_frames, pack(clips), tasks, Store(out / "a"), out / "frames", execution
        )
        frames = tables.make(done.rows["frames"], tables.FRAMES)
        tasks = crop_tasks(clips, frames, {}, out / "frames", settings)
        run_packs(crop_faces, pack(clips), tasks, Store(out / "b"), out / "faces", execution)


if __name__ == "__main__":
    main()
