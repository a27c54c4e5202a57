"""Shapes of a link: constant, traced, with outages."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_runtime.links.shape import LinkShape, load_trace

LINKS = Path(__file__).parents[4] / "shared" / "data" / "links"


def test_constant_bandwidth() -> None:
    """1 Mbit at 8 Mbit/s is an eighth of a second of airtime, whenever it starts."""
    sent = LinkShape(bandwidth_bps=8e6).transmit(3.0, 125_000)
    assert sent is not None
    assert sent.end_s == pytest.approx(3.125)
    assert sent.airtime_s == pytest.approx(0.125)


def test_a_trace_is_followed_row_by_row_and_replayed() -> None:
    """8 kbit/s, an outage, 16 kbit/s, each a second: 1000 bytes take one, wait one; the loop lasts three."""
    shape = LinkShape(trace=((5.0, 8e3), (6.0, 0.0), (7.0, 16e3)))
    assert [shape.bandwidth_at_bps(time_s) for time_s in (0.0, 1.5, 2.5, 3.5, 4.5, 5.5)] == [8e3, 0, 16e3] * 2
    over_the_outage = shape.transmit(0.5, 1000)
    assert over_the_outage is not None
    assert over_the_outage.end_s == pytest.approx(2.25)
    assert over_the_outage.airtime_s == pytest.approx(0.75)
    next_lap = shape.transmit(2.5, 2000)
    assert next_lap is not None
    assert next_lap.end_s == pytest.approx(4.0)


def test_airtime_never_exceeds_the_time_it_takes_and_carries_the_bits() -> None:
    """Pieces sent one after the other use each instant once."""
    shape = LinkShape(trace=((0.0, 1e6), (0.7, 0.0), (1.1, 3e6), (2.0, 5e5)))
    now_s = airtime_s = 0.0
    for _ in range(200):
        sent = shape.transmit(now_s, 4096)
        assert sent is not None
        assert sent.end_s - now_s > sent.airtime_s - 1e-9 > 0
        now_s, airtime_s = sent.end_s, airtime_s + sent.airtime_s
    at_once = shape.transmit(0.0, 200 * 4096)
    assert at_once is not None
    assert now_s == pytest.approx(at_once.end_s)
    assert airtime_s == pytest.approx(at_once.airtime_s)


@pytest.mark.parametrize("shape", [LinkShape(bandwidth_bps=0.0), LinkShape(trace=((0.0, 0.0), (1.0, 0.0)))])
def test_a_dead_link_sends_nothing(shape: LinkShape) -> None:
    """No division by zero, no endless loop."""
    assert shape.transmit(0.0, 1) is None


def test_a_single_row_is_constant() -> None:
    """There is no step to take a duration from."""
    sent = LinkShape(trace=((0.0, 8e3),)).transmit(7.0, 1000)
    assert sent is not None
    assert sent.end_s == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (LinkShape, "exactly one"),
        (lambda: LinkShape(bandwidth_bps=1.0, trace=((0.0, 1.0),)), "exactly one"),
        (lambda: LinkShape(bandwidth_bps=-1.0), "bandwidth_bps: -1.0"),
        (lambda: LinkShape(bandwidth_bps=float("nan")), "bandwidth_bps: nan"),
        (lambda: LinkShape(bandwidth_bps=1.0, delay_s=-0.1), "delay_s: -0.1"),
        (lambda: LinkShape(trace=((0.0, 1.0), (0.0, 2.0))), r"trace\[1\]\.time_s"),
    ],
)
def test_nonsense_is_refused(build: Callable[[], LinkShape], message: str) -> None:
    """With the field, the value and what was expected."""
    with pytest.raises(ConfigError, match=message):
        build()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line is missing"),
        ("a,b\n1,2\n", r"first line is \['a', 'b'\]"),
        ("time_s,bandwidth_bps\n", "no rows"),
        ("time_s,bandwidth_bps\n0,fast\n", r":2: '0,fast'"),
        ("time_s,bandwidth_bps\n0,1\n1,2,3\n", r":3: '1,2,3'"),
        ("time_s,bandwidth_bps\n0,-5\n", r":2: bandwidth_bps: -5"),
    ],
)
def test_a_wrong_trace_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    """One line, naming file and line."""
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_trace(path)


@pytest.mark.skipif(not LINKS.is_dir(), reason="the public traces are not beside the repository")
def test_every_public_trace_can_be_replayed() -> None:
    """Outages and uneven steps included: ten megabytes get through each of them."""
    paths = sorted(path for path in LINKS.glob("*.csv") if path.name != "index.csv")
    assert len(paths) > 40
    for path in itertools.islice(paths, 0, None, 5):
        sent = LinkShape(trace=load_trace(path)).transmit(0.0, 10_000_000)
        assert sent is not None
        assert 0 < sent.airtime_s <= sent.end_s
