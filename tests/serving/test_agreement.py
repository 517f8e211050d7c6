"""What the stages make of a clip is what the detector makes of it; only storing frames as JPEG
costs a little."""

from pathlib import Path

import made
import numpy as np
import pandas as pd
import pytest

from deepfake_detector.contract import model_file
from deepfake_detector.faces.cropping import crop_faces, crop_tasks
from deepfake_detector.faces.settings import CropFaces
from deepfake_detector.media.extraction import extract_frames
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.settings import ExtractFrames
from deepfake_detector.media.stills import read_image
from deepfake_detector.scoring import scores
from deepfake_detector.serving.inference import Detector
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import ArchiveReader, Item, Pack, archive_of, write_archive
from deepfake_detector.storage.files import file_hash

MODEL = "models/detector.onnx"
WITHIN = {"png": 1e-4, "jpeg": 0.02}  # of the probability


def by_stages(
    clip: Path, terms: model_file.Contract, form: str, folder: Path
) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Rows of the faces table, and each one's crop, as extract_frames and crop_faces leave them."""
    pack = Pack(archive_of("demo/real/0", "video"), (Item("demo/real/0", "video", str(clip)),))
    md5 = {item.item: file_hash(item.path, "md5") for item in pack.items}
    extracted = extract_frames(pack, md5, ExtractFrames(frames=terms.frames, format=form))
    write_archive(folder / "frames" / pack.archive, extracted.members)
    found, crop = terms.detection, terms.crop
    settings = CropFaces(
        detector=found.name,
        detect_size=found.detect_size,
        min_score=found.min_score,
        min_face=crop.min_face,
        dominant=terms.dominant,
        margin=crop.margin,
        crop_size=crop.size,
    )
    index = pd.DataFrame([{"item": "demo/real/0", "kind": "video", "md5": "0"}])
    frames = tables.make(extracted.rows["frames"], tables.FRAMES)
    task = crop_tasks(index, frames, {}, folder / "frames", settings)(pack)
    cropped = crop_faces(task.pack, *task.arguments)
    write_archive(folder / "faces" / pack.archive, cropped.members)
    rows = pd.DataFrame(cropped.rows["faces"])
    with ArchiveReader(folder / "faces") as reader:
        judged = rows[rows["status"] == "ok"]
        return rows, [
            read_image(reader.read(row.archive, row.member)) for row in judged.itertuples()
        ]


@pytest.mark.parametrize("form", WITHIN)
@pytest.mark.parametrize("person", [0, 2, 5])
def test_a_clip_gets_one_probability(in_toy_project, tmp_path, form, person):
    model = model_file.load(MODEL)
    terms = model.contract
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(made.person_clip(person))
    rows, crops = by_stages(clip, terms, form, tmp_path)
    logits = rows[rows["status"] == "ok"].assign(logit=model.judge(crops)[0])
    (stored,) = scores.score_clips(rows, logits, terms.decision.min_faces)["logit"]
    served, tracks = Detector.load(MODEL).score(sample_frames(clip, terms.frames))
    assert sum(map(len, tracks.values())) == len(crops)
    there, here = (
        scores.probability(one, terms.decision.temperature) for one in (stored, served.logit)
    )
    assert here == pytest.approx(there, abs=WITHIN[form])
