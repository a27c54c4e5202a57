"""How an agent tells that it serves and learns that it should stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from joulecut_core.lifecycle import announce_ready, wait_for_stop


def test_ready_file_tells_where_and_who(tmp_path: Path) -> None:
    """Whoever started an agent on port 0 reads its real address and process id."""
    announce_ready(tmp_path / "ready.json", "127.0.0.1:4711")
    assert json.loads((tmp_path / "ready.json").read_text(encoding="utf-8")) == {
        "address": "127.0.0.1:4711",
        "pid": os.getpid(),
    }


def test_ready_file_is_optional() -> None:
    """Without one, the log alone tells."""
    announce_ready(None, "127.0.0.1:4711")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_stop_and_handlers_are_put_back(number: signal.Signals) -> None:
    """The first signal is named; a second one meets the handler that was there before."""

    async def scenario() -> str:
        waiting = asyncio.create_task(wait_for_stop())
        await asyncio.sleep(0)
        os.kill(os.getpid(), number)
        return await waiting

    assert asyncio.run(scenario()) == number.name
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
