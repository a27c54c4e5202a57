"""Traces are read strictly, and what is wrong is said with file and row."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut.simulation.trace_files import read_trace
from joulecut_core.errors import ConfigError
from tests.api.simulation.made_up import trace_file


def test_times_alone(tmp_path: Path) -> None:
    """The least there is: a column of times, moved to 0; requests at the same time are allowed."""
    file = read_trace(trace_file(tmp_path, "10.5", "10.5", "", "12"))
    assert file.trace().arrival_s.tolist() == [0.0, 0.0, 1.5]
    assert file.passed_over == ()
    assert not file.requests_by_network


def test_columns_in_any_order_and_others_passed_over(tmp_path: Path) -> None:
    """Names decide, not places; unknown columns are named; a byte order mark is no part of a name."""
    path = trace_file(
        tmp_path, "a,7,0.0,m,1,", "b,8,1.5,m,0,-2", header="\ufeffedge, tokens ,time_s,network,entry,priority"
    )
    file = read_trace(path)
    trace = file.trace()
    assert (list(trace.edges), list(trace.entries), list(trace.priorities)) == (["a", "b"], [1, 0], [0, -2])
    assert file.passed_over == ("tokens",)
    assert file.requests_by_network == {"m": 2}


def test_one_network_of_several(tmp_path: Path) -> None:
    """Its requests with their edges, the first of them at 0."""
    path = trace_file(tmp_path, "0,a,x", "1,b,y", "3,b,z", header="time_s,network,edge")
    trace = read_trace(path).trace("b")
    assert (trace.sent_s.tolist(), list(trace.edges)) == ([0.0, 2.0], ["y", "z"])


@pytest.mark.parametrize(
    ("header", "lines", "message"),
    [
        ("time_s", ("1", "0.5"), r"row 3: time_s: 0.5 behind 1; expected times that ascend"),
        ("time_s", ("0", "-1"), "row 3: time_s: -1; expected seconds"),
        ("time_s", ("nan",), "row 2: time_s: nan"),
        ("time_s", ("0", "inf"), "row 3: time_s: inf"),
        ("time_s", ("1_0",), "row 2: time_s: 1_0"),
        ("time_s", ("2023-11-16 18:15:46",), "row 2: time_s: 2023-11-16"),
        ("time_s,edge", ("0,a", ",b"), "row 3: time_s: empty"),
        ("time_s,edge", ("0,a", "1"), "row 3: 1 values; expected 2"),
        ("time_s,time_s", ("0,1",), "column 'time_s' twice"),
        ("seconds,edge", ("0,a",), "no column time_s; .* found 'seconds', 'edge'"),
        ("0.0", ("1.0",), "no column time_s"),
        ("time_s", (), "no rows"),
        ("time_s,entry", ("0,1.5",), "row 2: entry: 1.5; expected a whole number, 0 to"),
        ("time_s,entry", ("0,-1",), "row 2: entry: -1"),
        ("time_s,priority", ("0,99999999",), "row 2: priority: 99999999"),
        ("time_s,edge", ('0,"a',), "not CSV"),
    ],
)
def test_malformed_traces_are_refused(tmp_path: Path, header: str, lines: tuple[str, ...], message: str) -> None:
    """Nothing is guessed: a trace that cannot be right ends in one line that says where."""
    with pytest.raises(ConfigError, match=message):
        read_trace(trace_file(tmp_path, *lines, header=header))


def test_files_that_are_none(tmp_path: Path) -> None:
    """Missing, empty, or no text."""
    with pytest.raises(ConfigError, match="no such file"):
        read_trace(tmp_path / "absent.csv")
    empty = tmp_path / "empty.csv"
    empty.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="empty; expected a header"):
        read_trace(empty)
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00time")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_trace(binary)
