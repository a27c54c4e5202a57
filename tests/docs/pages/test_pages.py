"""Every page's commands and Python run, and print what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from joulecut.demo.report import saving_sentence
from joulecut.demo.tables import POLICY_COLUMNS
from joulecut_planner import Policy
from tests.api.demo_samples import objective_result, policy_result
from tests.architecture.tree import ROOT, documents, name
from tests.docs.pages.blocks import Fate, blocks
from tests.docs.pages.presumed import presumed
from tests.docs.pages.running import Visit, shape
from tests.docs.pages.stay import Stay
from tests.thoroughness import THOROUGH
from tests.warm.programs import WarmPrograms


def pages() -> list[Path]:
    """The documents that hold at least one block to run now."""
    unless = {Fate.THOROUGHLY} if not THOROUGH else set()
    return [path for path in documents() if any(block.is_run and block.fate not in unless for block in blocks(path))]


@pytest.mark.timeout(900)  # a page starts dozens of programs, and agents that emulate time
@pytest.mark.parametrize("path", pages(), ids=name)
def test_a_page_runs_and_prints_what_it_shows(
    path: Path, tmp_path: Path, warm: WarmPrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order, in a folder of its own: shell blocks as they stand, agents beside them, Python as in a notebook."""
    monkeypatch.chdir(tmp_path)
    stay = Stay(tmp_path)
    stay.furnish()
    with Visit(stay, stay.environment(warm.path)) as visit:
        for block in (*presumed(path), *blocks(path)):
            visit.take(block)


def test_readme_has_something_to_run() -> None:
    """The first page's commands and its Python are among what is run."""
    run = {block.language for block in blocks(ROOT / "README.md") if block.is_run}
    assert run == {"python", "sh"}


@pytest.mark.parametrize("page", ["README.md", "docs/how-to-your-own-network.md"])
def test_shown_tables_of_policies_are_those_that_are_printed(page: str) -> None:
    """Minutes long to run: its title, its columns in their order, rows of policies, and the sentence behind them."""
    (block,) = (block for block in blocks(ROOT / page) if block.language == "text" and "objective: " in block.body)
    *_, table = block.body.partition("objective: ")
    title, header, *lines = table.splitlines()
    rows = [line.split()[0] for line in lines if re.search(r"\d+/\d+ +\d+%$", line)]
    objective, _, label = title.partition(" ")
    assert label == "- emulated figures, per request"
    assert header.split() == " ".join(POLICY_COLUMNS).split()
    assert rows[-1] == "joint"
    assert set(rows) <= {policy.value for policy in Policy}
    result = objective_result(*(policy_result(policy) for policy in rows), objective=objective)
    begin, *_ = shape(saving_sentence(result)).partition("(")
    assert begin in shape(block.body)


def test_figures_and_frames_are_no_part_of_a_shape() -> None:
    """Shown output holds by its words: a table of another run has the same shape, one with another column has not."""
    assert shape("│ joint   20.8 (20.6)  1.2e-3 │") == shape("joint 9 (7) 4")
    assert shape("joint 20.8 mJ") != shape("joint 20.8 ms")
