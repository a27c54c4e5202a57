"""The lease book: boards lent to one holder each; what they held before is on disk until it is put back."""

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Protocol

from joulecut_core.errors import DeviceError, LeaseError
from joulecut_runtime.clockd import kernel_files

_LOG = logging.getLogger(__name__)
STATE = Path("run/joulecut-clockd/leases")
"""Where all privileged processes keep what they have to put back, below the root folder."""
SOCKET = Path("run/joulecut-clockd/clockd.sock")
"""Where the daemon listens, below the root folder."""
Clocks = tuple[float, float | None]
"""MHz of core and memory; None leaves memory alone."""
Holder = dict[str, str | int]
"""Who holds a lease, as it is logged. Compared by identity: one process may ask twice under one name."""


class UnchangedError(LeaseError):
    """This process may not set the board: refused at the first call, before anything was changed."""


class Board(Protocol):
    """Sets the clocks of one GPU, one devfreq node or a host's CPU. Needs privilege. Not thread-safe."""

    key: str
    """The device's name in leases, allow-lists and logs, equal in every process: "nvml:GPU-5f0c…"."""

    def snapshot(self) -> Mapping[str, str]:
        """What `restore` needs to put back what is there now, as text that a JSON file can keep."""
        ...

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """Ask the device to hold these clocks (memory_mhz None: leave memory alone).

        Raises ClockError where the device does not list them, DeviceError where it refuses or has vanished,
        UnchangedError where nothing was changed and nothing has to be restored.
        """

    def restore(self, snapshot: Mapping[str, str], *, memory: bool = True) -> None:
        """Put back what the snapshot holds, and the driver's defaults for what it lacks; safe to repeat, in any state.

        Not `memory`: no lease has set its clock, so leave it alone. Raises DeviceError where something could not be put
        back, with the rest put back all the same, and ValueError where the snapshot makes no sense.
        """


Find = Callable[[Path], Iterable[Board]]


def audit(event: str, holder: Holder | None, result: str, **what: object) -> None:
    """Log who did what, and how it went."""
    _LOG.info("audit %s", json.dumps({"event": event, **(holder or {}), "result": result, **what}))


def find_boards(root: Path) -> list[Board]:
    """Every board there is."""
    from joulecut_runtime.clockd import nvml_board  # noqa: PLC0415 - its library is not everywhere

    return [*nvml_board.find(), *kernel_files.find(root)]


def locked(path: Path) -> IO[str]:
    """A file that this process alone has locked, until it is closed. Raises LeaseError where another one has."""
    lock = path.open("w")  # and never removed: two could lock two
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel lets go of it for the dead
    except BlockingIOError as error:
        lock.close()
        raise LeaseError(f"{path.stem} is held by another process that sets clocks") from error
    return lock


