"""All targets, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from tests.fuzz.target import Target
from tests.fuzz.targets.bundles import bundle_targets
from tests.fuzz.targets.calls import call_targets
from tests.fuzz.targets.documents import document_targets
from tests.fuzz.targets.wire import wire_targets


@cache
def catalogue() -> Mapping[str, Target[Any]]:
    """Every reader of the project, made once for a process."""
    return {
        target.name: target for target in (*wire_targets(), *document_targets(), *bundle_targets(), *call_targets())
    }
