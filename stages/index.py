"""Join the lists of all data sets that params.yaml names: the one table that later stages need.

    python -m stages.index

reads   data/scan/NAME.csv of each data set
makes   data/index.csv
"""

import pandas as pd

from deepfake_detector import params
from deepfake_detector.datasets.same_names import same_names
from deepfake_detector.storage import tables
from stages import runner

NAMED = 5


def main() -> str:
    data_sets = params.load().data_sets
    lists = [tables.read(f"data/scan/{name}.csv", tables.INDEX) for name in sorted(data_sets)]
    index = tables.make(pd.concat(lists).to_dict("records"), tables.INDEX)
    tables.write("data/index.csv", index, tables.INDEX)
    if same := same_names(index):
        named = f"{', '.join(same[:NAMED])}{', …' if len(same) > NAMED else ''}"
        print(
            f"  {len(same)} names are used by several data sets, each for itself ({named}); where "
            "one is the same person, write person:NAME in each"
        )
    fakes = int(index["label"].sum())
    return (
        f"{len(index)} items of {len(lists)} data set(s): {len(index) - fakes} real, {fakes} fake"
    )


if __name__ == "__main__":
    runner.run(main, __doc__)
