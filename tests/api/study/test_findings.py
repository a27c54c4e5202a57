"""The claims, judged on rows made up so that the answer is known."""

from __future__ import annotations

import pytest

from joulecut.study.claims import CLAIMS, Verdict
from joulecut.study.evidence import Evidence
from joulecut.study.findings import judge
from joulecut.study.numbers import NumberBook, in_ranges
from joulecut.study.rows import FindingRow, LayerRow
from joulecut_core.figures import FigureKind
from tests.api.study.made_up_rows import evidence, layer_row, model_row


def verdict(name: str, found: Evidence, figures: FigureKind = FigureKind.MEASURED) -> Verdict:
    """What is said of one claim."""
    return Verdict(finding(name, found, figures).verdict)


def finding(name: str, found: Evidence, figures: FigureKind = FigureKind.MEASURED) -> FindingRow:
    """One claim's row."""
    return next(row for row in judge(found, NumberBook(), figures=figures) if row.row == name)


def deep_and_wide(*, deep_j: float, wide_j: float) -> Evidence:
    """Two networks of 2 GFLOP, one in twenty layers, one in two."""
    deep = [layer_row(index, network="deep", gflops=0.1) for index in range(20)]
    wide = [layer_row(20 + index, network="wide", gflops=1.0) for index in range(2)]
    models = [
        model_row("M0001", network="deep", energy_j=deep_j),
        model_row("M0002", network="wide", energy_j=wide_j),
    ]
    return evidence(models, [*deep, *wide])


def test_depth() -> None:
    """The deeper of two networks computes fewer GFLOP per joule, or the claim falls; one network says nothing."""
    assert verdict("F1", deep_and_wide(deep_j=2.0, wide_j=1.0)) is Verdict.HOLDS
    broken = finding("F1", deep_and_wide(deep_j=1.0, wide_j=2.0))
    assert broken.verdict == Verdict.DOES_NOT_HOLD.value
    assert "not kept by deep beside wide" in broken.said
    alone = evidence([model_row("M0001")], [layer_row(1)])
    assert verdict("F1", alone) is Verdict.CANNOT_BE_JUDGED


def convolutions(watts: list[float]) -> Evidence:
    """Twelve convolutions of rising size, each a millisecond, at these watts."""
    layers = [layer_row(index, gflops=1.0 + index, power_w=power_w) for index, power_w in enumerate(watts)]
    return evidence([model_row("M0001")], layers)


def test_small_kernels() -> None:
    """Larger convolutions do more per joule, or not; too few layers with watts say nothing."""
    assert verdict("F2", convolutions([100.0] * 12)) is Verdict.HOLDS
    assert verdict("F2", convolutions([10.0 * (1 + index) ** 2 for index in range(12)])) is Verdict.DOES_NOT_HOLD
    assert "It takes 10 convolutions" in finding("F2", convolutions([100.0] * 9)).said


def mixed(convolution_s: float, *, power_w: float | None = 100.0) -> list[LayerRow]:
    """A convolution of so many seconds beside 1 ms of something else."""
    return [
        layer_row(1, kind="convolution", layer_s=convolution_s, power_w=power_w),
        layer_row(2, kind="elementwise", layer_s=0.001, power_w=power_w),
    ]


def test_convolutions() -> None:
    """More than half of the joules, or not."""
    assert verdict("F3", evidence([model_row("M0001")], mixed(0.0011))) is Verdict.HOLDS
    assert verdict("F3", evidence([model_row("M0001")], mixed(0.0009))) is Verdict.DOES_NOT_HOLD


def test_layers_without_watts_say_nothing_of_joules() -> None:
    """Where most of the time has no watts, the few layers that have some do not speak for the rest."""
    unknown = evidence([model_row("M0001")], mixed(0.002, power_w=None))
    half = evidence([model_row("M0001")], [*mixed(0.002), layer_row(3, layer_s=0.003, power_w=None)])
    for found in (unknown, half):
        for name in ("F2", "F3", "F4"):
            assert verdict(name, found) is Verdict.CANNOT_BE_JUDGED


def test_flat_power() -> None:
    """Layers at 90 and 110 W are balanced, at 50 and 150 W they are not; seconds are the weight."""

    def at(low_w: float, high_w: float, low_s: float = 0.001) -> Evidence:
        layers = [layer_row(1, power_w=low_w, layer_s=low_s), layer_row(2, power_w=high_w)]
        return evidence([model_row("M0001")], layers)

    assert verdict("F4", at(90.0, 110.0)) is Verdict.HOLDS
    assert verdict("F4", at(50.0, 150.0)) is Verdict.DOES_NOT_HOLD
    assert verdict("F4", at(50.0, 150.0, low_s=1e-6)) is Verdict.HOLDS


def engines(eager_j: float | None, other_j: float | None, other_s: float = 0.01) -> Evidence:
    """Two engines at one batch."""
    rows = [
        model_row("M0001", energy_j=eager_j),
        model_row("M0002", engine="onnxruntime", energy_j=other_j, latency_s=other_s),
    ]
    return evidence(rows)