class Custody:
    """A board and its lease. Not thread-safe.

    Of the processes with one state folder, the one that has locked a board lends it. Its journal says what to put back;
    one that no lease holds is owed, and whoever locks the board next pays that first.
    """

    def __init__(self, board: Board, state: Path, boot: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._board, self._now_s, self._moves, self._lock = board, now_s, 0, ExitStack()
        self._journal = state / f"{boot}{board.key}.json"  # of this boot: locked clocks die with their kernel
        self._holder: Holder | None = None
        self._clocks: Clocks = (0.0, None)
        self._kept: Mapping[str, str] = {}
        self.ttl_s = self._due_s = self._wait_s = self._tell_s = 0.0

    def acquire(self, clocks: Clocks, holder: Holder, ttl_s: float = float("inf")) -> None:
        """Lend the board until it is released, or `ttl_s` pass without a heartbeat; if that fails, nothing changes.

        Raises LeaseError where it is not free, OSError where no snapshot can be kept, else what the board raises.
        """
        self._take()
        try:
            self._keep(self._board.snapshot(), memory=False)
            self._holder, self.ttl_s, self._tell_s, self._moves = holder, ttl_s, 0.0, 0
            self.move(clocks, holder)
        except BaseException as error:
            with suppress(DeviceError):
                self._restore("not granted", touched=not isinstance(error, UnchangedError))
            raise

    def move(self, clocks: Clocks, holder: Holder) -> None:
        """Set clocks, which is a heartbeat too. Raises LeaseError where the lease has ended, else as `acquire`."""
        self.heartbeat(holder)
        if clocks[1] is not None:
            self._keep(self._kept, memory=True)
        self._board.apply(*clocks)
        self._clocks, self._moves = clocks, self._moves + 1
        # Some ten lines at once, then one a second: a policy moves many times a second, and no log is to be filled.
        if (now_s := self._now_s()) >= self._tell_s - 10.0:
            audit("set", holder, "done", board=self._board.key, mhz=clocks, moves=self._moves)
            self._tell_s, self._moves = max(self._tell_s, now_s) + 1.0, 0

    def heartbeat(self, holder: Holder) -> None:
        """Begin the time to live anew. Raises LeaseError where the lease has ended."""
        if self._holder is not holder:
            raise LeaseError(f"the lease of {self._board.key} has ended and its clocks are restored; ask for a new one")
        self._due_s = self._now_s() + self.ttl_s

    def release(self, holder: Holder) -> None:
        """End the lease, if it has not ended. Raises DeviceError where the board could not be put back yet."""
        if self._holder is holder:
            self._restore("released")

    def reset(self, holder: Holder, *, memory: bool = True) -> None:
        """Put back what a lease left behind, else the driver's defaults, of memory if asked to.

        Raises LeaseError where it is not free.
        """
        left = self._take()
        with self._lock:
            if not left:
                self._board.restore({}, memory=memory)
        audit("reset", holder, "done", board=self._board.key)

    def tend(self, gone: Holder | None = None, *, ending: bool = False) -> bool:
        """Restore if that is due: a lease expired or its holder is gone, its process died, it failed before.

        `ending`: any lease ends. False where the board could not be put back: the journal waits for whoever comes next.
        """
        if ending or self._due_s <= self._now_s() or (gone and self._holder is gone):
            with suppress(DeviceError, OSError), self._lock:
                if self._holder:
                    self._restore("ended")
                elif self._journal.exists():
                    self._take()
        return not (self._wait_s and self._journal.exists())

    def state(self) -> dict[str, object]:
        """Who has it: nobody ("free"), a holder ("leased"), a restore ("owed") or another process ("elsewhere")."""
        lent = {**self._holder, "mhz": self._clocks} if self._holder else {}
        state = "leased" if lent else "free" if not self._journal.exists() else "owed" if self._wait_s else "elsewhere"
        return {"board": self._board.key, "state": state, **lent}

    def _take(self) -> bool:
        """Lock the board, put back what was left behind, and say whether anything was. LeaseError where not free."""
        if self._holder:
            raise LeaseError(f"{self._board.key} is held by {self._holder['holder']!r}, process {self._holder['pid']}")
        self._lock.enter_context(locked(self._journal.with_name(f"{self._board.key}.lock")))
        if left := self._journal.exists():
            self._restore("left behind")
            self._take()
        return left

    def _restore(self, why: str, *, touched: bool = True) -> None:
        """End a lease: put back what is owed and let others have the board. DeviceError: not yet, but due again."""
        holder, self._holder = self._holder, None
        try:
            with self._lock:
                if touched and (holder or self._journal.exists()):
                    try:
                        kept = json.loads(self._journal.read_bytes())
                        self._board.restore(dict(kept["snapshot"]), memory=kept["memory"])
                    except (OSError, ValueError, LookupError, TypeError, RecursionError):
                        _LOG.exception("%s is damaged: %s gets its driver's defaults", self._journal, self._board.key)
                        self._board.restore({})
                self._journal.unlink(missing_ok=True)
        except Exception as error:
            self._wait_s = min(60.0, 2.0 * self._wait_s + 1.0)
            self._due_s = self._now_s() + self._wait_s
            audit("restore", holder, f"failed: {error!r}", board=self._board.key, why=why, mhz=self._clocks)
            raise DeviceError(f"{self._board.key} is not restored yet, and not lent until it is: {error}") from error
        self._due_s = self._wait_s = 0.0
        audit("restore", holder, "done", board=self._board.key, why=why, mhz=holder and self._clocks, moves=self._moves)

    def _keep(self, snapshot: Mapping[str, str], *, memory: bool) -> None:
        """Write down what is owed. No fsync: a file outlives its process without one, and after a boot none counts."""
        new, self._kept = self._journal.with_suffix(".new"), snapshot
        new.write_text(json.dumps({"memory": memory, "snapshot": snapshot}), encoding="utf-8")
        new.replace(self._journal)


class LeaseBook:
    """Custody of the boards that `find` finds below `root`. Whoever uses one holds `turn` meanwhile."""

    def __init__(self, root: Path, find: Find = find_boards, now_s: Callable[[], float] = time.monotonic) -> None:
        """Changes nothing yet. Raises OSError where no journal can be kept that is root's alone."""
        self.root, self._find, self._now_s, self.turn = root, find, now_s, threading.RLock()
        self._boot = kernel_files.read(root / "proc/sys/kernel/random/boot_id")
        (root / STATE).mkdir(mode=0o700, parents=True, exist_ok=True)
        if (state := (root / STATE).stat()).st_mode & 0o022 or state.st_uid not in (0, os.geteuid()):
            raise PermissionError(f"{root / STATE}: others can change what is put back; make it root's, mode 700")
        self._boards: dict[str, Custody] = {}
        self.boards()

    def boards(self) -> dict[str, Custody]:
        """All there are by now, in the order they were found."""
        for board in self._find(self.root):
            self._boards.setdefault(board.key, Custody(board, self.root / STATE, self._boot, self._now_s))
        return self._boards

    def board(self, key: str) -> Custody:
        """One of them. Raises DeviceError where there is none of that name."""
        if custody := self._boards.get(key) or self.boards().get(key):
            return custody
        raise DeviceError(f"there is no board {key!r} here; expected one of {', '.join(self._boards) or 'none'}")

    def tend(self, gone: Holder | None = None) -> None:
        """Restore what is due, and whatever somebody held who is gone."""
        with self.turn:
            for custody in self._boards.values():
                custody.tend(gone)

    def close(self) -> None:
        """Restore every board and lend none any more. Raises DeviceError with those that could not be put back."""
        with self.turn:
            owed = [key for key, custody in self._boards.items() if not custody.tend(ending=True)]
            self._boards, self._find = {}, lambda _: ()
        if owed:
            raise DeviceError(f"{', '.join(owed)}: not put back yet; `joulecut device reset` tries again")
