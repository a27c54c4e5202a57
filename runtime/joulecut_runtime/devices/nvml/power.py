"""Where a GPU's watts come from, and what they contain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from joulecut_runtime.devices.nvml.gpu import Gpu

BOARD, MODULE = "GPU board", "GPU module"
_SCOPE_BOARD, _SCOPE_MODULE = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSource:
    """One way to read watts. `remark`: what a reader has to know about them; empty where they are plain."""

    scope: str
    read_w: Callable[[], float | None]
    remark: str = ""


def find_power(gpu: Gpu) -> PowerSource | None:
    """The best source that answers: instantaneous before averaged, the board before the module; None without any."""
    sources = (
        PowerSource(scope=BOARD, read_w=lambda: gpu.instant_power_w(_SCOPE_BOARD)),
        PowerSource(
            scope=BOARD,
            read_w=gpu.power_usage_w,
            remark=(
                "power is nvmlDeviceGetPowerUsage: averaged over 1 s on Ampere and later (except A100, A30), "
                "instantaneous before"
            ),
        ),
        PowerSource(
            scope=MODULE,
            read_w=lambda: gpu.instant_power_w(_SCOPE_MODULE),
            remark="power is of the whole module, which holds more than the GPU",
        ),
    )
    return next((source for source in sources if source.read_w() is not None), None)
