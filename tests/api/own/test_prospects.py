"""A trial that cannot keep its level ends before agents are started; one that can is let through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut.demo.scenario import Scenario
from joulecut.own.prospects import nothing_feasible, refuse_hopeless
from joulecut_core.errors import PlanError
from tests.api.own.small_networks import captured_vectors, profiles_of_vectors

_SCENARIO = replace(Scenario(), rate_hz=20.0, slo_s=0.1)


def test_hopeless_levels_are_refused() -> None:
    """A deadline and a rate that no choice keeps, each with what to change; an ordinary level passes."""
    (edge, server), wires = profiles_of_vectors(), captured_vectors().wires()
    refuse_hopeless(_SCENARIO, edge=edge, server=server, wires=wires)
    for hopeless in (replace(_SCENARIO, slo_s=1e-9), replace(_SCENARIO, rate_hz=1e9)):
        with pytest.raises(PlanError, match=r"^no policy answers .* \(--slo-ms\) or a lower rate \(--rate-hz\)$"):
            refuse_hopeless(hopeless, edge=edge, server=server, wires=wires)


def test_what_is_said_without_any_choice() -> None:
    """No nearest plan, no figure of one."""
    said = nothing_feasible(_SCENARIO, None)
    assert said.startswith("no policy answers 20 requests a second, 99% of them within 100 ms: allow")
    assert "within 7.5 ms" in nothing_feasible(_SCENARIO, 0.0075)
