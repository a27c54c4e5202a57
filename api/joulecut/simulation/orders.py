"""What is to be simulated, as asked for on the command line; checked before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from joulecut_core.errors import ConfigError
from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.simulation.made_traces import MadeTrace

_REQUESTS = 10_000
_MOST_UTILISATION = 10.0
"""More is a percentage by mistake."""


class LoadKind(str, Enum):
    """What the numbers of a load mean."""

    AS_RECORDED = "as recorded"
    UTILISATION = "utilisation"
    RATE = "rate"
    SCALE = "scale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads:
    """How quick the trace is replayed: shares of the capacity, requests per second, or times its own rate."""

    kind: LoadKind = LoadKind.AS_RECORDED
    values: tuple[float, ...] = (1.0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyFloor:
    """The least mean accuracy of the answers: as it is, or as a share of full precision's."""

    value: float = 0.995
    is_share: bool = True

    def of(self, table: ServiceTable) -> float:
        """As an accuracy. Raises ConfigError where not even full precision has it."""
        full = table.variants[0]
        if self.is_share:
            return self.value * full.accuracy
        if self.value > full.accuracy:
            raise ConfigError(
                f"--accuracy-floor {self.value:g}; expected at most the accuracy of {full.name}, {full.accuracy:g} "
                f"({full.accuracy_of}), or a share of it such as 99.5%"
            )
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What every policy has to keep."""

    slo_s: float
    accuracy_floor: float
    power_cap_w: float | None
    counts_idle: bool = True
    """Whether what the device draws at rest is energy to save."""
    miss_share: float = 0.0075
    """Of the requests, that joulecut may miss where that saves energy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceOrder:
    """A file, or a made-up trace; `network` picks the requests of one network, "*" those of all."""

    file: Path = Path()
    made: MadeTrace | None = None
    requests: int | None = None
    gap_variation: float = 10.0
    network: str | None = None
    link: Path | None = None
    payload_bytes: float | None = None

    def __post_init__(self) -> None:
        if (self.link is None) != (self.payload_bytes is None):
            raise ConfigError("--link and --payload-bytes belong together; give both, or neither")
        if self.payload_bytes is not None and not 0.0 < self.payload_bytes < math.inf:
            raise ConfigError(f"--payload-bytes {self.payload_bytes:g}; expected more than 0")
        if self.requests is not None and self.requests < 1:
            raise ConfigError(f"--requests {self.requests}; expected at least 1")

    @property
    def source(self) -> str:
        """In a few words."""
        return str(self.file) if self.made is None else f"made up: {self.made.value}"

    @property
    def made_requests(self) -> int:
        """How many requests a made-up trace has."""
        return _REQUESTS if self.requests is None else self.requests


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOrder:
    """Traces, loads, policies, and the rules that all of them keep."""

    trace: TraceOrder
    policies: tuple[str, ...]
    loads: Loads = field(default_factory=Loads)
    slo_s: float | None = None
    """None: three times the seconds of a request alone at the highest clock."""
    accuracy_floor: AccuracyFloor = field(default_factory=AccuracyFloor)
    power_cap_w: float | None = None
    variants: tuple[str, ...] = ()
    """Names of those that may be used; none: all of the table."""
    int8_speed_ups: tuple[float | None, ...] = (None,)
    switch_s: float | None = None
    """Assumed of a change of the clock; None: as the table has it."""
    most_waiting: int = 1024
    most_per_edge: int | None = None
    counts_idle: bool = True
    """Whether what the device draws at rest is energy to save."""
    miss_share: float = 0.0075
    """Of the requests, that joulecut may miss where that saves energy."""
    bounds: bool = False
    """Whether what no policy can beat is wanted too."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("--slo-ms", self.slo_s), ("--power-cap-w", self.power_cap_w)):
            if value is not None and not 0.0 < value < math.inf:
                raise ConfigError(f"{name}: {value:g}; expected a finite number above 0")
        if self.switch_s is not None and not 0.0 <= self.switch_s < math.inf:
            raise ConfigError(f"--switch-ms: {1e3 * self.switch_s:g}; expected a finite number of at least 0")
        for option, places in (("--most-waiting", self.most_waiting), ("--most-per-edge", self.most_per_edge)):
            if places is not None and places < 1:
                raise ConfigError(f"{option} {places}: room for {places} waiting requests; expected at least 1")
        if not 0.0 < self.miss_share < 1.0:
            raise ConfigError(f"--miss-share: {self.miss_share:g}; expected more than 0 and less than 1")
        if not self.policies:
            raise ConfigError("--policy: none named; expected at least one")


def parse_trace(text: str) -> tuple[Path, MadeTrace | None]:
    """A kind of made-up trace by its name, anything else as a file."""
    return Path(text), MadeTrace(text) if text in {kind.value for kind in MadeTrace} else None


def parse_numbers(option: str, text: str) -> tuple[float, ...]:
    """Numbers above 0 with commas between; raises ConfigError naming the option."""
    try:
        values = tuple(float(word) for word in text.split(","))
    except ValueError as cause:
        raise ConfigError(f"{option} {text!r}; expected numbers with commas between, for example 0.2,0.5") from cause
    if not all(0.0 < value < math.inf for value in values):
        raise ConfigError(f"{option} {text}; expected finite numbers above 0")
    return tuple(dict.fromkeys(values))


def parse_floor(text: str) -> AccuracyFloor:
    """An accuracy, or with a percent sign a share of full precision's; raises ConfigError for what is neither."""
    is_share = text.endswith("%")
    try:
        value = float(text.removesuffix("%")) / (100.0 if is_share else 1.0)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise ConfigError(
            f"--accuracy-floor {text}; expected an accuracy of 0 to 1, or a share of full precision's such as 99.5%"
        )
    return AccuracyFloor(value=value, is_share=is_share)


def parse_names(option: str, text: str) -> tuple[str, ...]:
    """Names with commas between, each once; raises ConfigError naming the option where one is empty."""
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    if not all(names):
        raise ConfigError(f"{option} {text!r}; expected names with commas between")
    return names


def parse_loads(utilisation: str | None, rate_hz: str | None, scale: str | None) -> Loads:
    """The one of three options that is given; raises ConfigError for more than one."""
    given = [
        (kind, option, text)
        for kind, option, text in (
            (LoadKind.UTILISATION, "--utilisation", utilisation),
            (LoadKind.RATE, "--rate-hz", rate_hz),
            (LoadKind.SCALE, "--scale", scale),
        )
        if text is not None
    ]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(option for _, option, _ in given)}: expected one of them at most")
    if not given:
        return Loads()
    kind, option, text = given[0]
    values = parse_numbers(option, text)
    if kind is LoadKind.UTILISATION and max(values) > _MOST_UTILISATION:
        raise ConfigError(f"{option} {text}; expected shares such as 0.8, at most {_MOST_UTILISATION:g}")
    return Loads(kind=kind, values=values)
