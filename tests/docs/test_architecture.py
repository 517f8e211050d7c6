"""The picture and the table of the subpackages in docs/architecture.md are those of the code."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import networkx
import pytest

LIBRARY = Path("deepfake_detector")
SUBPACKAGES = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}
TEXT = Path("docs/architecture.md").read_text()
ENTRANCES = ("__init__", "__main__")  # of the package: they hand on and hold nothing


def imports(tree: ast.Module) -> Iterator[str]:
    """Full names of what the code imports from the library, but for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            yield from imports(node)


@pytest.fixture(scope="module")
def arrows() -> networkx.DiGraph:
    """Which subpackage imports which, params.py counting as one."""
    graph = networkx.DiGraph()
    for path in LIBRARY.rglob("*.py"):
        own = path.relative_to(LIBRARY).with_suffix("").parts[0]
        for name in imports(ast.parse(path.read_text())):
            package, _, other = name.partition(".")
            other = other.split(".")[0]
            known = package == LIBRARY.name and other in SUBPACKAGES | {"params"}
            if known and own not in (other, *ENTRANCES):
                graph.add_edge(own, other)
    return graph


@pytest.mark.slow
def test_there_is_no_circle(arrows):
    assert networkx.is_directed_acyclic_graph(arrows)


def test_the_picture_of_the_subpackages_is_that_of_the_imports(arrows):
    (picture,) = re.findall(r"```mermaid\nflowchart TD\n(.+?)```", TEXT, re.DOTALL)
    drawn = {
        pair for line in picture.splitlines() for pair in pairwise(line.strip().split(" --> "))
    }
    assert drawn == set(networkx.transitive_reduction(arrows).edges)


def test_the_table_has_a_row_for_every_subpackage_and_names_a_file_in_it():
    rows = re.findall(r"^\| `(\w+)` \| .+ \| `([\w./]+)` \|$", TEXT, re.MULTILINE)
    assert sorted(subpackage for subpackage, _ in rows) == sorted(SUBPACKAGES)
    assert [one for one in rows if not (LIBRARY / "/".join(one)).exists()] == []
