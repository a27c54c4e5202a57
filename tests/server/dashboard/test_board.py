"""What is published once a second."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.figures import FigureKind
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_server.dashboard import board
from joulecut_server.dashboard.board import HISTORY_SCHEMA
from joulecut_server.dashboard.explanation_views import EXPLAINED_SCHEMA
from joulecut_server.dashboard.kept_plans import ShownPlan
from joulecut_server.dashboard.session_views import EstimatedView, SessionView, session_view
from joulecut_server.dashboard.state_views import STATE_SCHEMA
from tests.server.dashboard.rooms import SERVER_J, SERVER_S, Room, answer, in_room, request_under


def test_a_server_without_edges(tmp_path: Path) -> None:
    """The device is read, everything else is nothing yet."""

    async def use(room: Room) -> None:
        state = await room.looked()
        assert state["schema"] == STATE_SCHEMA
        assert state["server"]["name"] == "gpu"
        assert state["sessions"] == []
        assert state["device"]["figures"] == "emulated"
        assert state["device"]["power_w"] > 0
        assert state["device"]["requested"] is None
        assert state["totals"]["answered"] == 0

    in_room(tmp_path, use)


def test_a_driver_that_hangs_stops_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hour in which somebody looks: all but the device is told, and an agent that ends waits for no reading."""
    monkeypatch.setattr(board, "_ANSWER_S", 0.01)
    free = threading.Event()

    async def use(room: Room) -> None:
        monkeypatch.setattr(room.parts.device, "state", lambda: free.wait(60.0))
        assignment = await room.joined(policy="all-server")
        room.answered(assignment, times=4)
        for _ in range(2):
            state = await room.looked()
            assert state["device"]["power_w"] is None
            assert state["totals"]["answered"] == 4

    in_room(tmp_path, use)
    assert not free.is_set()
    free.set()


def test_predicted_metered_and_estimated_are_kept_apart(tmp_path: Path) -> None:
    """The estimate is the plan's, with the server's own part replaced by what was metered of it, and nothing else."""

    async def use(room: Room) -> None:
        assignment = await room.joined(policy="all-server")
        [session] = (await room.looked())["sessions"]
        assert session["estimated"] == {"energy_j": None, "latency_s": None, "figures": "estimated"}
        room.answered(assignment, times=4)
        state = await room.looked()
        [session] = state["sessions"]
        predicted, parts = session["predicted"], session["predicted"]["breakdown"]
        assert predicted["profiles"] == ["emulated", "emulated"]
        served = {"answered": 4, "refused": 0, "figures": FigureKind.EMULATED.value}
        assert served.items() <= session["served"].items()
        energy_j = predicted["energy_j"] - parts["server_busy_j"] - parts["decode_j"] + SERVER_J
        assert session["estimated"]["energy_j"] == pytest.approx(energy_j)
        latency_s = predicted["latency_s"] - parts["t_server"] - parts["decode_s"] + SERVER_S
        assert session["estimated"]["latency_s"] == pytest.approx(latency_s)
        assert state["totals"]["requests_hz"] == pytest.approx(4 / 2, rel=0.01)
        assert state["totals"]["energy_j"] == pytest.approx(4 * SERVER_J)
        assert state["device"]["requested"]["core_mhz"] == session["server_clock"]["core_mhz"]
        assert (session["session"], session["network"], session["epoch"]) == ("edge-1", "tiny", assignment.epoch)
        assert session["level"] == {"latency_s": 0.5, "quantile": 0.9, "rate_hz": 5.0, "max_accuracy_loss": 0.0}
        assert session["link"]["uplink_bps"] == 1e8

    in_room(tmp_path, use)


def test_the_promise_of_a_policys_own_model_is_published_beside_the_prediction(tmp_path: Path) -> None:
    """The prediction, and the estimate made of it, hold what waiting draws; no other policy promises anything."""

    async def use(room: Room) -> None:
        believed = await room.joined("edge-1", policy="cpu-dvfs")
        await room.joined("edge-2", policy="all-server")
        room.answered(believed)
        sessions = {each["session"]: each for each in (await room.looked())["sessions"]}
        assert sessions["edge-2"]["predicted"]["promised"] is None
        predicted, estimated = sessions["edge-1"]["predicted"], sessions["edge-1"]["estimated"]
        assert predicted["promised"]["kept"] is True
        assert predicted["promised"]["energy_j"] != predicted["energy_j"]
        parts = predicted["breakdown"]
        own_j = SERVER_J - parts["server_busy_j"] - parts["decode_j"]
        assert estimated["energy_j"] == pytest.approx(predicted["energy_j"] + own_j)

    in_room(tmp_path, use)


