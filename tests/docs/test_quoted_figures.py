"""Figures that pages quote from a published run are that run's: a run that is made anew takes its pages along."""

from __future__ import annotations

import re

import pytest

from tests.architecture.tree import ROOT, text

_QUOTES = (
    ("docs/how-to-deploy.md", "What it costs", "proxies.md"),
    ("docs/how-to-pool.md", "When something dies", "pool.md"),
    ("docs/explanation-pools.md", "10,000 edges and 200 GPUs, on paper", "pools.md"),
    ("docs/explanation-baselines.md", "What came out", "baselines.md"),
    ("docs/explanation-baselines.md", "Fleets", "fleet_baselines.md"),
    ("docs/explanation-block-power.md", "What came out", "block_power.md"),
    ("docs/explanation-tails-and-drift.md", "What they are worth", "tails.md"),
)
_FIGURE = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w,]*\w)")
_FEWEST_DIGITS = 3
"""Fewer say too little: any page has a 2 and a 10 somewhere."""


def _figures(words: str) -> list[str]:
    """Numbers as they are written, thousands' commas dropped."""
    return [found.replace(",", "").rstrip(".") for found in _FIGURE.findall(words)]


def _section(page: str, heading: str) -> str:
    _, found, rest = text(ROOT / page).partition(f" {heading}\n")
    assert found, f"{page} has no heading {heading}"
    return re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]


def _is_of(quoted: str, figures: list[str]) -> bool:
    """Whether a figure rounds to the quoted one, itself or as per cent of what is given as a share."""
    digits = len(quoted.partition(".")[2])
    values = [value for each in figures for value in (float(each), 100.0 * float(each))]
    return any(f"{value:.{digits}f}" == quoted for value in values)


@pytest.mark.parametrize(("page", "heading", "results"), _QUOTES)
def test_quoted_figures_are_of_the_run(page: str, heading: str, results: str) -> None:
    """Every figure of three digits or more in the section, to the digits that it is given with."""
    section = _section(page, heading)
    assert f"benchmarks/results/{results}" in section
    run = _figures(text(ROOT / "benchmarks" / "results" / results))
    quoted = [
        each
        for each in _figures(re.sub(r"\]\([^)]*\)|arXiv [\d.]+", "]", section))
        if len(each.strip("0.").replace(".", "")) >= _FEWEST_DIGITS
    ]
    assert quoted
    assert not [each for each in quoted if not _is_of(each, run)]


def test_another_figure_is_found() -> None:
    """Rounding is allowed for, a figure of another run is not."""
    run = _figures("| +0.087 | 1.160 | 2.5e-04 | 1283 requests |")
    assert _is_of("0.087", run)
    assert _is_of("1.16", run)
    assert not _is_of("0.107", run)
