"""What one check found, in words for a person and in facts for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

Fact: TypeAlias = bool | int | float | str | Sequence["Fact"] | Mapping[str, "Fact"] | None
"""A value that JSON can hold. Units stand in the key, as in the rest of the project."""


class Status(str, Enum):
    """How bad it is, from nothing to say to nothing works."""

    OK = "ok"
    NOTE = "note"
    """A limit or a choice worth knowing; nothing is wrong."""
    WARNING = "warning"
    """joulecut works, but worse than it could here."""
    PROBLEM = "problem"
    """Something that joulecut is for does not work here until it is mended."""

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return tuple(Status).index(self)


class Area(str, Enum):
    """What a check is about; the order is that of the report."""

    HOST = "host"
    VERSIONS = "versions"
    PRIVILEGE = "privilege"
    CLOCKD = "clockd"
    DEVICE = "device"
    CLOCKS = "clocks"
    METER = "meter"
    TORCH = "torch"
    NETWORK = "network"
    CONFIG = "config"
    TLS = "tls"
    FOLDERS = "folders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `remedy` says what to do; warnings and problems always have one.

    Raises ValueError where one has none.
    """

    area: Area
    name: str
    status: Status
    what: str
    remedy: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status.rank >= Status.WARNING.rank and not self.remedy:
            raise ValueError(f"{self.area.value}/{self.name} is a {self.status.value} without a remedy; give it one")


def worst(findings: Sequence[Finding]) -> Status:
    """The worst status among `findings`; OK where there are none."""
    return max((finding.status for finding in findings), key=lambda status: status.rank, default=Status.OK)
