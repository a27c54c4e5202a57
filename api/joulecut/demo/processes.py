"""Starts the agents as the programs a user would start, and stops them the way a service manager does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from joulecut_core.errors import ConfigError, LinkError

_POLL_S = 0.05
_LOG_LINES = 5
_ERROR = "error: "
"""How the last line of an agent begins that says itself why it stopped."""


class AgentProcess:
    """A running agent. Leaving the context sends SIGTERM and waits; one that will not go is killed.

    It ends with this process, even where that is killed.
    """

    def __init__(self, program: str, arguments: Sequence[str], *, folder: Path, name: str) -> None:
        self.name = name
        self._ready = folder / f"{name}.ready.json"
        self._ready.unlink(missing_ok=True)
        self._log = folder / f"{name}.log"
        executable = Path(sys.executable).with_name(program)
        if not executable.exists():
            raise ConfigError(
                f"{program} is not installed beside {sys.executable}; run `pip install 'joulecut[agents]'`"
            )
        # One thread each: edge and server share the host's cores, and OpenMP's spinning barrier stalls there.
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the project's own program
                [str(executable), *arguments, "--until-input-ends", "--ready-file", str(self._ready)],
                # Never written to: it ends with this process, however that ends.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_ready(self, timeout_s: float) -> str:
        """The address it serves on; raises LinkError with the end of its log where it stops or stays silent."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            if self._ready.exists():
                return str(json.loads(self._ready.read_text())["address"])
            if self._process.poll() is not None:
                raise LinkError(f"{self.name} stopped with exit status {self._process.returncode}: {self._log_end()}")
            time.sleep(_POLL_S)
        raise LinkError(f"{self.name} was not ready within {timeout_s:.0f} s: {self._log_end()}")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait()
        self._let_go()

    def stop(self, timeout_s: float = 15.0, *, by: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to drain and stop; its exit status. It is killed where it does not within `timeout_s`."""
        if self._process.poll() is None:
            self._process.send_signal(by)
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._let_go()
        return self._process.returncode

    def _let_go(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _log_end(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        if lines and lines[-1].startswith(_ERROR):
            return lines[-1].removeprefix(_ERROR)
        return " | ".join(lines[-_LOG_LINES:]) or "it wrote no log"

    def __enter__(self) -> AgentProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
