"""Who sets a board's clocks for this user, and who holds them now."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path

from joulecut.devices.clock_daemon import Daemon, Standing, holder_in_words, look_up
from joulecut.devices.privilege import Privilege, own_privilege
from joulecut.devices.readings import Holding
from joulecut_runtime.clockd.allow_list import RULES
from joulecut_runtime.clockd.book import SOCKET, STATE
from joulecut_runtime.clockd.client import BoardState, BoardStatus
from joulecut_runtime.clockd.kernel_files import read

_SYSTEM = Path("/")
_GPUS, _EMULATED = "nvml:", "emulated:"
_START = "`systemctl enable --now joulecut-clockd` (see the page on clocks without root)"


_CONFINED = {
    "reason": "it is root without CAP_SYS_ADMIN, as in a container, so the driver may refuse",
    "remedy": "run joulecut-clockd on the host and mount its socket, or add the capability to the container",
}


class Setter(str, Enum):
    """Who sets a board's clocks for this user."""

    THIS_PROCESS = "this process"
    CLOCKD = "clockd"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAccess:
    """Who sets one board's clocks for this user; `reason` says why nobody does, or may fail to, `remedy` what to do.

    `holder`: whoever holds them now, as far as can be known.
    """

    setter: Setter
    reason: str = ""
    remedy: str = ""
    holder: str | None = None


class ClockKeeper:
    """Everything this user can know about who may set clocks below a root folder."""

    def __init__(self, root: Path, socket: Path | None = None, privilege: Privilege | None = None) -> None:
        """`socket`: the daemon's, where it is not below `root`. `privilege`: this process's unless given."""
        self._root = root
        self._socket = socket
        self._privilege = privilege or own_privilege()
        self.socket = socket or root / SOCKET

    def below(self, root: Path) -> ClockKeeper:
        """The same for another root folder."""
        return self if root == self._root else ClockKeeper(root, self._socket, self._privilege)

    @cached_property
    def daemon(self) -> Daemon:
        """The daemon as it was when first asked for."""
        return look_up(self.socket)

    @property
    def rules(self) -> Path:
        """The daemon's allow-list."""
        return self._root / RULES

    @property
    def journals(self) -> Path:
        """Where processes that set clocks keep what they have to put back."""
        return self._root / STATE

    def owed(self) -> list[tuple[str, Path]]:
        """The boards that were set in this boot and have yet to be put back, with their journals."""
        boot = read(self._root / "proc/sys/kernel/random/boot_id")
        return [(path.stem[len(boot) :], path) for path in sorted(self.journals.glob(f"{boot}*.json"))]

    @property
    def privileged(self) -> bool:
        """Whether this process sets clocks itself where no daemon runs: for root, and below a root of one's own.

        Never where it could not keep what it would have to put back.
        """
        return self._entitled and _writable(self.journals)

    def access(self, board: str) -> ClockAccess:
        """Who sets this board for us: the daemon where it runs, else this process where it may."""
        if board.startswith(_EMULATED):
            return ClockAccess(setter=Setter.THIS_PROCESS)
        if self.daemon.standing is Standing.ANSWERING:
            return self._through_daemon(self.daemon.board(board), board)
        if self._entitled and (self._privilege.root or not board.startswith(_GPUS)):
            return self._in_process(board)
        remedy = _START if self.daemon.standing is Standing.ABSENT else f"join the group that owns {self.socket}"
        reason = f"joulecut-clockd does not answer it ({self.daemon.reason})"
        return ClockAccess(setter=Setter.NOBODY, reason=reason, remedy=remedy)

    def holding(self, board: str) -> Holding | None:
        """Who holds this board now, asked anew each time; None for nobody, and where there is nobody to ask."""
        daemon = look_up(self.socket)
        status = daemon.board(board)
        if status is None or status.state is BoardState.FREE:
            return None
        return Holding(point=status.point, holder=holder_in_words(status) or "somebody")

    @property
    def _entitled(self) -> bool:
        return self._socket is None and (self._privilege.root or self._root != _SYSTEM)

    def _in_process(self, board: str) -> ClockAccess:
        if not _writable(self.journals):
            reason = f"this process cannot keep in {self.journals} what it would have to put back"
            return ClockAccess(setter=Setter.NOBODY, reason=reason, remedy=f"let this user write {self.journals}")
        confined = board.startswith(_GPUS) and not self._privilege.sys_admin
        return ClockAccess(setter=Setter.THIS_PROCESS, **(_CONFINED if confined else {}))

    def _through_daemon(self, status: BoardStatus | None, board: str) -> ClockAccess:
        if status is None:
            reason = f"joulecut-clockd lends no {board}"
            remedy = "look into its log for why it does not see the device: `journalctl -u joulecut-clockd`"
            return ClockAccess(setter=Setter.NOBODY, reason=reason, remedy=remedy)
        holder = holder_in_words(status)
        if not status.allowed:
            reason = "joulecut-clockd's rules do not let it"
            remedy = f"allow this user {board} in {self.rules}, then restart joulecut-clockd"
            return ClockAccess(setter=Setter.NOBODY, reason=reason, remedy=remedy, holder=holder)
        return ClockAccess(setter=Setter.CLOCKD, holder=holder)


def _writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself where it is not there yet."""
    there = next(each for each in (folder, *folder.parents) if os.path.exists(each))  # noqa: PTH110 - never raises
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
