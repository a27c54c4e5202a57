"""The Ray cluster of one machine, as a process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from joulecut_server.pool.local_head import local_head


def test_a_terminal_does_not_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C there is the keeper's: were Ray to hear it as well, it would end before its servers have finished."""
    ray = tmp_path / "python"
    ray.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    ray.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(ray))
    with local_head(cpus=1, log=tmp_path / "ray.log") as (_, process):
        assert os.getsid(process.pid) == process.pid
    assert process.returncode is not None
