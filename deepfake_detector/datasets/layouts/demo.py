"""The demo that `synthesize` draws: `<root>/real/<person>_<take>`,
`<root>/<method>/<person>_<helper>_<take>`."""

from deepfake_detector.datasets.layouts import Scan, ScannedFile
from deepfake_detector.datasets.settings import DataSet
from deepfake_detector.storage.media_files import Listing


def scan(name: str, tree: Listing, data_set: DataSet) -> Scan:
    """The drawn clips and stills, tied by their people; files of other names are left out."""
    files = []
    for place, kind in tree.media.items():
        path = tree.folder / place
        method = path.parent.name
        *people, take = path.stem.split("_")
        if len(people) != (1 if method == "real" else 2):
            continue
        files.append(
            ScannedFile(
                path=path,
                kind=kind,
                label=int(method != "real"),
                method=method,
                name=path.name,
                sources=tuple(f"{name}:{person}" for person in people),
                original=None if method == "real" else ("real", f"{people[0]}_{take}"),
            )
        )
    return Scan(files, [], "not drawn here")
