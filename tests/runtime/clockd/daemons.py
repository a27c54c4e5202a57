"""A clock daemon in a thread of the test, over file boards and a clock that the test moves."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from joulecut_runtime.clockd.allow_list import Rule, load_rules
from joulecut_runtime.clockd.book import Find, LeaseBook
from joulecut_runtime.clockd.cli import serve
from tests.runtime.clockd.file_board import file_boards


def root_only(folder: Path) -> list[Rule]:
    """The rules where there is no file."""
    return load_rules(folder / "none.ini", needed=False)


@contextmanager
def serving(
    folder: Path, *, now_s: Callable[[], float], rules: list[Rule] | None = None, find: Find = file_boards
) -> Iterator[LeaseBook]:
    """Serve the boards of `folder` on its `sock`; at the end the daemon is killed as far as a thread can be."""
    book = LeaseBook(folder, find, now_s)
    (folder / "sock").unlink(missing_ok=True)
    with listening(str(folder / "sock"), book, root_only(folder) if rules is None else rules):
        yield book


@contextmanager
def listening(address: str, book: LeaseBook, rules: list[Rule]) -> Iterator[None]:
    """Serve a book at an address, a file or, after a zero byte, a name."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener, book, rules))
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
