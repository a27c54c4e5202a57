"""One word for one thing: what the vocabulary page lists is what the code says."""

from __future__ import annotations

import dataclasses
import importlib
import re
from enum import Enum

import pytest

from tests.architecture.tree import ROOT, modules

PAGE = (ROOT / "docs" / "nomenclature.md").read_text(encoding="utf-8")
SUFFIXES = tuple(re.findall(r"^\| `(_\w+)` \|", PAGE, flags=re.MULTILINE))

BARE_NUMBERS = {
    # Weights, shares, ratios, counts of arithmetic and statistics have no unit.
    *("edge_weight", "server_weight", "server_idle_share", "quantile", "max_accuracy_loss", "accuracy_loss", "flops"),
    *("server_utilisation", "gap"),
    *("slowdown", "speed_up", "top1_agreement", "accuracy"),
    # The name of the dataclass says the unit.
    *("RequestSeconds", "RequestJoules"),
    # Terms of the planning contract, in seconds.
    *("t_edge", "t_up", "t_server", "t_down"),
}

CORE_FIELDS = [
    (owner, field)
    for path in modules()
    if path.parent.name == "joulecut_core" and path.stem != "__init__"
    for owner in vars(importlib.import_module(f"joulecut_core.{path.stem}")).values()
    if isinstance(owner, type) and dataclasses.is_dataclass(owner)
    for field in dataclasses.fields(owner)
]


def row(word: str) -> str:
    """What the page says about a word."""
    found = re.search(rf"^\| {word} \| (.+) \|$", PAGE, flags=re.MULTILINE)
    assert found is not None, f"the page does not list {word}"
    return found[1]


def quoted(text: str) -> set[str]:
    """The words in code marks."""
    return set(re.findall(r"`([\w-]+)`", text))


def test_every_quantity_carries_its_unit() -> None:
    """A real-valued field of the shared words ends with a unit of the page."""
    unnamed = {
        f"{owner.__name__}.{field.name}"
        for owner, field in CORE_FIELDS
        if str(field.type).startswith("float")
        and not field.name.endswith(SUFFIXES)
        and not {owner.__name__, field.name} & BARE_NUMBERS
    }
    assert not unnamed


@pytest.mark.parametrize(
    ("word", "module", "enum"),
    [
        ("figure kind", "joulecut_core.figures", "FigureKind"),
        ("policy", "joulecut_planner.policies", "Policy"),
    ],
)
def test_listed_values_are_the_real_ones(word: str, module: str, enum: str) -> None:
    """A value that the code gains or loses changes on the page too."""
    members: type[Enum] = getattr(importlib.import_module(module), enum)
    assert quoted(row(word)) == {member.value for member in members}
