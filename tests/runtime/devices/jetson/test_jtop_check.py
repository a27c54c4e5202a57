"""jtop as a second opinion: in a child only, with a stand-in for jtop on the child's path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.jetson import JetsonProbe
from joulecut_runtime.devices.jetson.jtop_check import JtopComparison, compare_with_jtop
from tests.fakes.jetson import FakeKernel, build
from tests.fakes.jetson.boards import AGX_ORIN_36, ORIN_NANO_36

JTOP = """
import multiprocessing
multiprocessing.set_start_method("fork", force=True)

class jtop:
    power = {power}
    def __enter__(self):
        return self
    def __exit__(self, *stack):
        pass
    def ok(self):
        return True
"""


def compared(tmp_path: Path, rails: dict[str, float], *, code: str | None = None) -> JtopComparison:
    """Ours on an idle Orin Nano (4.775 W) against a jtop that reads these milliwatts."""
    (tmp_path / "path").mkdir()
    power = {"rail": {label: {"power": power_mw} for label, power_mw in rails.items()}}
    (tmp_path / "path/jtop.py").write_text(code or JTOP.format(power=power), encoding="utf-8")
    kernel = FakeKernel(build(tmp_path / "root", ORIN_NANO_36), clock=ManualClock())
    probe = JetsonProbe(kernel.tree.root, clock=ManualClock(), background=False)
    try:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "path")}
        return compare_with_jtop(probe, readings=2, environment=environment)
    finally:
        probe.close()


def test_both_figures_and_their_difference(tmp_path: Path) -> None:
    """The same rails are compared, and jtop never comes into this process."""
    found = compared(tmp_path, {"VDD_IN": 5000, "VDD_SOC": 900})
    assert found.ours_w == pytest.approx(4.775, abs=0.01)
    assert found.jtop_w == pytest.approx(5.0)
    assert str(found) == "module input: joulecut 4.775 W, jtop 5.000 W: -4.50 %"
    assert "jtop" not in sys.modules


def test_jtop_without_our_rails(tmp_path: Path) -> None:
    """No figure is compared with that of another scope."""
    found = compared(tmp_path, {"VDD_SOC": 900})
    assert (found.jtop_w, found.difference) == (None, None)
    assert str(found) == "module input: no second opinion: jtop does not show these rails"


def test_a_service_that_is_not_there(tmp_path: Path) -> None:
    """Its own words are the reason."""
    found = compared(tmp_path, {}, code="def jtop(): raise RuntimeError('jtop.service is not active')")
    assert found.absent == "RuntimeError: jtop.service is not active"


def test_a_jtop_that_dies(tmp_path: Path) -> None:
    """Silence is an error, not an answer."""
    with pytest.raises(DeviceError, match="the jtop child said ''"):
        compared(tmp_path, {}, code="import os; os._exit(3)")


def test_without_a_meter_there_is_nothing_to_compare(tmp_path: Path) -> None:
    """The refusal comes before any process is started."""
    tree = build(tmp_path, AGX_ORIN_36)
    for _, folder, index in tree.channels():
        (folder / f"in{index}_label").unlink()
    probe = JetsonProbe(tmp_path, clock=ManualClock(), background=False)
    with pytest.raises(DeviceError, match="no power rails to compare"):
        compare_with_jtop(probe)
    probe.close()
