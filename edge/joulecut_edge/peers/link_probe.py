"""Measures the link to the server: round trip and bandwidth both ways, the server's own time excluded.

    empty echo x n         round trip = median(elapsed - server time)
    small and large echo   bandwidth = extra bytes / extra time, so round trip and fixed cost cancel

The sizes grow until the extra time is well above the round trip's spread; slow links stop early.
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from joulecut_core.errors import LinkError
from joulecut_core.figures import FigureKind
from joulecut_core.links import LinkEstimate

_ROUND_TRIPS = 7
_REPEATS = 5
_FIRST_BYTES = 16 * 1024
_MOST_BYTES = 4 * 1024 * 1024
_WORTH_S = 0.02
"""An extra transfer time above this is long against the spread of round trips on the links in use."""
_SHORTEST_S = 1e-6
_NORMAL = 1.4826
"""Standard deviation over median absolute deviation, for a normal distribution."""


def link_figures(device: FigureKind) -> FigureKind:
    """In emulated time a link is emulated too, whatever it is made of."""
    return FigureKind.EMULATED if device is FigureKind.EMULATED else FigureKind.MEASURED


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoSample:
    """One echo: seconds from call to answer, and the seconds of it that the server says it took."""

    elapsed_s: float
    server_s: float

    @property
    def link_s(self) -> float:
        """Seconds spent on the link."""
        return max(self.elapsed_s - self.server_s, _SHORTEST_S)


Echo = Callable[[int, int], Awaitable[EchoSample]]
"""Sends so many bytes up, asks for so many down."""


async def probe_link(echo: Echo, *, uplink_w: float, downlink_w: float, figures: FigureKind) -> LinkEstimate:
    """Estimate the link from echoes; raises LinkError where an echo fails."""
    await echo(0, 0)  # the first call pays for the connection
    trips = [(await echo(0, 0)).link_s for _ in range(_ROUND_TRIPS)]
    rtt_s = statistics.median(trips)
    uplink_bps, up_spread_s = await _bandwidth(lambda size: echo(size, 0))
    downlink_bps, down_spread_s = await _bandwidth(lambda size: echo(0, size))
    return LinkEstimate(
        uplink_bps=uplink_bps,
        downlink_bps=downlink_bps,
        rtt_s=rtt_s,
        latency_std_s=max(_spread(trips), up_spread_s, down_spread_s),
        uplink_w=uplink_w,
        downlink_w=downlink_w,
        samples=_ROUND_TRIPS + 4 * _REPEATS,
        figures=figures,
    )


def _spread(seconds: Sequence[float]) -> float:
    """Standard deviation from the median absolute deviation.

    A dozen echoes cannot tell a link's tail, but one hiccup of a busy host among them would pass for it.
    """
    middle = statistics.median(seconds)
    return _NORMAL * statistics.median(abs(each - middle) for each in seconds)


async def _bandwidth(transfer: Callable[[int], Awaitable[EchoSample]]) -> tuple[float, float]:
    """Bits per second of the link in one direction, and the spread of a transfer's time."""
    small = _FIRST_BYTES
    large = 3 * small
    while True:
        extra_s = (await transfer(large)).link_s - (await transfer(small)).link_s
        if extra_s >= _WORTH_S or large >= _MOST_BYTES:
            break
        large *= 2
    small_s = [(await transfer(small)).link_s for _ in range(_REPEATS)]
    large_s = [(await transfer(large)).link_s for _ in range(_REPEATS)]
    extra_s = statistics.median(large_s) - statistics.median(small_s)
    if extra_s <= 0:
        raise LinkError(
            f"{large - small} extra bytes took {extra_s * 1e3:.3f} ms; expected more: too unsteady a link to measure"
        )
    return 8.0 * (large - small) / extra_s, _spread(small_s)
