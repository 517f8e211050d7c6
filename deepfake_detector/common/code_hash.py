"""A hash of what code does: finished work that other code made is not taken for this code's."""

import ast
import hashlib
from collections.abc import Sequence
from pathlib import Path

from deepfake_detector.common.packages import installed

LIBRARY = Path(__file__).resolve().parents[1]
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_hash(modules: Sequence[str], packages: Sequence[str] = ()) -> str:
    """SHA-256 (hex) of the code of these `modules` (`subpackage/module`), without comments,
    docstrings and line breaks, and of the versions of `packages`, or their absence."""
    code = [_without_docstrings((LIBRARY / f"{module}.py").read_text()) for module in modules]
    versions = [installed(name) for name in packages]
    return hashlib.sha256(repr((code, versions)).encode()).hexdigest()


def _without_docstrings(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)
