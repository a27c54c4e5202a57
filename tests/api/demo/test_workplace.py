"""Where the demo keeps its network: packed once, packed again where it is damaged."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from joulecut.demo import workplace
from joulecut.demo.workplace import Workplace

Factory = list[None]


class Tiny(nn.Module):
    """Takes the demo's picture."""

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return picture.float().mean(dim=(2, 3))


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> Factory:
    """A network that is packed in no time; grows by one each time it is built."""
    built: Factory = []

    def factory() -> nn.Module:
        built.append(None)
        return Tiny().eval()

    monkeypatch.setattr(workplace, "efficientnet_lite0", factory)
    return built


def test_it_is_packed_once(tmp_path: Path, packed: Factory) -> None:
    """The second start loads what the first one wrote."""
    place = Workplace(folder=tmp_path / "cache", run_folder=tmp_path / "run")
    first = place.network()
    second = Workplace(folder=tmp_path / "cache", run_folder=tmp_path / "other").network()
    assert len(packed) == 1
    assert first.table == second.table
    assert first.table.inputs[0].shape == (1, 3, 224, 224)


def test_a_damaged_bundle_is_packed_again(tmp_path: Path, packed: Factory, caplog: pytest.LogCaptureFixture) -> None:
    """A cache that an interrupted run left behind is no reason to fail, and is said."""
    place = Workplace(folder=tmp_path, run_folder=tmp_path)
    digest = place.network().table.digest
    manifest = place.bundle / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"digest": "sha256:00"}))
    with caplog.at_level(logging.WARNING, "joulecut"):
        assert place.network().table.digest == digest
    assert len(packed) == 2
    assert "packing again" in caplog.text
    assert place.network().table.digest == digest
    assert len(packed) == 2
