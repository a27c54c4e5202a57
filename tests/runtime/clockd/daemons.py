"""A clock daemon in a thread of the test, over file boards and a clock that the test moves."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from joulecut_runtime.clockd.allow_list import Rule, load_rules
from joulecut_runtime.clockd.book import LeaseBook
from joulecut_runtime.clockd.service import serve
from tests.runtime.clockd.file_board import file_boards


def root_only(folder: Path) -> list[Rule]:
    """The rules where there is no file."""
    return load_rules(folder / "none.ini", needed=False)


@contextmanager
def serving(folder: Path, *, now_s: Callable[[], float], rules: list[Rule] | None = None) -> Iterator[LeaseBook]:
    """Serve the file boards of `folder` on its `sock`; at the end the daemon is killed as far as a thread can be."""
    book = LeaseBook(folder, file_boards, now_s)
    (folder / "sock").unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "sock"))
        listener.listen()
        allowed = root_only(folder) if rules is None else rules
        thread = threading.Thread(target=serve, args=(listener, book, allowed))
        thread.start()
        try:
            yield book
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
