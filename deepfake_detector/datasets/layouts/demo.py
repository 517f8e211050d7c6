"""The demo that `synthesize` draws: `<root>/real/<person>_<take>`,
`<root>/<method>/<person>_<helper>_<take>`."""

from pathlib import Path

from deepfake_detector.datasets.layouts import Found, Scan, files_below, media_kind
from deepfake_detector.datasets.settings import DataSet


def scan(name: str, root: Path, data_set: DataSet) -> Scan:
    found = []
    for path in files_below(root):
        if not (kind := media_kind(path)):
            continue
        method = path.parent.name
        *people, take = path.stem.split("_")
        found.append(
            Found(
                path=path,
                kind=kind,
                label=int(method != "real"),
                method=method,
                name=path.name,
                sources=tuple(f"{name}:{person}" for person in people),
                original=None if method == "real" else ("real", f"{people[0]}_{take}"),
            )
        )
    return Scan(found, [])
