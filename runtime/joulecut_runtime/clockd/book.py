"""The lease book: boards lent to one holder each; what they held before is on disk until it is put back."""

import fcntl
import importlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from joulecut_core.errors import DeviceError, LeaseError
from joulecut_runtime.clockd.boards import MEMORY_UNTOUCHED, Board, Snapshot, UnchangedError

_LOG = logging.getLogger(__name__)
STATE = Path("run/joulecut-clockd/leases")
"""Where all privileged processes keep what they have to put back, below the root folder."""
Clocks = tuple[float, float | None]
"""MHz of core and memory; None leaves memory alone."""
Holder = dict[str, str | int]
"""Who holds a lease, as it is logged. Compared by identity: one process may ask twice under one name."""
Find = Callable[[Path], Iterable[Board]]


def audit(event: str, holder: Holder | None, result: str, **what: object) -> None:
    """Log who did what, and how it went."""
    _LOG.info("audit %s", json.dumps({"event": event, **(holder or {}), "result": result, **what}))


def find_boards(root: Path) -> list[Board]:
    """Every board there is; a kind that cannot be looked for is logged and left out."""
    boards: list[Board] = []
    for kind, where in (("nvml", ()), ("devfreq", (root,)), ("cpufreq", (root,))):
        try:
            boards += importlib.import_module(f"joulecut_runtime.clockd.{kind}_board").find(*where)
        except Exception:  # noqa: BLE001 - one driver's trouble is not the other boards'
            _LOG.exception("no boards of the kind %s", kind)
    return boards


class Custody:
    """A board and its lease. Not thread-safe. Of the processes with one state folder, one at a time lends a board."""

    def __init__(self, board: Board, state: Path, boot: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._board, self._journal, self._boot, self._now_s = board, state / f"{board.key}.json", boot, now_s
        self._lock = ExitStack()
        self._holder: Holder | None = None
        self._clocks: Clocks = (0.0, None)
        self._owed: Snapshot | None = None  # is put back at due_s: when the lease expires, or to try again
        self._just_restored = False
        self.ttl_s = self._due_s = self._wait_s = 0.0

    def acquire(self, clocks: Clocks, holder: Holder, ttl_s: float = float("inf")) -> None:
        """Lend the board until it is released, or `ttl_s` pass without a heartbeat; if that fails, nothing changes.

        Raises LeaseError where it is not free, DeviceError where no snapshot can be kept, else what the board raises.
        """
        self._take()
        try:
            self._keep({**self._board.snapshot(), MEMORY_UNTOUCHED: ""})
            self._holder, self.ttl_s = holder, ttl_s
            self.move(clocks, holder)
        except BaseException as error:
            if isinstance(error, UnchangedError):
                self._owed = None  # who may not set it may not restore it either, and there is nothing to restore
            with suppress(DeviceError):
                self._restore("not granted")
            raise

    def move(self, clocks: Clocks, holder: Holder) -> None:
        """Set clocks, which is a heartbeat too. Raises LeaseError where the lease has ended."""
        self.heartbeat(holder)
        if clocks[1] is not None and self._owed and MEMORY_UNTOUCHED in self._owed:
            self._keep({name: value for name, value in self._owed.items() if name != MEMORY_UNTOUCHED})
        self._board.apply(*clocks)
        self.heartbeat(holder)
        self._clocks = clocks
        audit("set", holder, "done", board=self._board.key, mhz=clocks)

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
        """Put back what a lease left behind, also at the last look; else the driver's defaults, of memory if asked to.

        Raises LeaseError where it is not free.
        """
        self._take()
        try:
            if not self._just_restored:
                self._board.restore({} if memory else {MEMORY_UNTOUCHED: ""})
            self._just_restored = False
        finally:
            self._lock.close()
        audit("reset", holder, "done", board=self._board.key)

    def tend(self) -> float:
        """Restore if that is due: a lease expired, its process died, it failed before. Seconds to the next look."""
        self._just_restored = False
        with suppress(DeviceError, OSError):
            if self._owed is not None and self._due_s <= self._now_s():
                self._restore("expired" if self._holder else "tried again")
            elif self._owed is None and self._read() is not None:
                self._take()
                self._lock.close()
        return 1.0 if self._owed is None else max(0.0, min(1.0, self._due_s - self._now_s()))

    def state(self) -> dict[str, object]:
        """Who has it: nobody ("free"), a holder ("leased"), a restore ("owed") or another process ("elsewhere")."""
        if self._holder:
            return {"board": self._board.key, "state": "leased", **self._holder, "mhz": self._clocks}
        state = "owed" if self._owed is not None else "free" if self._read() is None else "elsewhere"
        return {"board": self._board.key, "state": state}

    def close(self) -> bool:
        """End any lease; False where the board could not be put back: the journal waits for whoever comes next."""
        with suppress(DeviceError):
            if self._owed is not None:
                self._restore("closed")
        self._lock.close()
        return self._owed is None

    def _take(self) -> None:
        """Lock the board with nothing left to put back, or raise LeaseError."""
        if self._holder:
            raise LeaseError(f"{self._board.key} is held by {self._holder['holder']!r}, process {self._holder['pid']}")
        if self._owed is None:
            lock = self._lock.enter_context(self._journal.with_suffix(".lock").open("w"))  # stays: two could lock two
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel lets go of it for the dead
            except BlockingIOError as error:
                self._lock.close()
                raise LeaseError(f"{self._board.key} is held by another process that sets clocks") from error
            self._owed = self._read()
        if self._owed is not None:
            self._restore("left behind")
            self._take()

    def _restore(self, why: str) -> None:
        """End a lease: put back what is owed and let others have the board. DeviceError: not yet, but due again."""
        holder, self._holder = self._holder, None
        try:
            if self._owed is not None:
                self._put_back(self._owed)
            if self._journal.is_dir():
                self._journal.rename(self._journal.with_suffix(f".damaged{time.time_ns()}"))
            self._journal.unlink(missing_ok=True)
        except Exception as error:
            self._wait_s = min(60.0, 2.0 * self._wait_s + 1.0)
            self._due_s = self._now_s() + self._wait_s
            audit("restore", holder, f"failed: {error!r}", board=self._board.key, why=why)
            raise DeviceError(f"{self._board.key} is not restored yet, and not lent until it is: {error}") from error
        self._owed, self._wait_s, self._just_restored = None, 0.0, why != "released"
        self._lock.close()
        audit("restore", holder, "done", board=self._board.key, why=why)

    def _put_back(self, snapshot: Snapshot) -> None:
        try:
            self._board.restore(snapshot)
        except ValueError:
            _LOG.exception("%s: %s cannot be put back; it gets its driver's defaults", self._board.key, snapshot)
            self._board.restore({})

    def _read(self) -> Snapshot | None:
        """What was kept this boot: older limits died with their kernel, today's are not ours. Empty where damaged."""
        try:
            document = json.loads(self._journal.read_bytes())
            kept = {name: value + "" for name, value in dict(document["snapshot"]).items()}
            return kept if document["boot"] == self._boot else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError):
            _LOG.exception("%s is damaged: %s gets its driver's defaults", self._journal, self._board.key)
            return {}

    def _keep(self, snapshot: Snapshot) -> None:
        """Write down what is owed. No fsync: a file outlives its process without one, and after a boot none counts."""
        new = self._journal.with_suffix(".new")
        try:
            new.write_text(json.dumps({"boot": self._boot, "snapshot": snapshot}), encoding="utf-8")
            new.replace(self._journal)
        except OSError as error:
            story = f"what it holds now cannot be kept: {error}; nothing was changed, make room for {self._journal}"
            raise DeviceError(f"{self._board.key}: {story}") from error
        self._owed = snapshot


