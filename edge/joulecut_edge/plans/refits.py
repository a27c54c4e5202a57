"""Plans brought to what live requests took: factors compounded, a link rescaled, its tail in its spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from joulecut_core.links import LinkEstimate
from joulecut_core.profiles import Profile
from joulecut_edge.plans.wishes import Wishes
from joulecut_planner.drift import Corrections, PointFactor
from joulecut_planner.tails import pair_tails
from joulecut_proto.planning_messages import StageFactors


def compounded(factors: StageFactors, found: Corrections) -> StageFactors:
    """Factors of the profiles' seconds: those a plan was made with times what its requests showed on top."""
    return StageFactors(
        head=factors.head * _only(found.edge),
        encode=factors.encode * found.encode,
        decode=factors.decode * found.decode,
        tail=factors.tail * _only(found.server),
    )


def rescaled(link: LinkEstimate, factor: float) -> LinkEstimate:
    """The link whose crossings take `factor` times as long: less bandwidth, a longer round trip, more spread."""
    return replace(
        link,
        uplink_bps=link.uplink_bps / factor,
        downlink_bps=link.downlink_bps / factor,
        rtt_s=link.rtt_s * factor,
        latency_std_s=link.latency_std_s * factor,
    )


def with_tail(link: LinkEstimate, profile: Profile, wishes: Wishes, excess_s: Sequence[float]) -> LinkEstimate:
    """The link with its crossings' tail as an equivalent spread, where there are wishes and samples for one.

    `excess_s`: measured minus predicted seconds of single crossings.
    """
    if not excess_s:
        return link
    tails = pair_tails(wishes.tail_method, wishes.slo, edge=profile, link_excess_s=excess_s)
    spread_s = tails.link_spread_s(wishes.slo)
    return link if spread_s is None else replace(link, latency_std_s=spread_s)


def _only(factors: Sequence[PointFactor]) -> float:
    """The factor at the one clock that a plan runs at; 1 where none was found."""
    return factors[0].factor if factors else 1.0
