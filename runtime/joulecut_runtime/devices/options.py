"""What a person can say about a real device beyond its name."""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulecut_core.errors import ConfigError
from joulecut_runtime.devices.hardware.settling import POLL_S

ENGINES = ("eager", "compile", "cuda-graph")
PRECISIONS = ("fp32", "fp16", "bf16")
"""Both written down, since asking `joulecut_runtime.engines` loads torch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """How a real device is opened and computes; emulated ones only look at the engine. Raises ConfigError for nonsense.

    `root`: the folder that stands for this machine's file system (kernel files, the daemon's socket, journals);
    another one than "/" is a dry run. `clockd_socket`: where the daemon that sets clocks listens; empty for its usual
    place. `hold_clocks`: false leaves the clocks to the device's governor and plans cuts only. `settle_s`: how long
    a new clock may take to be in force.
    `busy_w` and `wait_w`: draw while it computes and while it waits, for a device without a meter; both or none.
    `host_w`: draw of the host beside a GPU's board, which the board's meter leaves out. `host_meter`: take
    that from the host's own meter. `engine` and `precision`: how parts compute, in the words of
    `joulecut_runtime.engines`.
    """

    root: str = "/"
    clockd_socket: str = ""
    hold_clocks: bool = True
    settle_s: float = 1.0
    busy_w: float | None = None
    wait_w: float | None = None
    host_w: float | None = None
    host_meter: bool = False
    engine: str = "eager"
    precision: str = "fp32"

    def __post_init__(self) -> None:
        for name, word, known in (("engine", self.engine, ENGINES), ("precision", self.precision, PRECISIONS)):
            if word not in known:
                raise ConfigError(f"{name}: {word[:40]!r}; expected one of {', '.join(known)}")
        if not POLL_S <= self.settle_s <= 60:
            raise ConfigError(f"settle_s: {self.settle_s!r}; expected {POLL_S:g} to 60 seconds")
        if (self.busy_w is None) is not (self.wait_w is None):
            raise ConfigError(
                f"busy_w: {self.busy_w}, wait_w: {self.wait_w}; expected both, for a device without a meter, or neither"
            )
        for name, power_w in (("busy_w", self.busy_w), ("wait_w", self.wait_w), ("host_w", self.host_w)):
            if power_w is not None and not 0 < power_w < math.inf:
                raise ConfigError(f"{name}: {power_w!r}; expected more than 0 watts")
        if self.busy_w is not None and self.wait_w is not None and self.busy_w < self.wait_w:
            raise ConfigError(f"busy_w: {self.busy_w:g} is below wait_w: {self.wait_w:g}; expected at least as much")
        if self.host_meter and self.host_w is not None:
            raise ConfigError(
                f"host_w: {self.host_w:g} beside host_meter: true; expected one of them: the host's draw counts once"
            )
