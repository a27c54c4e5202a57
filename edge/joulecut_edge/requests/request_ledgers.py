"""Where the seconds and joules of one answered request went, as its ledger says."""

from __future__ import annotations

from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import FallbackReason, RequestJoules, RequestLedger, RequestSeconds
from joulecut_core.links import LinkEstimate
from joulecut_core.power_scopes import sum_kind
from joulecut_edge.peers.remote import RemoteReply
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_edge.plans.estimates import edge_busy_j, encode_j, server_j
from joulecut_edge.requests.edge_waits import EdgeWaits
from joulecut_edge.requests.request import Request
from joulecut_runtime.execution.part_runner import HeadRun, Stage


def split_ledger(
    request: Request,
    active: ActivePlan,
    run: HeadRun,
    reply: RemoteReply,
    *,
    queue_s: float,
    sent_s: float,
    now_s: float,
    attempts: int,
    figures: FigureKind,
    waits: EdgeWaits,
) -> RequestLedger:
    """A request that a server answered now. `sent_s`: when it was first sent.

    `figures`: those of the edge's device. `waits`: what all requests of the edge have paid for.
    """
    server_s = reply.queue_s + reply.decode_s + reply.tail_s
    link_s = max(0.0, now_s - sent_s - server_s)
    up_share, _ = link_shares(active.link, reply)
    seconds = RequestSeconds(
        edge_queue=queue_s,
        head=run.head.time_s,
        encode=run.encode.time_s,
        up=link_s * up_share,
        down=link_s * (1.0 - up_share),
        server_queue=reply.queue_s,
        decode=reply.decode_s,
        tail=reply.tail_s,
        total=now_s - request.start_s,
    )
    return RequestLedger(
        request_id=request.request_id,
        epoch=active.assignment.epoch,
        cut=active.assignment.cut,
        codec=active.assignment.codec,
        served_by="server" if active.assignment.cut == 0 else "split",
        fallback=False,
        seconds=seconds,
        joules=RequestJoules(
            edge_busy=_known_j(run.head, edge_busy_j(active, run.head.time_s)),
            edge_wait=_wait_j(request, active, waits, busy_s=run.head.time_s + run.encode.time_s),
            encode=_known_j(run.encode, encode_j(active, run.encode.time_s)),
            radio=_radio_j(active.link, up_bytes=attempts * reply.uplink_bytes, down_bytes=reply.downlink_bytes),
            server=server_j(active, decode_s=reply.decode_s, tail_s=reply.tail_s)
            if reply.energy_j is None
            else reply.energy_j,
            server_wait=reply.wait_j or 0.0,
        ),
        # Cut 0 has no head; encoding is always run, and the shortest of all.
        figures=sum_kind((_figures(run.encode, figures), _server_figures(reply))),
        attempts=attempts,
        variant=reply.variant,
    )


def local_ledger(
    request: Request,
    active: ActivePlan,
    stage: Stage,
    *,
    queue_s: float,
    now_s: float,
    figures: FigureKind,
    waits: EdgeWaits,
    encode: Stage | None = None,
    reason: FallbackReason | None = None,
    attempts: int = 0,
    sent_bytes: int = 0,
) -> RequestLedger:
    """A request that the edge answers alone now. `stage`: all that it computed; `encode`: what it encoded for nothing.

    `sent_bytes`: in each attempt; how much of one that was given up had left the radio by then nobody knows.
    """
    encoded_s = 0.0 if encode is None else encode.time_s
    return RequestLedger(
        request_id=request.request_id,
        epoch=active.assignment.epoch,
        cut=active.assignment.cut,
        codec=active.assignment.codec,
        served_by="edge",
        fallback=reason is not None,
        seconds=RequestSeconds(edge_queue=queue_s, head=stage.time_s, encode=encoded_s, total=now_s - request.start_s),
        joules=RequestJoules(
            edge_busy=_known_j(stage, edge_busy_j(active, stage.time_s)),
            edge_wait=_wait_j(request, active, waits, busy_s=stage.time_s + encoded_s),
            encode=0.0 if encode is None else _known_j(encode, encode_j(active, encode.time_s)),
            radio=_radio_j(active.link, up_bytes=attempts * sent_bytes, down_bytes=0),
        ),
        figures=_figures(stage, figures),
        fallback_reason=reason,
        attempts=attempts,
    )


def both(head: Stage, rest: Stage) -> Stage:
    """Head and rest as one; joules None where one of them ran and has none."""
    known = rest.energy_j is not None and (head.energy_j is not None or head.time_s == 0.0)
    return Stage(
        time_s=head.time_s + rest.time_s,
        energy_j=(head.energy_j or 0.0) + (rest.energy_j or 0.0) if known else None,
    )


def link_shares(link: LinkEstimate | None, reply: RemoteReply) -> tuple[float, float | None]:
    """Of a request's time on the link, as far as its estimate tells: the share of the way up, and seconds in all."""
    if link is None:
        return 0.5, None
    up_s = 8.0 * reply.uplink_bytes / link.uplink_bps + link.rtt_s / 2
    down_s = 8.0 * reply.downlink_bytes / link.downlink_bps + link.rtt_s / 2
    return up_s / (up_s + down_s) if up_s + down_s > 0 else 0.5, up_s + down_s


def _wait_j(request: Request, active: ActivePlan, waits: EdgeWaits, *, busy_s: float) -> float:
    share_s = waits.share_s(waited_before_s=request.waited_before_s, busy_s=busy_s, period_s=active.period_s)
    return active.wait_w * share_s


def _radio_j(link: LinkEstimate | None, *, up_bytes: int, down_bytes: int) -> float:
    if link is None:
        return 0.0
    return 8.0 * (link.uplink_w * up_bytes / link.uplink_bps + link.downlink_w * down_bytes / link.downlink_bps)


def _known_j(stage: Stage, estimate_j: float) -> float:
    return estimate_j if stage.energy_j is None else stage.energy_j


def _server_figures(reply: RemoteReply) -> FigureKind:
    return FigureKind.ESTIMATED if reply.energy_j is None else reply.figures


def _figures(stage: Stage, device: FigureKind) -> FigureKind:
    return FigureKind.ESTIMATED if stage.energy_j is None else device
