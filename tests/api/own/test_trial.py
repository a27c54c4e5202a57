"""A trial before anything runs: how much it sends, and what it tries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joulecut.demo.scenario import Scenario
from joulecut.own.trial import TRIED, captured, fitting_count
from joulecut_core.errors import ConfigError
from tests.api.own.small_networks import captured_vectors


@pytest.mark.parametrize(("slowdown", "count"), [(1.0, 20), (500.0, 6), (25.0, 8)])
def test_how_many_requests_fit(slowdown: float, count: int) -> None:
    """About a minute of them, but no fewer than the meters need and no more than say something new."""
    scenario = replace(Scenario(), rate_hz=20.0, policies=TRIED)
    assert fitting_count(scenario, slowdown) == count


def test_a_bundle_or_a_factory(tmp_path: Path) -> None:
    """A folder is the network that was saved in it; what belongs to a factory is refused there."""
    network = captured_vectors()
    folder = network.save(tmp_path / "bundle")
    assert captured(str(folder), ()).digest == network.digest
    with pytest.raises(ConfigError, match="expected no --input"):
        captured(str(folder), ("1x8",))
    made = captured("tests.api.own.small_networks:vectors", ("1x8",))
    assert (made.name, made.digest.startswith("sha256:")) == ("vectors", True)
