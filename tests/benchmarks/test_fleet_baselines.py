"""The comparison of fleet baselines runs from a clone, and its tables follow from its plans."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fleet_baselines import FAMILIES, Compared, document, main

from joulecut_planner.baselines.fleets import FLEET_BASELINES, FleetOutcome


def outcome(power_w: float | None, broken: tuple[str, ...] = ()) -> FleetOutcome:
    """A plan of known watts."""
    return FleetOutcome(
        server_point=None,
        edges=(),
        power_w=power_w,
        uplink_bps=0.0,
        load=0.0,
        broken=broken,
        rejected=(),
        solve_s=0.002,
    )


def test_quick_run_writes_a_row_for_every_baseline(tmp_path: Path) -> None:
    """The command's short form plans two fleets a family, and says what the figures are."""
    main(["--quick", "--out", str(tmp_path)])
    text = (tmp_path / "fleet_baselines.md").read_text(encoding="utf-8")
    assert "estimated. Planned on drawn tables, nothing run." in text
    for name in FLEET_BASELINES:
        assert text.count(f"\n| {name} |") == len(FAMILIES)
    assert text.count("\n| joint | 100.0% | 0.0% | 0.0% | 0.0% | 0.0% | 0.0% | 0.0% |") == len(FAMILIES)


def test_excess_is_of_what_keeps_everything() -> None:
    """Watts that break something count in no mean, and in the shares that break it."""
    kept = dict.fromkeys(FLEET_BASELINES, outcome(110.0))
    broken = dict.fromkeys(FLEET_BASELINES, outcome(50.0, ("rate", "utilisation")))
    compared = [Compared(family=FAMILIES[0], lower_bound_w=100.0, outcomes=each) for each in (kept, broken)]
    text = document([*compared, Compared(family=FAMILIES[1], lower_bound_w=100.0, outcomes=broken)], edges=2)
    assert "| robust | 50.0% | 0.0% | 50.0% | 50.0% | 10.0% | 10.0% | 10.0% | 2 |" in text
    assert "| robust | 0.0% | 0.0% | 100.0% | 100.0% | - | - | - | 2 |" in text
