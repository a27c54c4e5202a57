"""A block power model as a file: what it learned from, never what it became.

Trees and support vectors have no form but pickle's, and a pickle runs code when it is read. So the file holds
the training measurements, the seed and the choice, as JSON that a person can read; reading it fits the chosen
regressor again, in a second or so. The same version of scikit-learn gives the same predictions; another one may
differ a little, and the log says so.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.block_measurements import BlockMeasurements
from joulecut_core.decoding import decode, encode, show
from joulecut_core.documents import read_json, write_json
from joulecut_core.errors import FitError, ProfileError
from joulecut_planner.block_power.cross_validation import CrossValidation
from joulecut_planner.block_power.model import BlockPowerModel, refit
from joulecut_planner.block_power.regressors import Candidate, Regressor

BLOCK_POWER_SCHEMA = "joulecut.block-power/1"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    schema: str
    learner: str | None
    """The version of scikit-learn that the reports are of; None where the choice does not need it."""
    seed: int
    chosen: Candidate
    reports: tuple[CrossValidation, ...]
    training: tuple[BlockMeasurements, ...]


def save_block_power(model: BlockPowerModel, path: str | os.PathLike[str]) -> None:
    """Write a model; a reader never sees half of it."""
    document = _Document(
        schema=BLOCK_POWER_SCHEMA,
        learner=_learner(model.chosen),
        seed=model.seed,
        chosen=model.chosen,
        reports=model.reports,
        training=model.training,
    )
    write_json(Path(path), encode(document))


def load_block_power(path: str | os.PathLike[str]) -> BlockPowerModel:
    """The model in a file, fitted again.

    Raises ProfileError naming the file and the field where it is damaged or of another schema, FitError where the
    choice needs scikit-learn and there is none.
    """
    file = Path(path)
    document = read_json(file, ProfileError)
    try:
        read = decode(_Document, document, error=ProfileError)
    except (ProfileError, FitError, ValueError) as cause:
        raise ProfileError(f"{file}: {cause}") from cause
    if read.schema != BLOCK_POWER_SCHEMA:
        raise ProfileError(f"{file}: schema: {show(read.schema)}; expected {BLOCK_POWER_SCHEMA!r}: fit the model again")
    if read.chosen not in {report.candidate for report in read.reports}:
        raise ProfileError(f"{file}: chosen: {read.chosen}; expected one of the reports' candidates: fit it again")
    found = _learner(read.chosen)
    if found != read.learner:
        _LOG.warning("%s was fitted with %s and is fitted again with %s: watts may differ", file, read.learner, found)
    return refit(read.training, read.reports, read.chosen, seed=read.seed)


def _learner(chosen: Candidate) -> str | None:
    if chosen.regressor is Regressor.RATES:
        return None
    try:
        return f"scikit-learn {importlib.metadata.version('scikit-learn')}"
    except importlib.metadata.PackageNotFoundError:
        return None
