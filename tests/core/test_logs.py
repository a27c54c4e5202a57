"""What a program's log looks like: lines for people or for machines, each with the request that it is about."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from joulecut_core import logs
from joulecut_core.logs import LogFormat, log_to_stderr
from joulecut_core.request_context import ForRequest, RequestContext

ABOUT = RequestContext(request_id="r/7", session_id="edge-1", epoch=3)


@pytest.fixture(name="begin")
def _begin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Makes the root logger what it is at a program's start; afterwards it is as it was."""
    root = logging.getLogger()
    level, levels = root.level, {name: logging.getLogger(name).level for name in logs._NOISY}
    yield lambda: monkeypatch.setattr(root, "handlers", [])
    root.setLevel(level)
    for name, each in levels.items():
        logging.getLogger(name).setLevel(each)


def test_json_lines(begin: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is one object with date, level, logger and message, and the request where there is one."""
    begin()
    log_to_stderr(verbose=False, log_format=LogFormat.JSON)
    log = logging.getLogger("joulecut_edge.test")
    with ForRequest(ABOUT):
        log.warning("sent %s", 'again "and\nagain"')
    log.info("alone")
    log.debug("not told")
    about, alone = map(json.loads, capsys.readouterr().err.splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", about.pop("timestamp"))
    assert about == {
        "level": "WARNING",
        "logger": "joulecut_edge.test",
        "message": 'sent again "and\nagain"',
        "request_id": "r/7",
        "session": "edge-1",
        "epoch": 3,
    }
    assert alone.keys() == {"timestamp", "level", "logger", "message"}


def test_an_error_in_json_is_one_line(begin: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback is a field, not further lines that no collector understands."""
    begin()
    log_to_stderr(verbose=False, log_format=LogFormat.JSON)
    try:
        int("none")
    except ValueError:
        logging.getLogger("test").exception("it failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exc_info"]


def test_text_lines_begin_with_the_date_in_utc(begin: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever the host is: lines of an edge and of its server are put side by side."""
    begin()
    log_to_stderr(verbose=False, log_format=LogFormat.TEXT)
    log = logging.getLogger("joulecut_edge.test")
    record = log.makeRecord(log.name, logging.WARNING, "here.py", 1, "hello", (), None)
    record.created = 1_700_000_000.25
    log.handle(record)
    expected = "2023-11-14T22:13:20.250+00:00 WARNING joulecut_edge.test: hello\n"
    assert capsys.readouterr().err == expected


def test_text_lines_name_their_request_once(begin: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """For people the request stands behind the message, unless the message has it."""
    begin()
    log_to_stderr(verbose=False)
    log = logging.getLogger("test")
    with ForRequest(ABOUT):
        log.info("slow")
        log.info("request r/7: slow")
    log.info("alone")
    first, second, third = (line.split(": ", 1)[1] for line in capsys.readouterr().err.splitlines())
    assert (first, second, third) == ("slow [request_id=r/7]", "request r/7: slow", "alone")


def test_text_of_others_stays_on_its_line(begin: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """A server's refusal forges no further line, and clears no screen of whoever reads the log; letters stay."""
    begin()
    log_to_stderr(verbose=False)
    logging.getLogger("joulecut_edge.test").warning(
        "server: %s", "nö\n2026 INFO all is well\x1b[2J\x9b2J\u2028\u202e\u2066\r"
    )
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(r"joulecut_edge.test: server: nö\x0a2026 INFO all is well\x1b[2J\x9b2J\u2028\u202e\u2066\x0d")


def test_the_format_may_become_known_later(begin: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """A program that learns it from its configuration says it again: no line is written twice."""
    begin()
    log_to_stderr(verbose=False)
    log_to_stderr(verbose=True, log_format=LogFormat.JSON)
    logging.getLogger("test").debug("once")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "once"


def test_somebody_elses_log_is_left_alone(begin: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever embeds an agent and has set up logging keeps what they set up."""
    begin()
    theirs = logging.NullHandler()
    logging.getLogger().addHandler(theirs)
    log_to_stderr(verbose=False)
    logging.getLogger("test").warning("theirs")
    assert logging.getLogger().handlers == [theirs]
    assert not capsys.readouterr().err


def test_libraries_stay_quiet_in_a_verbose_log(begin: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Details of the agents are not buried under those of asyncio and gRPC."""
    begin()
    log_to_stderr(verbose=True)
    for name in ("asyncio", "grpc._channel", "opentelemetry.sdk"):
        logging.getLogger(name).debug("noise")
    logging.getLogger("joulecut_edge").debug("detail")
    assert [line.rsplit(" ", 1)[1] for line in capsys.readouterr().err.splitlines()] == ["detail"]


def test_json_without_its_library_is_told() -> None:
    """The message names the option, what is missing and the extra that brings it."""
    script = (
        "import sys; sys.modules['pythonjsonlogger'] = None\n"
        "from joulecut_core.logs import LogFormat, log_to_stderr\n"
        "log_to_stderr(verbose=False, log_format=LogFormat.JSON)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert "ConfigError: log_format: json, but python-json-logger is not installed" in result.stderr
    assert "joulecut[agents]" in result.stderr
