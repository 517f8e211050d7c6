"""List one data set: find its videos and images, with label, method and the people in them.

    python -m stages.scan demo

reads   params.yaml: data_sets.NAME; the folder it names
makes   data/scan/NAME.csv
"""

from collections import Counter

from deepfake_detector import UserError, params
from deepfake_detector.common import console
from deepfake_detector.datasets import layouts
from deepfake_detector.storage import tables
from stages import runner


def main(name: str) -> str:
    data_sets = params.load().data_sets
    if name not in data_sets:
        raise UserError(f"params.yaml: data_sets has no {name!r}", f"it has {', '.join(data_sets)}")
    result = layouts.scan(name, data_sets[name])
    rows = layouts.index_rows(name, data_sets[name].use, result.files)
    tables.write(f"data/scan/{name}.csv", tables.make(rows, tables.INDEX), tables.INDEX)
    for note in result.notes:
        print(f"  {console.printable(note)}")
    counts = Counter(row["method"] for row in rows)
    return f"{len(rows)} items in {name}: " + ", ".join(
        f"{counts[method]} {method}" for method in sorted(counts)
    )


if __name__ == "__main__":
    runner.run(main, __doc__, name="the data set, a key of params.yaml: data_sets")
