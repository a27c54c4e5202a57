"""The regressors that may predict a block's watts, from simple to complex, behind one form.

All but one learn log(P / waiting draw) with scikit-learn, and answer within the ratios they have seen: a tree
or a neighbour cannot do otherwise, and a line that leaves them is wrong more often than right. The
exception, *rates*, is joules per operation, FLOP and byte of each kind, none negative: it is the one form
here that may be trusted on blocks unlike those it learned from.

EALI (Yao et al. 2022, Neurocomputing 507) compares classic regressors on performance counters; a
captured graph and a profile's seconds take the counters' place here.
"""

# ruff: noqa: PLC0415 - scikit-learn is optional, and both it and scipy.optimize are slow to load

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, cast

import numpy as np

from joulecut_core.errors import FitError
from joulecut_planner.block_power.rows import BlockRows, FeatureSet
from joulecut_planner.choices.grids import Array

LEAST_ROWS = 20
"""With fewer metered blocks nothing can be learned that a mean does not know."""

_RIDGE_STRENGTHS = tuple(10.0**exponent for exponent in range(-3, 4))
_NEIGHBOURS = 5
_TREES = 50
_BOOSTS = 200


class Regressor(str, Enum):
    """How watts are learned; simpler ones first."""

    RATES = "rates"
    """Non-negative least squares on rates of work, relative error."""
    RIDGE = "ridge"
    NEIGHBOURS = "k-nearest neighbours"
    SUPPORT_VECTORS = "support vectors"
    FOREST = "random forest"
    BOOSTING = "gradient boosting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A regressor and what it looks at. Raises FitError where the two do not belong together."""

    regressor: Regressor
    features: FeatureSet

    def __post_init__(self) -> None:
        if (self.regressor is Regressor.RATES) != (self.features is FeatureSet.RATES):
            raise FitError(f"{self.regressor.value} on {self.features.value} features; expected rates on rates alone")

    def __str__(self) -> str:
        return (
            self.regressor.value
            if self.regressor is Regressor.RATES
            else f"{self.regressor.value}, {self.features.value}"
        )


CANDIDATES = (
    Candidate(regressor=Regressor.RATES, features=FeatureSet.RATES),
    *(
        Candidate(regressor=regressor, features=features)
        for regressor in Regressor
        if regressor is not Regressor.RATES
        for features in (FeatureSet.STATIC, FeatureSet.TIMED)
    ),
)
"""All of them, simpler ones first."""


class FittedRegressor(Protocol):
    """What fitting gives."""

    def power_w(self, rows: BlockRows) -> Array:
        """Watts of each row, of shape (rows,)."""
        ...


class _Estimator(Protocol):
    def fit(self, values: Array, target: Array) -> object: ...

    def predict(self, values: Array) -> Array: ...


def scikit_learn_is_there() -> bool:
    """Whether the regressors other than *rates* can be fitted here."""
    return importlib.util.find_spec("sklearn") is not None


def fit_regressor(candidate: Candidate, rows: BlockRows, *, seed: int = 0) -> FittedRegressor:
    """The candidate fitted to the metered ones among `rows`, which hold its features.

    The same rows and seed give the same fit. Raises FitError for fewer than 20 metered rows, watts of 0, or
    where scikit-learn is needed and missing.
    """
    metered = rows.metered()
    if len(metered) < LEAST_ROWS:
        raise FitError(f"{len(metered)} metered blocks; expected at least {LEAST_ROWS}: meter more networks or points")
    if min(float(metered.power_w.min()), float(metered.wait_w.min())) <= 0:
        raise FitError("a metered block or a waiting device draws 0 W; expected more: check the meter, measure again")
    if candidate.regressor is Regressor.RATES:
        return _fit_rates(metered)
    target = np.log(metered.power_w / metered.wait_w)
    estimator = _estimator(candidate.regressor, seed)
    estimator.fit(metered.values, target)
    return _RatioRegressor(estimator, float(target.min()), float(target.max()))


@dataclass(frozen=True, slots=True)
class _RatioRegressor:
    estimator: _Estimator
    lowest: float
    highest: float

    def power_w(self, rows: BlockRows) -> Array:
        ratio: Array = np.exp(np.clip(self.estimator.predict(rows.values), self.lowest, self.highest))
        return rows.wait_w * ratio


@dataclass(frozen=True, slots=True)
class _RateRegressor:
    joules: Array
    """Per unit of each column: joules per operation, FLOP and byte of a kind, watts of being busy."""

    def power_w(self, rows: BlockRows) -> Array:
        power_w: Array = rows.wait_w + rows.values @ self.joules
        return power_w


def _fit_rates(rows: BlockRows) -> _RateRegressor:
    from scipy.optimize import nnls

    largest = np.maximum(rows.values.max(axis=0), np.finfo(np.float64).tiny)
    columns = rows.values / largest / rows.power_w[:, None]
    # A metered block may read a little below waiting; no work gives energy back.
    above = np.maximum(rows.power_w - rows.wait_w, 0.0) / rows.power_w
    coefficients = nnls(columns, above, maxiter=30 * columns.shape[1])[0]
    return _RateRegressor(coefficients / largest)


def _estimator(regressor: Regressor, seed: int) -> _Estimator:
    if not scikit_learn_is_there():
        raise FitError(
            f"{regressor.value} needs scikit-learn, which is not installed; install joulecut[learn] or use "
            f"{Regressor.RATES.value!r}"
        )
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import RidgeCV
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    if regressor is Regressor.RIDGE:
        found = make_pipeline(StandardScaler(), RidgeCV(_RIDGE_STRENGTHS))
    elif regressor is Regressor.NEIGHBOURS:
        found = make_pipeline(StandardScaler(), KNeighborsRegressor(_NEIGHBOURS, weights="distance"))
    elif regressor is Regressor.SUPPORT_VECTORS:
        # The tube is a hundredth of a ratio: about the noise of a metered window.
        found = make_pipeline(StandardScaler(), SVR(C=10.0, epsilon=0.01))
    elif regressor is Regressor.FOREST:
        found = RandomForestRegressor(_TREES, min_samples_leaf=2, max_features=0.3, random_state=seed)
    else:
        found = HistGradientBoostingRegressor(
            max_iter=_BOOSTS, learning_rate=0.08, max_leaf_nodes=15, random_state=seed
        )
    return cast("_Estimator", found)
