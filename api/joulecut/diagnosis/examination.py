"""Runs checks so that none can hang or break a diagnosis: each has a time limit, and its crash is a finding."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from joulecut.diagnosis.finding import Area, Finding, Status
from joulecut_core.extras import how_to_install

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something to look at. `timeout_s`: wall seconds after which it counts as stuck and is left behind."""

    area: Area
    name: str
    examine: Callable[[], Iterable[Finding]]
    timeout_s: float = 5.0


def examine(checks: Sequence[Check]) -> tuple[Finding, ...]:
    """The findings of every check, in order. Never raises what a check raises."""
    return tuple(finding for check in checks for finding in _Run(check).wait())


class _Run:
    """One check on a thread of its own, so that a driver call that never returns holds up nobody."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._findings: list[Finding] = []
        self._ended = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name=f"check {check.name}", daemon=True).start()

    def wait(self) -> tuple[Finding, ...]:
        """What was found; where the check does not end in time, what was found until then and that it is stuck."""
        ended = self._ended.wait(self._check.timeout_s)
        with self._lock:
            found = tuple(self._findings)
        return found if ended else (*found, self._stuck())

    def _run(self) -> None:
        try:
            for finding in self._check.examine():
                with self._lock:
                    self._findings.append(finding)
        except Exception as error:  # noqa: BLE001 - a diagnosis goes on whatever a check runs into
            _LOG.debug("check %s broke", self._check.name, exc_info=error)
            with self._lock:
                self._findings.append(self._lacking(error) or self._broken(error))
        finally:
            self._ended.set()

    def _lacking(self, error: Exception) -> Finding | None:
        """That a library of an extra is not installed, which is no fault of a host that only plans."""
        if not isinstance(error, ModuleNotFoundError):
            return None
        remedy = how_to_install(error.name)
        if remedy is None:
            return None
        return Finding(
            area=self._check.area,
            name=self._check.name,
            status=Status.NOTE,
            what=f"not looked at: {error.name} is not installed",
            remedy=remedy,
            facts={"error": type(error).__name__},
        )

    def _broken(self, error: Exception) -> Finding:
        reason = " ".join(str(error).split()) or "no message"
        return Finding(
            area=self._check.area,
            name=self._check.name,
            status=Status.PROBLEM,
            what=f"the check broke: {type(error).__name__}: {reason}",
            remedy="run `joulecut doctor --verbose` and report what it logs",
            facts={"error": type(error).__name__},
        )

    def _stuck(self) -> Finding:
        return Finding(
            area=self._check.area,
            name=self._check.name,
            status=Status.PROBLEM,
            what=f"no answer within {self._check.timeout_s:g} s",
            remedy="a driver or service hangs: look into its log (`dmesg`, `journalctl`), restart it, then look again",
            facts={"timeout_s": self._check.timeout_s},
        )
