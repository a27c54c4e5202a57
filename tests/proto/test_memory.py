"""The allocator setting."""

from __future__ import annotations

import platform

import pytest

from joulecut_proto.memory import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt's settings")
def test_glibc_takes_every_setting() -> None:
    """A threshold beyond what this glibc allows would be refused without a word."""
    assert keep_freed_memory()
