"""What is said about this user's privilege."""

from __future__ import annotations

from dataclasses import replace

from joulecut.devices.privilege import Privilege
from joulecut.diagnosis.finding import Finding, Status
from joulecut.diagnosis.privilege import examine_privilege

USER = Privilege(user="ada", uid=1000, groups=("ada", "video"), sys_admin=False)


def told(privilege: Privilege) -> Finding:
    """The one finding."""
    (finding,) = examine_privilege(privilege)
    return finding


def test_a_user_is_sent_to_clockd() -> None:
    """Not being root is the normal case, and no fault."""
    finding = told(USER)
    assert finding.status is Status.OK
    assert "joulecut-clockd" in finding.what
    assert finding.facts == {"user": "ada", "euid": 1000, "groups": ("ada", "video"), "cap_sys_admin": False}


def test_root_in_a_container_is_warned() -> None:
    """Root without CAP_SYS_ADMIN looks privileged and is refused by drivers."""
    root = replace(USER, uid=0, user="root")
    assert told(root).status is Status.NOTE
    assert "CAP_SYS_ADMIN" in told(root).what
    assert told(replace(root, sys_admin=True)).status is Status.OK
