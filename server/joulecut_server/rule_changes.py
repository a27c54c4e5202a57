"""Other rules and limits without a restart: the configuration is read again when its file changes, and on SIGHUP.

    file changed ─▶ left alone since? ─▶ read, checked ─▶ all of [access] and [limits] at once ─▶ what has no right ends
    SIGHUP ─────────────────────────────▶      │
                                               └─▶ wrong: those before stay in force, log and metrics say so

A change that is noticed is taken at the next look, when the file is still the same: editors write in several steps.
What could not be used is tried again with each look: a file need not change before it can be read.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from pathlib import Path
from types import FrameType

from joulecut_core.documents import FileState, file_state
from joulecut_core.errors import ConfigError, JoulecutError
from joulecut_server.access.options import AccessOptions
from joulecut_server.config import ServerConfig
from joulecut_server.limits import Limits

_LOG = logging.getLogger(__name__)

_LOOK_S = 2.0
"""Wall seconds between two looks at the file."""
_RESTLESS_LOOKS = 5
"""Looks in a row that each find another file, after which that is told: its rules may be long meant to hold."""
_TAKEN = frozenset({"access", "limits"})
"""Keys of the configuration that need no restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSource:
    """Where a server's configuration came from: its file as it was then, and how all of it is read again."""

    file: Path
    read: Callable[[], ServerConfig]
    seen: FileState | None

    @classmethod
    def of(cls, file: Path, read: Callable[[], ServerConfig]) -> ConfigSource:
        """To be made before the first reading, so that no change is missed while the agent starts."""
        return cls(file=file, read=read, seen=file_state(file))


class RuleChanges:
    """Looks at a server's configuration from time to time. Used from the event loop only, but for the counts."""

    def __init__(
        self,
        source: ConfigSource,
        started: ServerConfig,
        apply: Callable[[AccessOptions | None, Limits], Awaitable[int]],
    ) -> None:
        """`started`: with what the server runs. `apply`: carries rules out; gives how many sessions and streams end."""
        self._source = source
        self._started = started
        self._apply = apply
        self._in_force = (started.access, started.limits)
        self._read_as = source.seen
        self._noticed = self._read_as
        self._restless_looks = 0
        self._told_of: tuple[str, ...] = ()
        self._refusal: tuple[FileState | None, str] | None = None
        self._wanted = asyncio.Event()
        self._asked = False
        self.taken = 0
        """Changes put in force since the start."""
        self.refused = 0
        """Files, and reasons, for which rules could not be used."""
        self.ended = 0
        """Sessions and streams that other rules left no right to."""
        self.is_stale = False
        """Whether the file holds something that could not be used."""

    async def keep(self) -> None:
        """Look until cancelled; on SIGHUP at once."""
        loop = asyncio.get_running_loop()
        before = signal.getsignal(signal.SIGHUP)
        loop.add_signal_handler(signal.SIGHUP, self._hear)
        try:
            while True:
                timer = loop.call_later(_LOOK_S, self._wanted.set)
                await self._wanted.wait()
                timer.cancel()
                asked, self._asked = self._asked, False
                self._wanted.clear()
                await (self.read() if asked else self.look())
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, before or signal.SIG_DFL)

    def _hear(self) -> None:
        self._asked = True
        self._wanted.set()

    async def look(self) -> None:
        """Read the file where it has changed, or could not be used, and been left alone since the last look."""
        seen = file_state(self._source.file)
        rests = seen == self._noticed
        self._noticed = seen
        self._restless_looks = 0 if rests else self._restless_looks + 1
        if rests and (seen != self._read_as or self.is_stale):
            await self._read()
        elif self._restless_looks == _RESTLESS_LOOKS:
            reason = (
                f"{self._source.file}: has changed at each of the last {_RESTLESS_LOOKS} looks, {_LOOK_S:g} s apart, "
                "and is read once it is left alone; write it only where it differs, or send SIGHUP to have it read now"
            )
            if self._refuses(reason):
                _LOG.error("new rules are not used, those before stay in force: %s", reason)

    async def read(self) -> None:
        """Read the file and carry it out; where that is not possible all stays as it is, which the log says."""
        self._refusal = None
        await self._read()

    async def _read(self) -> None:
        # Before the file: one that changes meanwhile is then read once more, not missed.
        self._noticed = self._read_as = file_state(self._source.file)
        try:
            # A pipe that was read once is empty, which would be a file without any rules; another one may never end.
            if not _may_be_read_again(self._source.file):
                raise ConfigError(
                    f"{self._source.file}: no regular file; rules are read again from one, or at a restart"
                )
            config = await asyncio.to_thread(self._source.read)
            if config.access is not None and self._started.tls is None:
                raise ConfigError("access: rules are by the names in certificates, and [tls] takes a restart")
            if config.access is None and self._in_force[0] is not None:
                # Half of a file is often a whole one that lets everybody in.
                raise ConfigError(
                    'access: this table is gone; to let everybody in, name everybody (names = ["*"]), or restart'
                )
        except JoulecutError as error:
            if self._refuses(str(error)):
                _LOG.error("new rules are not used, those before stay in force: %s", error)
            return
        self._tell_of_others(config)
        if self._in_force == (config.access, config.limits):
            self.is_stale, self._refusal = False, None
            _LOG.info("%s: rules and limits are as before", self._source.file)
            return
        try:
            ended = await self._apply(config.access, config.limits)
        except Exception as error:  # noqa: BLE001 - a defect with these rules must not be the end of all later ones
            if self._refuses(repr(error)):
                _LOG.error("new rules could not be put in force as a whole; that is tried again", exc_info=error)
            return
        self.is_stale, self._refusal = False, None
        self._in_force = config.access, config.limits
        self.taken += 1
        self.ended += ended
        _LOG.info("%s: rules and limits have changed; %d sessions and streams end by them", self._source.file, ended)

    def _refuses(self, reason: str) -> bool:
        """Note that what the file holds is not used; whether that is news."""
        self.is_stale = True
        refusal, before = (self._read_as, reason), self._refusal
        self._refusal = refusal
        self.refused += refusal != before
        return refusal != before

    def _tell_of_others(self, config: ServerConfig) -> None:
        """Log which changes take a restart, once for each set of them."""
        others = tuple(
            each.name
            for each in fields(ServerConfig)
            if each.name not in _TAKEN and getattr(config, each.name) != getattr(self._started, each.name)
        )
        if others and others != self._told_of:
            _LOG.warning("%s: a restart is what these changes take: %s", self._source.file, ", ".join(others))
        self._told_of = others


def bear_hangups() -> None:
    """Let SIGHUP do nothing where no `RuleChanges` waits for it: while the agent starts, and while it drains.

    Nothing is missed: a file that changes while the agent starts is noticed by the first looks. Main thread only.
    """
    signal.signal(signal.SIGHUP, _heard)


def _heard(number: int, frame: FrameType | None) -> None:
    """Not SIG_IGN, which programs that this one starts would inherit."""
    del number, frame


def _may_be_read_again(path: Path) -> bool:
    """Whether it is a regular file, or one that reading says something better of: it is missing, or out of reach."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
