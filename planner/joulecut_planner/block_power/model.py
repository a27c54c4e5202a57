"""The model of one device's block power: candidates cross-validated, the best refitted to everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joulecut_core.block_measurements import BlockMeasurements
from joulecut_core.errors import FitError
from joulecut_planner.block_power.cross_validation import FOLDS, CrossValidation, cross_validate
from joulecut_planner.block_power.prices import BlockPrices, block_prices
from joulecut_planner.block_power.regressors import (
    CANDIDATES,
    Candidate,
    FittedRegressor,
    Regressor,
    fit_regressor,
    scikit_learn_is_there,
)
from joulecut_planner.block_power.rows import block_rows, check_same_device
from joulecut_planner.choices.grids import Array

_CLEARLY_BETTER = 0.9
"""A more complex candidate replaces a simpler one where it leaves less than this share of its error."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockPowerModel:
    """A fitted predictor of block watts on one device. Equal by identity.

    `reports`: every candidate's cross-validation, `chosen` among them. `training` and `seed` are all that it takes to
    fit it again.
    """

    training: tuple[BlockMeasurements, ...]
    reports: tuple[CrossValidation, ...]
    chosen: Candidate
    seed: int
    fitted: FittedRegressor

    @property
    def report(self) -> CrossValidation:
        """What the chosen candidate is worth on networks it has not seen."""
        return next(report for report in self.reports if report.candidate == self.chosen)

    def power_w(self, measured: BlockMeasurements) -> Array:
        """Predicted watts of every block, metered or not, of shape (points, blocks).

        Raises FitError for another device, driver, power scope, engine or precision than the model's.
        """
        check_same_device((self.training[0], measured))
        rows = block_rows((measured,), self.chosen.features)
        return self.fitted.power_w(rows).reshape(len(measured.points), len(measured.blocks))

    def prices(self, measured: BlockMeasurements) -> BlockPrices:
        """What each block costs: metered blocks as metered, the rest predicted, all adding up to the whole.

        Raises FitError as `power_w` does, and where the sum cannot be closed.
        """
        report = self.report
        return block_prices(
            measured,
            self.power_w(measured),
            block_error=report.error,
            stated_error=report.whole.p95,
        )


def fit_block_power(
    measured: Sequence[BlockMeasurements],
    *,
    candidates: Sequence[Candidate] | None = None,
    folds: int = FOLDS,
    seed: int = 0,
) -> BlockPowerModel:
    """The best of some candidates by its error on networks left out, fitted to all measurements.

    `candidates`: simpler ones first; by default all that can be fitted here (without scikit-learn *rates* alone).
    Raises FitError where the measurements are too few, of fewer than two networks, or of several devices.
    """
    offered = tuple(candidates if candidates is not None else _available())
    if not offered:
        raise FitError("no candidates; expected at least one regressor")
    reports = tuple(cross_validate(candidate, measured, folds=folds, seed=seed) for candidate in offered)
    return refit(tuple(measured), reports, _best(reports), seed=seed)


def refit(
    training: tuple[BlockMeasurements, ...], reports: tuple[CrossValidation, ...], chosen: Candidate, *, seed: int
) -> BlockPowerModel:
    """A model whose choice is known, fitted to its training measurements."""
    fitted = fit_regressor(chosen, block_rows(training, chosen.features), seed=seed)
    return BlockPowerModel(training=training, reports=reports, chosen=chosen, seed=seed, fitted=fitted)


def _available() -> tuple[Candidate, ...]:
    if scikit_learn_is_there():
        return CANDIDATES
    return tuple(candidate for candidate in CANDIDATES if candidate.regressor is Regressor.RATES)


def _best(reports: Sequence[CrossValidation]) -> Candidate:
    best = reports[0]
    for report in reports[1:]:
        if report.error < _CLEARLY_BETTER * best.error:
            best = report
    return best.candidate
