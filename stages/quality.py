"""Fit the limits of face quality within which the model gives verdicts, on validation clips and
corrupted copies of them, and count how many of its verdicts are firm; test is not read.

    python -m stages.quality

reads   models/detector.pt, models/decision.json, data/index.csv, data/splits/val.csv,
        data/frames.csv, data/frames/, data/faces.csv, data/faces/
makes   models/quality.json: a limit for each measure; models/firmness.json: verdicts by whether
        they are firm; metrics/quality.json: both, and what the limits cost and gain
"""

import pandas as pd

from deepfake_detector import contract, params
from deepfake_detector.common import statuses
from deepfake_detector.datasets import subset
from deepfake_detector.evaluation import corruptions, degraded
from deepfake_detector.faces.cutting import given_items
from deepfake_detector.scoring import quality
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import FRAMES
from deepfake_detector.storage.files import write_json
from deepfake_detector.training import crops, measured_crops, network
from stages import runner


def main() -> str:
    settings = params.load()
    chosen, cropping, aims = settings.quality, settings.crop_faces, settings.calibrate
    detector, facts = network.load("models/detector.pt")
    detector = network.to_device(detector, facts["arithmetic"], facts["accelerator"])
    decision = contract.read_decision("models/decision.json")
    split = tables.read("data/splits/val.csv", tables.SPLIT)
    index, faces, frames = (
        table[table["item"].isin(split["item"])]
        for table in (
            tables.read("data/index.csv", tables.INDEX),
            tables.read("data/faces.csv", tables.FACES),
            tables.read("data/frames.csv", tables.FRAMES),
        )
    )
    cells = corruptions.cells(chosen.corruptions, chosen.levels)
    copied = subset.of_each_class(split, chosen.clips_per_class)["item"]
    seen = degraded.copies(faces, copied, chosen.frames, cells)
    rows = statuses.ok(seen).merge(split[["item", "label"]], on="item")
    given = given_items(index, cropping.realign)
    cutter = degraded.Cutter(
        rows, frames, index, FRAMES, cropping.margin, cropping.crop_size, given, chosen.seed
    )
    copies = measured_crops.CopiedCrops(rows, facts["input_size"], cutter)
    watch = crops.watched("judging corrupted copies")
    logits = crops.frame_logits(detector, copies, crops.JUDGE_BATCH, 0, watch)
    judged = pd.concat([rows.assign(logit=logits), copies.measured], axis=1)
    by_score = decision.model_copy(update={"unproven": ""})
    clips = degraded.clips_of(seen, judged, split, by_score)
    fitted = clips[clips["corruption"] != degraded.MILDEST]

    error = max(aims.band_error, degraded.error_of(fitted))
    limits = quality.fit_limits(fitted, error, chosen.clean_outside)
    if decision.unproven:  # the limits alone go by its score: there is no verdict to count
        clips = degraded.clips_of(seen, judged, split, decision)
    clips = degraded.limited(clips, judged, decision, limits)
    write_json("models/quality.json", {name: limit.model_dump() for name, limit in limits.items()})
    firmness = degraded.by_firmness(clips).model_dump()
    write_json("models/firmness.json", firmness)
    effect = degraded.figures(clips[clips["corruption"] != degraded.MILDEST])
    head = {"aim_error": round(error, 6), "clips": len(split), "firmness": firmness}
    write_json("metrics/quality.json", head | effect)
    clean, all_copies = effect[degraded.CLEAN]["0"], effect["all copies"]
    return (
        f"{quality.in_words(limits)}; {_effect_in_words('clips', clean)}; "
        f"{_effect_in_words('corrupted copies', all_copies)}; of {firmness['firm']} firm verdicts "
        f"{firmness['firm_wrong']} wrong, of {firmness['not_firm']} others "
        f"{firmness['not_firm_wrong']}"
    )


def _effect_in_words(noun: str, figures: dict[str, float | None]) -> str:
    before, after = figures["accuracy_without"], figures["accuracy_with"]
    return (
        f"{figures['coverage_with']:.0%} of the {noun} keep a verdict (without limits "
        f"{figures['coverage_without']:.0%}), accuracy "
        f"{'undefined' if after is None else f'{after:.3f}'} "
        f"({'undefined' if before is None else f'{before:.3f}'})"
    )


if __name__ == "__main__":
    runner.run(main, __doc__)
