"""The tails that a plan for a pair is made with, as far as the samples at hand carry them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from joulecut_core.errors import FitError, ProfileError
from joulecut_core.problems import Slo
from joulecut_core.profiles import Profile
from joulecut_planner.tails.estimation import fit_tail
from joulecut_planner.tails.margins import TailEstimates
from joulecut_planner.tails.profile_tails import profile_tail
from joulecut_planner.tails.tail import Tail, TailMethod

_LOG = logging.getLogger(__name__)


def pair_tails(
    method: TailMethod | None,
    slo: Slo,
    *,
    edge: Profile | None = None,
    server: Profile | None = None,
    link_excess_s: Sequence[float] = (),
) -> TailEstimates:
    """What is known of each part by this method at the SLO's quantile; nothing without a method or a quantile.

    `link_excess_s`: measured minus predicted seconds of single crossings. A part whose samples do not carry the
    quantile keeps its standard deviation under the contract's margin: one log line says which, why, and how many
    samples it takes.
    """
    if method is None or slo.quantile is None:
        return TailEstimates()
    quantile = slo.quantile
    refusals: list[str] = []

    def believed(part: str, estimate: Callable[[], Tail]) -> Tail | None:
        try:
            tail = estimate()
            tail.quantile(quantile)
        except (FitError, ProfileError) as error:
            refusals.append(f"{part}: {error}")
            return None
        return tail

    def combined(part: str, tails: TailEstimates, spread: Callable[[Slo], float | None]) -> TailEstimates:
        try:
            spread(slo)
        except FitError as error:
            refusals.append(f"{part}: {error}")
            return TailEstimates(
                edge=None if part == "edge" else tails.edge,
                server=None if part == "server" else tails.server,
                link=None if part == "link" else tails.link,
            )
        return tails

    known = TailEstimates(
        edge=None if edge is None else believed("edge", lambda: profile_tail(edge, method)),
        server=None if server is None else believed("server", lambda: profile_tail(server, method)),
        link=believed("link", lambda: fit_tail(link_excess_s, method)) if link_excess_s else None,
    )
    known = combined("edge", known, known.edge_spread)
    known = combined("server", known, known.server_spread)
    known = combined("link", known, known.link_spread_s)
    if refusals:
        _LOG.warning("%s tail, %s margin instead: %s", method.value, slo.margin, "; ".join(refusals))
    return known
