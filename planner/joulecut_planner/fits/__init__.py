"""Fits of a measured series: latency and power over both clocks, with a band, and the clocks not believed."""

from joulecut_planner.fits.measurements import ClockKind, Measurement
from joulecut_planner.fits.report import fit_document
from joulecut_planner.fits.series_fit import Prediction, SeriesFit, fit_series

__all__ = ["ClockKind", "Measurement", "Prediction", "SeriesFit", "fit_document", "fit_series"]
