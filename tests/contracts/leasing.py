"""Boards lent by this process, as an agent with the privilege lends its own, or by a clock daemon over its socket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from joulecut_runtime.clockd.allow_list import Rule
from joulecut_runtime.clockd.book import Board, LeaseBook
from joulecut_runtime.clockd.cli import serve
from joulecut_runtime.devices.hardware.clockd_authority import ClockdAuthority
from joulecut_runtime.devices.hardware.local_authority import LocalAuthority


def authority_over(find: Callable[[], Iterable[Board]], folder: Path, now_s: Callable[[], float]) -> LocalAuthority:
    """Leases of these boards; what is to be put back is kept in `folder`."""
    return LocalAuthority(LeaseBook(folder, lambda _: find(), now_s))


@contextmanager
def daemon_over(find: Callable[[], Iterable[Board]], folder: Path) -> Iterator[ClockdAuthority]:
    """The same through the daemon's service, in a thread of this process."""
    path = folder / "sock"
    folder.mkdir()
    book = LeaseBook(folder, lambda _: find())
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        rules = [Rule(users=str(os.geteuid()), boards="*", core_mhz="0-inf", memory_mhz="0-inf", longest_ttl_s="60")]
        thread = threading.Thread(target=serve, args=(listener, book, rules))
        thread.start()
        try:
            yield ClockdAuthority(path)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
