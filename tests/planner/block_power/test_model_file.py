"""A model as a file: read again it predicts the same, and a damaged one is refused by name."""

from __future__ import annotations

import importlib.metadata
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.errors import ProfileError
from joulecut_planner.block_power.model import BlockPowerModel, fit_block_power
from joulecut_planner.block_power.model_file import load_block_power, save_block_power
from joulecut_planner.block_power.regressors import CANDIDATES, Candidate, Regressor
from joulecut_planner.block_power.rows import FeatureSet
from tests.planner.block_power.drawn_blocks import drawn_network, drawn_networks

RATES = CANDIDATES[0]
FOREST = Candidate(regressor=Regressor.FOREST, features=FeatureSet.TIMED)


def fitted(candidate: Candidate = RATES) -> BlockPowerModel:
    """A model of eight networks, some blocks unmetered."""
    return fit_block_power(drawn_networks(8, noise=0.01, shortest_s=2e-4), candidates=(candidate,), folds=3, seed=4)


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The file with something changed in its JSON."""
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("candidate", [RATES, FOREST], ids=str)
def test_a_model_read_again_predicts_the_same(candidate: Candidate, tmp_path: Path) -> None:
    """Choice, reports and training survive, and fitting again gives the same watts to the bit."""
    if candidate is FOREST:
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    model, path = fitted(candidate), tmp_path / "model.json"
    save_block_power(model, path)
    again = load_block_power(path)
    assert (again.training, again.reports, again.chosen, again.seed) == (
        model.training,
        model.reports,
        model.chosen,
        model.seed,
    )
    network = drawn_network(30)
    assert (again.power_w(network) == model.power_w(network)).all()


def test_the_file_is_plain_json_of_measurements(tmp_path: Path) -> None:
    """Nothing in it can be executed: names, numbers and nulls, under a schema."""
    save_block_power(fitted(), tmp_path / "model.json")
    document = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert document["schema"] == "joulecut.block-power/1"
    assert document["chosen"] == {"regressor": "rates", "features": "rates"}
    assert any(None in point["block_w"] for point in document["training"][0]["points"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda document: document.update(schema="joulecut.block-power/9"), "expected 'joulecut.block-power/1'"),
        (lambda document: document["chosen"].update(features="static"), "rates alone"),
        (lambda document: document.update(reports=[]), "expected one of the reports' candidates"),
        (lambda document: document["training"][1]["points"][0]["block_s"].pop(), "expected 6 of each"),
        (lambda document: document["training"][0]["blocks"][0].update(batch=0), "expected a batch of at least 1"),
        (lambda document: document.update(weights="gASVAAAA"), "weights: unknown key"),
        (
            lambda document: document["training"][0]["points"][0].update(wait_w="5"),
            "wait_w: '5'; expected a finite number",
        ),
    ],
)
def test_a_damaged_file_is_refused(change: Callable[[dict[str, Any]], object], message: str, tmp_path: Path) -> None:
    """The complaint names the file and what was expected."""
    path = tmp_path / "model.json"
    save_block_power(fitted(), path)
    with pytest.raises(ProfileError, match="model.json: .*" + message.replace("[", r"\[")):
        load_block_power(edited(path, change))


def test_another_version_of_the_learner_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Trees of another version may differ: whoever compares watts should know."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    path = tmp_path / "model.json"
    save_block_power(fitted(FOREST), path)
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99" if name == "scikit-learn" else real(name))
    with caplog.at_level(logging.WARNING):
        load_block_power(path)
    assert "fitted again with scikit-learn 99" in caplog.text
