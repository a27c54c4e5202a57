"""What a fit says of itself, as `joulecut.fit/1`: forms, coefficients with units, residuals, clocks not believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from joulecut_core.clocks import OperatingPoint
from joulecut_planner.fits.band import BAND
from joulecut_planner.fits.curve_fit import CurveFit
from joulecut_planner.fits.series_fit import Prediction, SeriesFit

FIT_SCHEMA = "joulecut.fit/1"

Document: TypeAlias = "Mapping[str, object]"


def fit_document(fit: SeriesFit, predictions: Sequence[Prediction] = ()) -> Document:
    """The fit as JSON values; `predictions` only tell which points are extrapolated.

    Errors are relative, of the accepted measurements against the averaged curve. Coefficients carry their unit in the
    name, exponents have none; clocks in them are relative to `top_core_mhz` and `top_memory_mhz`.
    """
    series = {m.series for m in fit.measured if m.series is not None}
    scopes = {m.power_scope for m in fit.measured if m.power_scope is not None}
    return {
        "schema": FIT_SCHEMA,
        "series": next(iter(series), None),
        "power_scope": next(iter(scopes), None),
        "clock_kinds": sorted({m.clock_kind.value for m in fit.measured}),
        "band": BAND,
        "latency": None if fit.latency is None else _curve(fit.latency),
        "power": None if fit.power is None else _curve(fit.power),
        "rejected": [
            _clock(doubted.point)
            | {
                "quantity": doubted.quantity.value,
                "deviation": doubted.deviation,
                "suspect": doubted.suspect,
                "reason": doubted.doubt.value,
            }
            for doubted in fit.doubted
        ],
        "limits": [
            {
                "memory_mhz": memory_mhz,
                "last_held_mhz": limit.last_held_mhz,
                "first_flat_mhz": limit.first_flat_mhz,
            }
            for memory_mhz, limit in fit.plateaus.items()
        ],
        "extrapolated": [_clock(prediction.point) for prediction in predictions if prediction.extrapolated],
    }


def _curve(fit: CurveFit) -> Document:
    residuals = fit.residuals()
    errors = np.abs(residuals)
    forms = fit.forms()
    return {
        "form": forms[0].form.value,
        "coefficients": forms[0].coefficients,
        "forms": [
            {"form": form.form.value, "probability": form.probability, "coefficients": form.coefficients}
            for form in forms
        ],
        "residuals": [
            _clock(measured.point) | {"value": measured.value, "residual": residual}
            for measured, residual in zip(fit.accepted, residuals.tolist(), strict=True)
        ],
        "rms_error": float(np.sqrt(np.mean(errors**2))),
        "worst_error": float(errors.max()),
    }


def _clock(point: OperatingPoint) -> dict[str, object]:
    return {"core_mhz": point.core_mhz, "memory_mhz": point.memory_mhz}
