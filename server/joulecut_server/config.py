"""What a server-agent is told at its start."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from joulecut_core.errors import ConfigError
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.metrics_options import MetricsOptions
from joulecut_server.planning_limits import PlanningLimits
from joulecut_server.serving.options import ServingOptions

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
"""Part of a file's name and of an announcement over multicast DNS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Options of `server-agent`: the keys of its TOML file, and its flags with dashes for underscores.

    `bundles`: folders of packed networks. `profiles`: where profiles are kept (empty: the user's
    cache). `shipped_profiles`: further folders that are only read. `slowdown`: emulated devices
    only, how many wall seconds one emulated second lasts. `state`: where the last plan epoch is kept.
    `planning`: what planning requests may ask of this server; `hardware`: how a real device is opened; `serving`: who
    decides what runs next (without it, requests run as they come); `metrics`: where they are read. All are tables of
    the file, without flags.
    """

    device: str
    bundles: tuple[str, ...]
    listen: str = "127.0.0.1:0"
    name: str = "server"
    profiles: str = ""
    shipped_profiles: tuple[str, ...] = ()
    state: str = ""
    slowdown: float = 1.0
    seed: int = 0
    threads: int = 1
    advertise: bool = True
    ready_file: str = ""
    drain_s: float = 5.0
    planning: PlanningLimits = field(default_factory=PlanningLimits)
    hardware: DeviceOptions = field(default_factory=DeviceOptions)
    metrics: MetricsOptions = field(default_factory=MetricsOptions)
    serving: ServingOptions | None = None

    def __post_init__(self) -> None:
        if not self.bundles:
            raise ConfigError("bundles: empty; expected at least one folder made by `joulecut pack`")
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"name: {self.name[:80]!r}; expected 1 to 40 letters, digits, dots, dashes, underscores")
        if self.threads < 1:
            raise ConfigError(f"threads: {self.threads}; expected at least 1")
        if self.slowdown != 1.0 and not self.device.startswith("emulated:"):
            raise ConfigError(f"slowdown: {self.slowdown} with {self.device}; only emulated devices can be slowed down")
