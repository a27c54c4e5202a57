"""What the page of metrics says of each: for whoever holds scrapes, queries or alerts against it."""

from __future__ import annotations

import re

from tests.architecture.tree import ROOT


def reference() -> dict[str, tuple[str, set[str]]]:
    """Each metric's kind and labels, as the page of metrics says."""
    found: dict[str, tuple[str, set[str]]] = {}
    page = (ROOT / "docs" / "reference-metrics.md").read_text(encoding="utf-8")
    for names, kind, labels in re.findall(r"^\| (`joulecut_[^|]+) \| (\w+) \|([^|]*)\|", page, flags=re.MULTILINE):
        # A label's values stand behind a colon, up to the next semicolon.
        own = {word for part in labels.split(";") for word in re.findall(r"`(\w+)`", part.split(":")[0])}
        for name in re.findall(r"`(\w+)`", names):
            found[name] = (kind, found.get(name, ("", set()))[1] | own)
    return found
