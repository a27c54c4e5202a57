"""A pool's folder has one keeper."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from joulecut_core.errors import ConfigError, JoulecutError
from joulecut_core.exits import ExitCode, exit_code
from joulecut_server.pool.holding import LOCK_FILE, end_keeper, held, keeper_of


def test_a_second_keeper_is_refused(tmp_path: Path) -> None:
    """Two would start and end each other's servers; the first one is named."""
    folder = tmp_path / "pool"
    assert keeper_of(folder) is None
    with held(folder):
        assert keeper_of(folder) == os.getpid()
        with pytest.raises(ConfigError, match=f"kept by process {os.getpid()} already"), held(folder):
            pass
        assert keeper_of(folder) == os.getpid()
    assert keeper_of(folder) is None
    with held(folder):
        assert keeper_of(folder) == os.getpid()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Said at the start, with the remedy."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(ConfigError, match=r"pool\.folder: .*give one that this user may write to"),
        held(tmp_path / "file" / "pool"),
    ):
        pass


def test_who_asks_for_the_keeper_is_taken_for_none(tmp_path: Path) -> None:
    """Two that ask at once find nobody, not the keeper of a life before; one that starts waits for their moment."""
    (tmp_path / LOCK_FILE).write_text("1", encoding="ascii")
    with (tmp_path / LOCK_FILE).open("rb") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert keeper_of(tmp_path) is None
        ending = threading.Timer(0.05, fcntl.flock, (asking, fcntl.LOCK_UN))
        ending.start()
        with held(tmp_path):
            assert keeper_of(tmp_path) == os.getpid()
        ending.join()


class _FullFile(io.FileIO):
    def write(self, data: object) -> NoReturn:
        del data
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the pool's folder, and as no wrong input: a supervisor starts the keeper again until there is room."""
    monkeypatch.setattr(Path, "open", lambda path, *_, **__: _FullFile(path, "a"))
    complaint = r"pool\.folder: .*: No space left on device; make room there"
    with pytest.raises(JoulecutError, match=complaint) as caught, held(tmp_path):
        pass
    assert exit_code(caught.value) is ExitCode.FAILED


_KEEPS = """
import sys
from pathlib import Path
from joulecut_server.pool.holding import held
with held(Path(sys.argv[1])):
    print("kept", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """One that waits for the end of its input, once it has said something."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process


def test_a_keeper_is_asked_to_end(tmp_path: Path) -> None:
    """By a signal, as its terminal would."""
    with another_process(_KEEPS, str(tmp_path)) as keeper:
        assert keeper_of(tmp_path) == keeper.pid
        end_keeper(tmp_path, keeper.pid)
        assert keeper.wait() == -signal.SIGTERM
    assert keeper_of(tmp_path) is None


def test_a_number_of_another_host_or_container_ends_nobody_here(tmp_path: Path) -> None:
    """On a folder that several share, the keeper's number is that of some other process here."""
    with another_process("import sys; print('ready', flush=True); sys.stdin.read()") as bystander, held(tmp_path):
        (tmp_path / LOCK_FILE).write_text(str(bystander.pid), encoding="ascii")
        with pytest.raises(ConfigError, match=f"kept by process {bystander.pid} of another host or container"):
            end_keeper(tmp_path, bystander.pid)
        bystander.communicate()
        assert bystander.returncode == 0


def test_a_keeper_of_another_user_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system refuses is said in a line, with the remedy."""

    def refuse(*asked: int) -> None:
        del asked
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    with held(tmp_path), pytest.raises(ConfigError, match="is another user's; end it as that user"):
        end_keeper(tmp_path, os.getpid())
