"""What this process may do to the kernel: who it runs as, and with which capability."""

from __future__ import annotations

import grp
import os
import pwd
import re
from dataclasses import dataclass
from pathlib import Path

_CAP_SYS_ADMIN_BIT = 21
"""linux/capability.h."""
_EFFECTIVE = re.compile(r"^CapEff:\s*([0-9a-fA-F]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Privilege:
    """Who a process is to the kernel. `sys_admin`: has CAP_SYS_ADMIN, which drivers ask for in containers."""

    user: str
    uid: int
    groups: tuple[str, ...]
    sys_admin: bool

    @property
    def root(self) -> bool:
        """Whether it may write what only root may."""
        return self.uid == 0


def own_privilege(status: Path = Path("/proc/self/status")) -> Privilege:
    """Of this process; the capability is taken for granted to root where the kernel does not say."""
    uid = os.geteuid()
    try:
        match = _EFFECTIVE.search(status.read_text(encoding="ascii", errors="replace"))
    except OSError:
        match = None
    sys_admin = bool(int(match[1], 16) >> _CAP_SYS_ADMIN_BIT & 1) if match else uid == 0
    return Privilege(user=_user(uid), uid=uid, groups=_groups(), sys_admin=sys_admin)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _groups() -> tuple[str, ...]:
    names = []
    for gid in sorted({os.getegid(), *os.getgroups()}):
        try:
            names.append(grp.getgrgid(gid).gr_name)
        except KeyError:
            names.append(str(gid))
    return tuple(names)
