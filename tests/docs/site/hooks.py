"""The hooks as modules: they lie in no package, mkdocs loads them by path, and so do the tests."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from tests.architecture.tree import ROOT


def hook(name: str) -> ModuleType:
    """The module of a hook."""
    path = ROOT / "docs" / "site" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"docs_site_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