def test_history_has_gaps_where_nothing_was_answered(tmp_path: Path) -> None:
    """A second without an answer is no second of zero joules, nor one of the joules before."""

    async def use(room: Room) -> None:
        assignment = await room.joined(policy="all-server")
        for times in (0, 2, 0, 1):
            room.answered(assignment, times=times)
            await room.looked()
        history = json.loads(room.board.history(None))
        assert history["schema"] == HISTORY_SCHEMA
        rows = history["sessions"]["edge-1"]["rows"]
        assert [row[1] is not None for row in rows] == [False, True, False, True]
        assert [row[-1] for row in history["device"]["rows"]] == pytest.approx([0.0, 2 / 2, 2 / 3, 3 / 4], rel=0.01)

    in_room(tmp_path, use)


def test_a_rate_is_of_the_latest_seconds(tmp_path: Path) -> None:
    """An edge slower than a look a request has a rate that stands still, and one that stopped has none in the end."""

    async def use(room: Room) -> None:
        assignment = await room.joined(policy="all-server")
        for second in range(31):
            room.answered(assignment, times=second % 2 if second < 20 else 0)
            await room.looked()
        rates = [row[-1] for row in json.loads(room.board.history(None))["device"]["rows"]]
        assert rates[10:20] == pytest.approx([0.5] * 10)
        assert rates[-1] == 0.0

    in_room(tmp_path, use)


def test_refusals_are_counted(tmp_path: Path) -> None:
    """A server that refuses everything does not look idle."""

    async def use(room: Room) -> None:
        assignment = await room.joined()
        room.answered(assignment)
        room.board.replied(request_under(assignment), answer(ReplyStatus.OVERLOADED))
        state = await room.looked()
        assert state["totals"]["refused"] == 1
        assert state["sessions"][0]["served"]["refused"] == 1

    in_room(tmp_path, use)


def test_savings_are_worked_out_while_somebody_looks(tmp_path: Path) -> None:
    """Comparing plans is work for the host: nobody's page costs none, and a visitor's is filled in."""

    async def use(room: Room) -> None:
        await room.joined()
        assert (await room.looked())["sessions"][0]["savings"] is None
        assert (await room.looked())["sessions"][0]["savings"] is None
        room.board.visited()
        savings = await _until_saved(room)
        assert {each["name"] for each in savings} >= {"all-edge", "all-server", "governor", "edge-clock"}

    in_room(tmp_path, use)


async def _until_saved(room: Room) -> list[dict[str, Any]]:
    while True:
        room.board.visited()
        savings: list[dict[str, Any]] | None = (await room.looked())["sessions"][0]["savings"]
        if savings is not None:
            return savings
        await asyncio.sleep(0)


def test_a_lost_device_is_told_and_the_page_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dashboard is needed most when something is broken."""

    async def use(room: Room) -> None:
        def fall_off() -> None:
            raise RuntimeError("it has fallen off the bus")

        monkeypatch.setattr(room.parts.device, "state", fall_off)
        await room.parts.watch.look()
        state = await room.looked()
        assert state["device"]["complaint"] == "it has fallen off the bus"
        assert state["device"]["power_w"] is None

    in_room(tmp_path, use)


def test_a_session_that_cannot_be_shown_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A figure that JSON does not know costs its own session's row, not the page, and is logged once."""

    def viewed(shown: ShownPlan, *others: Any) -> SessionView:
        view = session_view(shown, *others)
        if shown.kept.session_id == "edge-1":
            return replace(view, estimated=EstimatedView(latency_s=math.inf, energy_j=None))
        return view

    async def use(room: Room) -> None:
        monkeypatch.setattr(board, "session_view", viewed)
        for session_id in ("edge-1", "edge-2"):
            await room.joined(session_id)
        await room.looked()
        state = await room.looked()
        assert [each["session"] for each in state["sessions"]] == ["edge-2"]
        assert state["totals"]["sessions"] == 2
        assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == [
            "the dashboard cannot show session edge-1"
        ]

    in_room(tmp_path, use)


def test_a_session_is_explained_once_it_is_shown(tmp_path: Path) -> None:
    """Sentences, baselines, the whole explanation, and the network's blocks; nothing of sessions that are not shown."""

    async def use(room: Room) -> None:
        await room.joined()
        assert await room.board.explanation("edge-1", None) is None
        await room.looked()
        body = await room.board.explanation("edge-1", None)
        assert body is not None
        document = json.loads(body)
        assert document["schema"] == EXPLAINED_SCHEMA
        assert document["explanation"]["schema"] == "joulecut.explanation/1"
        assert document["baselines"]["rivals"]
        assert sum(block["work_share"] for block in document["blocks"]) == pytest.approx(1.0)
        assert len(document["reasons"]) > 6
        assert await room.board.explanation("edge-2", None) is None

    in_room(tmp_path, use)