def test_runtime() -> None:
    """A tenth more images per joule matters; without joules the times are said and nothing is judged."""
    assert verdict("F5", engines(1.0, 0.5)) is Verdict.HOLDS
    assert verdict("F5", engines(1.0, 0.95)) is Verdict.DOES_NOT_HOLD
    timed = finding("F5", engines(None, None, other_s=0.004))
    assert timed.verdict == Verdict.CANNOT_BE_JUDGED.value
    assert "2.50 [" in timed.said
    assert "images per second" in timed.said
    assert verdict("F5", evidence([model_row("M0001")])) is Verdict.CANNOT_BE_JUDGED


def test_settings() -> None:
    """The best setting earns a tenth more than the default, or tuning is not worth it."""

    def earning(best: float, energy_j: float | None = 1.0) -> Evidence:
        rows = [model_row("M0001"), model_row("M0002", batch=8, held_mhz=500.0, revenue=best)]
        return evidence([row for row in rows if energy_j] or [model_row("M0001", energy_j=None)])

    assert verdict("F6", earning(3.0)) is Verdict.HOLDS
    assert verdict("F6", earning(1.05)) is Verdict.DOES_NOT_HOLD
    assert verdict("F6", earning(3.0, energy_j=None)) is Verdict.CANNOT_BE_JUDGED
    governed = evidence([model_row("M0001"), model_row("M0002", batch=8, revenue=3.0)])
    assert verdict("F6", governed) is Verdict.CANNOT_BE_JUDGED


def clocked(small_s: tuple[float, float], large_s: tuple[float, float]) -> Evidence:
    """Batches of 1 and 8 at 500 and 1000 MHz."""
    rows = [
        model_row(
            f"M000{2 * index + step}", batch=batch, held_mhz=500.0 * (1 + step), latency_s=latency_s, host_mhz=2600.0
        )
        for index, (batch, times_s) in enumerate(((1, small_s), (8, large_s)))
        for step, latency_s in enumerate(times_s)
    ]
    return evidence(rows)


def test_launch_bound() -> None:
    """A batch of one that a doubled clock hardly hastens waits for the CPU; one that it halves does not."""
    assert verdict("F7", clocked((0.011, 0.010), (0.08, 0.042))) is Verdict.HOLDS
    assert verdict("F7", clocked((0.020, 0.010), (0.08, 0.040))) is Verdict.DOES_NOT_HOLD
    assert verdict("F7", clocked((0.011, 0.010), (0.0400, 0.0400))) is Verdict.DOES_NOT_HOLD
    assert "2600 to 2600 MHz" in finding("F7", clocked((0.011, 0.010), (0.08, 0.042))).said
    assert verdict("F7", evidence([model_row("M0001")])) is Verdict.CANNOT_BE_JUDGED


def test_what_an_emulated_device_assumes_is_not_judged_by_it() -> None:
    """The same rows, emulated: a circular claim is left open and says why; the others keep their verdict."""
    flat = evidence([model_row("M0001")], mixed(0.002))
    assert verdict("F4", flat) is Verdict.HOLDS
    emulated = finding("F4", flat, FigureKind.EMULATED)
    assert emulated.verdict == Verdict.CANNOT_BE_JUDGED.value
    assert "circular" in emulated.caveat
    assert verdict("F3", flat, FigureKind.EMULATED) is Verdict.HOLDS
    assert verdict("F5", engines(1.0, 0.5), FigureKind.EMULATED) is Verdict.CANNOT_BE_JUDGED
    assert finding("F3", flat).caveat == ""


def test_figures_in_doubt_judge_nothing() -> None:
    """Where a network was computed elsewhere than metered, every verdict is withheld and says why."""
    rows = judge(deep_and_wide(deep_j=2.0, wide_j=1.0), NumberBook(), figures=FigureKind.MEASURED, doubt="not here")
    assert {row.verdict for row in rows} == {Verdict.CANNOT_BE_JUDGED.value}
    assert {row.caveat for row in rows} == {"not here"}


def test_without_eager_nothing_is_judged_and_that_is_why() -> None:
    """Nobody is told that a meter or clocks were missing where it was the engine."""
    rows = judge(evidence([model_row("M0001", engine="onnxruntime")]), NumberBook(), figures=FigureKind.MEASURED)
    assert {row.verdict for row in rows} == {Verdict.CANNOT_BE_JUDGED.value}
    assert {row.said for row in rows} == {"Every rule looks at the eager engine, and this study is of others."}


def test_every_claim_says_whose_it_is_and_how_it_is_judged() -> None:
    """A reader who has not read the paper needs no more than the page."""
    for claim in CLAIMS:
        assert claim.source
        assert len(claim.rule.split()) > 10
        assert claim.emulated_caveat


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["M0001"], "M0001"),
        (["M0001", "M0002", "M0003", "M0007"], "M0001 to M0003, M0007"),
        (["L00009", "L00002"], "L00009, L00002"),
    ],
)
def test_rows_are_named_in_ranges(names: list[str], text: str) -> None:
    """Exactly the rows, none between that were not used."""
    assert in_ranges(names) == text
