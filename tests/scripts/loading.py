"""Scripts, which have no ending in their names, as modules."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType


def loaded(script: Path) -> ModuleType:
    """The script as a module."""
    spec = spec_from_loader(script.name, SourceFileLoader(script.name, str(script)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[script.name] = module
    spec.loader.exec_module(module)
    return module
