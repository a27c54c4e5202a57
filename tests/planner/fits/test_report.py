"""The fit's own account: JSON, coefficients that rebuild the curve, and every clock that was left out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_planner.fits import fit_document, fit_series
from tests.planner.fits.boards import board, latency_s


def test_document() -> None:
    """What a reader needs: series, scope, forms by probability, residuals of each point, extrapolated points."""
    fit = fit_series(board())
    at = [OperatingPoint(core_mhz=500.0), OperatingPoint(core_mhz=2000.0)]
    document = json.loads(json.dumps(fit_document(fit, fit.predict(at)), allow_nan=False))
    assert (document["schema"], document["series"], document["power_scope"]) == ("joulecut.fit/1", "made-up", "module")
    probabilities = [form["probability"] for form in document["latency"]["forms"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert document["latency"]["form"] == document["latency"]["forms"][0]["form"]
    assert len(document["power"]["residuals"]) == 8
    assert document["power"]["worst_error"] < 0.01
    assert document["extrapolated"] == [{"core_mhz": 2000.0, "memory_mhz": None}]


def test_coefficients_rebuild_the_curve() -> None:
    """The likeliest form with its printed coefficients is within a per cent of the average it stands for."""
    named = json.loads(json.dumps(fit_document(fit_series(board()))))["latency"]["coefficients"]
    x = 600.0 / named["top_core_mhz"]
    p = named["corner_exponent"]
    corner = ((named["a_s"] * x ** -named["b"]) ** p + named["g_s"] ** p) ** (1 / p)
    assert corner + named["c_s"] == pytest.approx(latency_s(600.0), rel=0.01)


def test_left_out_and_why() -> None:
    """A false clock is there with its deviation and reason, and as suspect."""
    rows = board()
    rows[4] = replace(rows[4], latency_s=latency_s(357.0))
    (rejected,) = json.loads(json.dumps(fit_document(fit_series(rows))))["rejected"]
    assert rejected["core_mhz"] == 714.0
    assert rejected["suspect"] is True
    assert rejected["deviation"] == pytest.approx(latency_s(357.0) / latency_s(714.0) - 1, rel=0.05)
    assert "listed clock was not in force" in rejected["reason"]
