"""What a start that cannot succeed says: one line with value and remedy, and a documented exit code."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.errors import JoulecutError
from joulecut_core.exits import ExitCode
from joulecut_core.problems import Slo
from joulecut_core.programs import run_program
from joulecut_edge import agent as edge_agent
from joulecut_server import agent as server_agent
from tests.integration.site import WAIT_S, Site

NOBODY = "127.0.0.1:9"

Start = Callable[[Site], "object"]


@pytest.fixture(name="ends_with")
def _ends_with(site: Site, capsys: pytest.CaptureFixture[str]) -> Callable[[Callable[[Site], object], ExitCode, str], None]:
    """Run an agent that must not start; check its exit code and its one line."""

    def check(start: Callable[[Site], object], code: ExitCode, text: str) -> None:
        status = run_program(lambda: start(site))
        output = capsys.readouterr()
        assert output.out == ""
        lines = output.err.splitlines()
        assert len(lines) == 1, output.err
        assert lines[0].startswith("error: ")
        assert text in lines[0]
        assert status == code

    return check
