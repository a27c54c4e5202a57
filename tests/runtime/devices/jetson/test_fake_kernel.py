"""A fake kernel beside processes that write its files whenever they like."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.timing import ManualClock
from tests.fakes.jetson import FakeKernel, Regime, build
from tests.fakes.jetson import kernel as kernel_module
from tests.fakes.jetson.boards import ORIN_NANO_36
from tests.fakes.jetson.tree import hz
from tests.fakes.kernel_files import put, shown


def test_the_fake_keeps_what_is_written_while_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes write both files one after the other, whenever they like: the fake undoes none of it."""
    kernel = FakeKernel(build(tmp_path, ORIN_NANO_36), Regime.EINVAL, clock=ManualClock())
    limits, text = [kernel.tree.node / name for name in ("min_freq", "max_freq")], kernel_module._text
    for limit in limits:
        put(limit, str(hz(918)))
    kernel.step()

    def looking(path: Path) -> str:
        seen = text(path)
        if path == limits[0] and seen == str(hz(918)):
            for limit in limits:
                put(limit, str(hz(408)))
        return seen

    monkeypatch.setattr(kernel_module, "_text", looking)
    kernel.step()
    assert [shown(limit) for limit in limits] == [str(hz(408))] * 2
