"""Runs a page: its marked blocks in order, each shell block in a shell of its own, all Python in one namespace."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.pages.blocks import Block, Fate
from tests.docs.pages.stay import Stay
from tests.thoroughness import THOROUGH

_PATIENCE_S = 600.0
_POLL_S = 0.02
_FIGURE = re.compile(r"[-+~]?\d[\d.,]*(?:e[-+]?\d+)?")
_FRAME = re.compile(r"[\s─━═╭╮╰╯│┃┌┐└┘├┤┬┴┼┏┓┗┛┡┩╇█▏▎▍▌▋▊▉]+")


def shape(line: str) -> str:
    """A line of output without its figures, frames and spacing: what is the same in every run."""
    return _FRAME.sub(" ", _FIGURE.sub("#", line)).strip()


@dataclass(slots=True)
class Visit:
    """One run of a page in a stay; leaving it ends what runs beside, the latest first."""

    stay: Stay
    environment: dict[str, str]
    namespace: dict[str, object] = field(default_factory=lambda: {"__name__": "__main__"})
    _printed: Callable[[], str] | None = None
    _is_exact: bool = False
    _ends: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def take(self, block: Block) -> None:
        """Do what a block's mark says; a text block behind one that ran is what that one prints."""
        body = self.stay.here(block.body)
        is_run = block.fate is Fate.RUN or (block.fate is Fate.THOROUGHLY and THOROUGH)
        if block.fate is Fate.FILE:
            # Each host's certificates in a folder of their own, since here one machine plays both.
            file = self.stay.folder / block.detail
            file.write_text(body.replace("/joulecut/tls/", f"/joulecut/tls/{file.stem}/"), encoding="utf-8")
        elif block.fate is Fate.BESIDE:
            self._begin(block, body)
        elif is_run and block.language == "sh":
            self._run(block, body)
        elif is_run and block.language == "python":
            self._execute(block, body)
        elif block.shows_output and self._printed is not None:
            self._compare(block, self._printed)
            self._printed = None
        else:
            self._printed = None

    def _run(self, block: Block, body: str) -> None:
        with subprocess.Popen(
            ["/bin/sh", "-euc", body],
            cwd=self.stay.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=self.environment,
        ) as process:
            try:
                printed, _ = process.communicate(timeout=_PATIENCE_S)
            finally:
                with contextlib.suppress(ProcessLookupError):  # what a failed block has left running
                    os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode == 0, f"{block.place}: status {process.returncode}\n{printed}"
        self._printed, self._is_exact = (lambda: printed), False

    def _execute(self, block: Block, body: str) -> None:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(body, block.place, "exec"), self.namespace)  # noqa: S102 - our own pages
        self._printed, self._is_exact = printed.getvalue, True

    def _begin(self, block: Block, body: str) -> None:
        """Start it; an agent counts as started once it serves, anything else once it has printed something."""
        number = block.line
        ready = self.stay.folder / f"ready-{number}.json"
        log = self.stay.folder / f"beside-{number}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["/bin/sh", "-euc", f"trap : INT\n{body}"],  # so that the shell survives to tell the program's status
                cwd=self.stay.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={
                    **self.environment,
                    "JOULECUT_EDGE_READY_FILE": str(ready),
                    "JOULECUT_SERVER_READY_FILE": str(ready),
                },
            )
        self._ends.callback(self._end, block, process, log)
        sign = ready if "-agent" in body else log
        deadline_s = time.monotonic() + _PATIENCE_S
        while not sign.exists() or not sign.stat().st_size:
            assert process.poll() is None, f"{block.place}: ended at once\n{log.read_text()}"
            assert time.monotonic() < deadline_s, f"{block.place}: not ready\n{log.read_text()}"
            time.sleep(_POLL_S)
        self._printed, self._is_exact = log.read_text, False

    def _end(self, block: Block, process: subprocess.Popen[bytes], log: Path) -> None:
        assert process.poll() is None, f"{block.place}: ended by itself, status {process.returncode}\n{log.read_text()}"
        os.killpg(process.pid, signal.SIGINT)
        try:
            status = process.wait(_PATIENCE_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        assert status in {0, 130}, f"{block.place}: status {status} after Ctrl-C\n{log.read_text()}"

    def _compare(self, block: Block, printed: Callable[[], str]) -> None:
        if self._is_exact:
            assert printed() == block.body, block.place
            return
        whole = shape(" ".join(printed().split()))  # lines break elsewhere where figures are longer
        missing = [line for line in block.body.splitlines() if shape(line) not in whole]
        assert not missing, f"{block.place} shows {missing}, which is not in\n{printed()}"
