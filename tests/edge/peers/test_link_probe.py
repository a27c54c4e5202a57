"""The link probe on links whose figures are known."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.errors import LinkError
from joulecut_core.figures import FigureKind
from joulecut_core.links import LinkEstimate
from joulecut_edge.peers.link_probe import EchoSample, probe_link


class SimulatedLink:
    """Answers echoes as a link would: round trip, bandwidth each way, and a server that takes its time."""

    def __init__(
        self, *, up_bps: float, down_bps: float, rtt_s: float, server_s: float = 0.0, jitter_s: float = 0.0
    ) -> None:
        self._up_bps = up_bps
        self._down_bps = down_bps
        self._rtt_s = rtt_s
        self._server_s = server_s
        self._jitter_s = jitter_s
        self._random = np.random.default_rng(1)
        self.carried_bytes = 0
        self.largest_bytes = 0

    async def echo(self, up_bytes: int, down_bytes: int) -> EchoSample:
        self.carried_bytes += up_bytes + down_bytes
        self.largest_bytes = max(self.largest_bytes, up_bytes, down_bytes)
        link_s = self._rtt_s + 8 * up_bytes / self._up_bps + 8 * down_bytes / self._down_bps
        link_s += self._jitter_s * float(self._random.exponential())
        return EchoSample(elapsed_s=link_s + self._server_s, server_s=self._server_s)


class UnsteadyUplink(SimulatedLink):
    """Steady but for what crosses it on the way up."""

    async def echo(self, up_bytes: int, down_bytes: int) -> EchoSample:
        sample = await super().echo(up_bytes, down_bytes)
        more_s = 0.002 * float(self._random.exponential()) if up_bytes else 0.0
        return replace(sample, elapsed_s=sample.elapsed_s + more_s)


def probed(link: SimulatedLink) -> LinkEstimate:
    return asyncio.run(probe_link(link.echo, uplink_w=1.5, downlink_w=0.5, figures=FigureKind.MEASURED))


@pytest.mark.parametrize("up_bps", [1e6, 3e7, 1e9])
@pytest.mark.parametrize("server_s", [0.0, 0.5])
def test_a_steady_link_is_measured_within_a_percent(up_bps: float, server_s: float) -> None:
    """Bandwidth both ways and round trip come out within 1 %, however long the server itself takes."""
    estimate = probed(SimulatedLink(up_bps=up_bps, down_bps=2 * up_bps, rtt_s=0.004, server_s=server_s))
    assert estimate.uplink_bps == pytest.approx(up_bps, rel=0.01)
    assert estimate.downlink_bps == pytest.approx(2 * up_bps, rel=0.01)
    assert estimate.rtt_s == pytest.approx(0.004, rel=0.01)
    assert estimate.latency_std_s == pytest.approx(0.0, abs=1e-9)
    assert (estimate.uplink_w, estimate.downlink_w) == (1.5, 0.5)
    assert estimate.figures is FigureKind.MEASURED
    assert estimate.samples > 0


def test_jitter_becomes_the_links_spread() -> None:
    """A link that jitters is reported with a spread of that size, so that plans keep their distance."""
    estimate = probed(SimulatedLink(up_bps=5e7, down_bps=5e7, rtt_s=0.004, jitter_s=0.002))
    assert 0.0005 < estimate.latency_std_s < 0.008
    assert estimate.uplink_bps == pytest.approx(5e7, rel=0.3)


def test_sizes_grow_until_jitter_hides_no_bandwidth() -> None:
    """What a fast link carries in the time of its jitter says nothing of it: more is sent."""
    estimate = probed(SimulatedLink(up_bps=1e9, down_bps=2e9, rtt_s=0.02, jitter_s=0.0005))
    assert estimate.uplink_bps == pytest.approx(1e9, rel=0.1)
    assert estimate.downlink_bps == pytest.approx(2e9, rel=0.1)


def test_no_echo_is_more_than_servers_take() -> None:
    """However fast a link is, it is measured with what one echo may carry, 8 MiB each way."""
    link = SimulatedLink(up_bps=1e12, down_bps=1e12, rtt_s=0.0001)
    assert probed(link).uplink_bps == pytest.approx(1e12, rel=0.01)
    assert link.largest_bytes <= 8 << 20


def test_a_slow_link_is_spared() -> None:
    """A megabit a second is not flooded: a probe of it stays below the bytes of a few pictures."""
    link = SimulatedLink(up_bps=1e6, down_bps=1e6, rtt_s=0.02)
    probed(link)
    assert link.carried_bytes < 1_000_000


def test_an_unsteady_link_is_refused() -> None:
    """A link on which more bytes do not take longer has no bandwidth to plan with: better local than wrong."""

    async def backwards(up_bytes: int, down_bytes: int) -> EchoSample:
        return EchoSample(elapsed_s=1.0 / (1 + up_bytes + down_bytes), server_s=0.0)

    with pytest.raises(LinkError, match="too unsteady a link to measure"):
        asyncio.run(probe_link(backwards, uplink_w=0.0, downlink_w=0.0, figures=FigureKind.MEASURED))


def test_a_server_that_claims_more_than_passed() -> None:
    """A server time above the elapsed time cannot make a round trip of zero or less."""
    assert EchoSample(elapsed_s=0.001, server_s=5.0).link_s > 0


def test_a_failing_echo_ends_the_probe() -> None:
    """A link that breaks while it is measured is a lost link, not an estimate."""

    async def broken(up_bytes: int, down_bytes: int) -> EchoSample:
        if up_bytes + down_bytes > 20_000:
            raise LinkError("gone")
        return EchoSample(elapsed_s=0.001, server_s=0.0)

    with pytest.raises(LinkError, match="gone"):
        asyncio.run(probe_link(broken, uplink_w=0.0, downlink_w=0.0, figures=FigureKind.MEASURED))


def test_the_least_steady_direction_is_the_links_spread() -> None:
    """A radio that jitters on the way up alone is not taken for a steady link."""
    estimate = probed(UnsteadyUplink(up_bps=5e7, down_bps=5e7, rtt_s=0.004))
    assert 0.0002 < estimate.latency_std_s < 0.008
