"""What the dashboard knows: told by the agent as things happen, looked at once a second, published for whoever reads.

    agent's loop       planned, replied ─▶ plans, tallies ─┐
    a thread of its own                     device ────────┴─▶ state, history ─▶ Published ─▶ readers' threads

Nothing here changes what the agent does, and a reader never makes it wait.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from joulecut_core.decoding import encode
from joulecut_core.devices import DeviceState
from joulecut_core.errors import JoulecutError
from joulecut_core.timing import Clock, SystemClock
from joulecut_planner.policies import PricedChoice
from joulecut_proto.inference_messages import ReplyHeader, RequestHeader
from joulecut_proto.planning_messages import SessionReply, SessionRequest
from joulecut_proto.security.identity import Identity
from joulecut_runtime.execution.device_reading import DeviceReading
from joulecut_server.dashboard.explanation_views import explained
from joulecut_server.dashboard.history import History, Row
from joulecut_server.dashboard.kept_plans import KeptPlans, ShownPlan
from joulecut_server.dashboard.parts import AgentParts
from joulecut_server.dashboard.session_views import SessionView, session_view
from joulecut_server.dashboard.state_views import ServerView, StateView, TotalsView, device_view
from joulecut_server.dashboard.studies import Studies
from joulecut_server.dashboard.tallies import Served, Tallies

_LOG = logging.getLogger(__name__)

EVERY_S = 1.0
"""Wall seconds between two looks."""
_ANSWER_S = 2.0
"""Wall seconds that a reading of the device may take: pages take longer silence for a lost connection."""
_INTEREST_S = 60.0
"""For how long after somebody has read the dashboard plans are compared with baselines: that is work for the host."""

_RATE_LOOKS = 10
"""Looks that a rate is taken over: a slowed-down pair answers less than once a second of the wall."""

HISTORY_SCHEMA = "joulecut.dashboard_history/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One look: `state` is `view` as JSON, `shown` the sessions in it. `number` rises by one each time.

    `owners`: by session, those that are known.
    """

    number: int = 0
    state: bytes = b""
    view: StateView | None = None
    shown: Mapping[str, ShownPlan] = field(default_factory=dict)
    owners: Mapping[str, Identity] = field(default_factory=dict)

    def shows(self, session_id: str, reader: Identity | None) -> bool:
        """Whether a reader sees a session: its own, or with None any."""
        return reader is None or self.owners.get(session_id) == reader

    def told(self, reader: Identity | None) -> bytes:
        """The state as JSON with the sessions that a reader sees, beside the device and the totals of all."""
        if reader is None or self.view is None:
            return self.state
        sessions = tuple(each for each in self.view.sessions if self.shows(each.session, reader))
        rows = {session_id: row for session_id, row in self.view.rows.items() if self.shows(session_id, reader)}
        return _json(encode(replace(self.view, sessions=sessions, rows=rows)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What was found on the agent's loop."""

    totals: TotalsView
    sessions: tuple[tuple[ShownPlan, Served], ...]
    owners: Mapping[str, Identity]
    complaint: str | None


class Board:
    """The dashboard's content. The agent's loop alone calls `planned`, `computed`, `replied` and `look`."""

    def __init__(self, parts: AgentParts, *, name: str, wall: Clock | None = None) -> None:
        """`name`: of the server. `wall`: the machine's clock, which the page's time axis shows."""
        self._parts = parts
        self._wall = wall or SystemClock()
        self._server = ServerView(name=name, slowdown=parts.clock.wall_s(1.0))
        self._device = DeviceReading(parts.device, answer_s=_ANSWER_S)
        self._plans = KeptPlans(parts.sessions)
        self._tallies = Tallies()
        self._studies = Studies(self._wall)
        self._history = History()
        self._lock = threading.Lock()
        self._begun_s = self._wall.now_s()
        self._visited_s: float | None = None
        self._looked = deque([(parts.clock.now_s(), 0)], maxlen=_RATE_LOOKS + 1)
        self._answered: dict[str, int] = {}
        self._hidden: set[int] = set()
        self.published = Published()
        """The latest look."""
        self.closed = False
        """Nothing more will be published."""

    def planned(self, request: SessionRequest, reply: SessionReply, priced: PricedChoice) -> None:
        """A session was given a plan."""
        self._plans.planned(request, reply, priced)

    def computed(self, request: RequestHeader, reply: ReplyHeader) -> None:
        """See `ReplyObserver.computed`."""
        self._tallies.computed(request, reply)

    def replied(self, request: RequestHeader, reply: ReplyHeader) -> None:
        """See `ReplyObserver.replied`."""
        self._tallies.replied(request, reply)
        self._plans.requested(request.session_id, request.epoch)

    async def keep(self) -> None:
        """Look once a second, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - of a driver, a plan or a view
                # A page that stands still is no reason to stop serving edges.
                _LOG.exception("the dashboard could not be brought up to date")
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Find out how things are, and publish it."""
        self.published = await asyncio.to_thread(self._publish, self._take())

    def visited(self) -> None:
        """Somebody reads the dashboard."""
        self._visited_s = self._wall.now_s()

    def history(self, reader: Identity | None) -> bytes:
        """The last minutes as JSON, with the sessions that a reader sees."""
        published = self.published
        with self._lock:
            document = self._history.document(lambda session_id: published.shows(session_id, reader))
        return _json({"schema": HISTORY_SCHEMA, "every_s": EVERY_S} | document)

    async def explanation(self, session_id: str, reader: Identity | None) -> bytes | None:
        """Why a session runs what it runs, as JSON; None where it is not shown to a reader, or not any more.

        Raises JoulecutError where its problem cannot be explained.
        """
        published = self.published
        shown = published.shown.get(session_id)
        if shown is None or not published.shows(session_id, reader):
            return None
        compared = await asyncio.wrap_future(self._studies.comparison(shown))
        study = await asyncio.wrap_future(self._studies.explanation(shown.kept))
        table = self._parts.networks.find(shown.kept.request.network_digest).runner.network.table
        return _json(explained(shown, study, compared, table))

    def close(self) -> None:
        """Tell nobody anything any more, and work nothing out."""
        self.closed = True
        self._studies.close()

    def _take(self) -> _Taken:
        shown = tuple(self._plans.shown())
        owners = {each.kept.session_id: self._parts.owner_of(each.kept.session_id) for each in shown}
        now_s, answered = self._parts.clock.now_s(), self._tallies.answered
        self._looked.append((now_s, answered))
        passed_s, since = now_s - self._looked[0][0], answered - self._looked[0][1]
        return _Taken(
            totals=TotalsView(
                sessions=len(self._parts.sessions),
                streams=self._parts.inference.streams,
                plans=self._parts.planning.plans,
                epoch=self._parts.sessions.last_epoch,
                answered=answered,
                refused=self._tallies.refused,
                energy_j=self._tallies.energy_j,
                requests_hz=since / passed_s if passed_s > 0.0 else 0.0,
                draining=self._parts.inference.draining,
            ),
            sessions=tuple((each, self._tallies.served(each.kept.session_id, each.epoch)) for each in shown),
            owners={session_id: owner for session_id, owner in owners.items() if owner is not None},
            complaint=self._parts.watch.complaint,
        )

    def _publish(self, taken: _Taken) -> Published:
        state = self._reading()
        self._compare_one(taken)
        time_s = self._wall.now_s() - self._begun_s
        sessions = tuple(self._views(taken))
        device = device_view(self._parts.device.info, state, self._parts.clocks.leased, taken.complaint)
        rows = [(view.session, self._row(time_s, view)) for view in sessions]
        self._answered = {view.session: view.served.answered for view in sessions}
        with self._lock:
            self._history.add(
                (time_s, device.power_w, device.core_mhz, device.temperature_c, taken.totals.requests_hz), rows
            )
        view = StateView(
            time_s=time_s, server=self._server, device=device, totals=taken.totals, sessions=sessions, rows=dict(rows)
        )
        return Published(
            number=self.published.number + 1,
            state=_json(encode(view)),
            view=view,
            owners=taken.owners,
            shown={shown.kept.session_id: shown for shown, _ in taken.sessions},
        )

    def _reading(self) -> DeviceState | None:
        try:
            return self._device.state()
        except (JoulecutError, RuntimeError) as error:
            _LOG.debug("the dashboard shows no device: %s", error)
            return None

    def _compare_one(self, taken: _Taken) -> None:
        """Have the next plan compared with baselines, while somebody looks; one a second at the most."""
        if self._visited_s is None or self._wall.now_s() - self._visited_s > _INTEREST_S:
            return
        for shown, _ in taken.sessions:
            future = self._studies.comparison(shown)
            if not future.done():
                return

    def _views(self, taken: _Taken) -> Iterator[SessionView]:
        """The sessions that can be shown: one that cannot hides no other, and is logged once for each of its plans."""
        hidden: set[int] = set()
        for shown, served in taken.sessions:
            try:
                view = self._view(shown, served)
                # JSON has no infinities: better found here than in the whole state.
                _json(encode(view))
            except Exception:  # noqa: BLE001 - of a plan, a network or a view
                hidden.add(shown.kept.number)
                if shown.kept.number not in self._hidden:
                    _LOG.exception("the dashboard cannot show session %s", shown.kept.session_id)
            else:
                yield view
        self._hidden = hidden

    def _view(self, shown: ShownPlan, served: Served) -> SessionView:
        network = self._parts.networks.find(shown.kept.request.network_digest)
        return session_view(shown, served, self._studies.compared(shown), network)

    def _row(self, time_s: float, view: SessionView) -> Row:
        """A session's second; nothing where it was not answered in it."""
        if view.served.answered == self._answered.get(view.session, 0):
            return (time_s, None, None)
        return (time_s, view.estimated.energy_j, view.estimated.latency_s)


def _json(document: object) -> bytes:
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
