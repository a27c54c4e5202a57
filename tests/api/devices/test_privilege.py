"""Who this process is to the kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from joulecut.devices.privilege import own_privilege


@pytest.mark.parametrize(
    ("mask", "sys_admin"),
    [("000001ffffffffff", True), ("0000000000200000", True), ("00000000a80425fb", False), ("0000000000000000", False)],
)
def test_the_capability_is_read_from_the_kernel(tmp_path: Path, mask: str, sys_admin: bool) -> None:
    """Bit 21 of the effective set; 00000000a80425fb is what a container's root has by default."""
    status = tmp_path / "status"
    status.write_text(f"Name:\tpython\nCapPrm:\t000001ffffffffff\nCapEff:\t{mask}\n")
    privilege = own_privilege(status)
    assert privilege.sys_admin is sys_admin
    assert privilege.uid == os.geteuid()


def test_without_the_kernels_word_root_is_taken_for_capable(tmp_path: Path) -> None:
    """A /proc that is not mounted must not turn into a false alarm."""
    assert own_privilege(tmp_path / "nothing").sys_admin is (os.geteuid() == 0)
