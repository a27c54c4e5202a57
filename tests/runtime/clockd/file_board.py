"""A board whose clocks are a file, so that a process sees what a killed one left; it notes all that is done to it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from joulecut_core.errors import ClockError, DeviceError

CORE_MHZ = (306.0, 612.0, 1020.0)
MEMORY_MHZ = (665.6, 2133.0, 3199.0)
STOCK = {"lowest_mhz": "306.0", "highest_mhz": "1020.0", "memory_mhz": "free"}
"""What a fresh board holds."""


class FileBoard:
    """One board in a folder of its own: `clocks.json`, and `done.log` with one line for each call and its process.

    A file `gone` in the folder is a board that has vanished.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = f"file:{folder.name}"

    @classmethod
    def make(cls, folder: Path) -> FileBoard:
        """A fresh board."""
        folder.mkdir(parents=True)
        board = cls(folder)
        board._write(STOCK)
        return board

    def snapshot(self) -> Mapping[str, str]:
        """What is there."""
        clocks = self.held()
        self._note(f"snapshot {clocks['highest_mhz']}")
        return clocks

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """In two writes, as a real driver takes them."""
        if core_mhz not in CORE_MHZ or memory_mhz not in (None, *MEMORY_MHZ):
            raise ClockError(f"{core_mhz}/{memory_mhz} MHz is not listed; expected {CORE_MHZ} and {MEMORY_MHZ}")
        self._note(f"apply {core_mhz:g}")
        clocks = {**self.held(), "lowest_mhz": str(core_mhz)}
        self._write(clocks)
        clocks["highest_mhz"] = str(core_mhz)
        if memory_mhz is not None:
            clocks["memory_mhz"] = str(memory_mhz)
        self._write(clocks)

    def restore(self, snapshot: Mapping[str, str], *, memory: bool = True) -> None:
        """In one write per clock."""
        self._note("restore")
        clocks = self.held()
        for name, value in STOCK.items():
            if memory or name != "memory_mhz":
                clocks[name] = snapshot.get(name, value)
                self._write(clocks)
        self._note("restored")

    def held(self) -> dict[str, str]:
        """What the board holds now."""
        if (self.folder / "gone").exists():
            raise DeviceError(f"{self.key} is gone; expected it in its slot")
        clocks: dict[str, str] = json.loads((self.folder / "clocks.json").read_text(encoding="utf-8"))
        return clocks

    def done(self) -> list[tuple[int, str]]:
        """The process and the call, of all calls so far."""
        log = self.folder / "done.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [(int(pid), call) for pid, call in (line.split(" ", 1) for line in lines)]

    def _note(self, call: str) -> None:
        self.held()
        log = os.open(self.folder / "done.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(log, f"{os.getpid()} {call}\n".encode())
        os.close(log)

    def _write(self, clocks: Mapping[str, str]) -> None:
        new = self.folder / f"clocks.{os.getpid()}"
        new.write_text(json.dumps(clocks), encoding="utf-8")
        new.replace(self.folder / "clocks.json")


def file_boards(root: Path) -> list[FileBoard]:
    """All boards in a folder."""
    return [FileBoard(path.parent) for path in sorted(root.glob("*/clocks.json"))]


def double_leases(done: list[tuple[int, str]]) -> list[str]:
    """What in a board's log cannot be of one lease after the other.

    A snapshot is taken of a board that is as it was; clocks are set by the process that took the last snapshot,
    before anybody restored.
    """
    wrong, holder, touched = [], 0, False
    for line, (pid, call) in enumerate(done):
        if call.startswith("snapshot"):
            if touched or call != f"snapshot {STOCK['highest_mhz']}":
                wrong.append(f"line {line}: {pid} takes a snapshot of a board that {holder} holds")
            holder = pid
        elif call.startswith("apply"):
            if pid != holder:
                wrong.append(f"line {line}: {pid} sets a board that {holder} holds")
            touched = True
        elif call == "restored":
            holder, touched = 0, False
    return wrong