class LeaseBook:
    """Custody of the boards that `find` finds below `root`. Whoever uses one holds `turn` meanwhile."""

    def __init__(self, root: Path, find: Find = find_boards, now_s: Callable[[], float] = time.monotonic) -> None:
        """Restores what killed processes left. Raises OSError where no journal can be kept that is root's alone."""
        boot = root / "proc/sys/kernel/random/boot_id"
        self._boot = boot.read_text(encoding="ascii") if boot.is_file() else ""
        self.root, self._find, self._now_s = root, find, now_s
        (root / STATE).mkdir(mode=0o700, parents=True, exist_ok=True)
        if (state := (root / STATE).stat()).st_mode & 0o022 or state.st_uid not in (0, os.geteuid()):
            raise PermissionError(f"{root / STATE}: others can change what is put back; make it root's, mode 700")
        self._boards: dict[str, Custody] = {}
        self.turn = threading.RLock()
        self.boards()
        self.tend()

    def boards(self) -> dict[str, Custody]:
        """All there are by now, in the order they were found."""
        for board in self._find(self.root):
            if board.key not in self._boards:
                self._boards[board.key] = Custody(board, self.root / STATE, self._boot, self._now_s)
        return self._boards

    def board(self, key: str) -> Custody:
        """One of them. Raises DeviceError where there is none of that name."""
        if custody := self._boards.get(key) or self.boards().get(key):
            return custody
        raise DeviceError(f"there is no board {key!r} here; expected one of {', '.join(self._boards) or 'none'}")

    def tend(self) -> float:
        """Restore what is due. Seconds to the next look."""
        with self.turn:
            return min((custody.tend() for custody in self._boards.values()), default=1.0)

    def leave(self, holder: Holder) -> None:
        """Release whatever somebody holds."""
        with self.turn:
            for custody in self._boards.values():
                with suppress(DeviceError):  # is logged, and tried again
                    custody.release(holder)

    def close(self) -> bool:
        """Restore every board and lend none any more; False where one could not be put back."""
        with self.turn:
            restored = [custody.close() for custody in self._boards.values()]
            self._boards, self._find = {}, lambda _: ()
            return all(restored)
