"""What this process may do, as a finding."""

from __future__ import annotations

from collections.abc import Iterator

from joulecut.devices.privilege import Privilege
from joulecut.diagnosis.finding import Area, Fact, Finding, Status


def examine_privilege(privilege: Privilege) -> Iterator[Finding]:
    """Who this is. What it may do to each device's clocks is said with the device."""
    facts: dict[str, Fact] = {
        "user": privilege.user,
        "euid": privilege.uid,
        "groups": privilege.groups,
        "cap_sys_admin": privilege.sys_admin,
    }
    if privilege.root and not privilege.sys_admin:
        what = "root without CAP_SYS_ADMIN, as in a container: drivers may refuse to set clocks"
        remedy = "run joulecut-clockd on the host and mount its socket, or add the capability to the container"
        yield _finding(Status.NOTE, what, remedy, facts)
    elif privilege.root:
        what = "root: clocks can be set directly; agents need no such privilege beside joulecut-clockd"
        yield _finding(Status.OK, what, None, facts)
    else:
        what = f"{privilege.user} (uid {privilege.uid}), unprivileged: clocks are set through joulecut-clockd"
        yield _finding(Status.OK, what, None, facts)


def _finding(status: Status, what: str, remedy: str | None, facts: dict[str, Fact]) -> Finding:
    return Finding(area=Area.PRIVILEGE, name="user", status=status, what=what, remedy=remedy, facts=facts)
