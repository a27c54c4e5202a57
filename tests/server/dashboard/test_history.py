"""The last minutes, in memory."""

from __future__ import annotations

from typing import Any, cast

from joulecut_server.dashboard.history import History


def test_old_seconds_and_ended_sessions_are_forgotten() -> None:
    """The history has an end, for the device and for each session, and a session that has left takes its own along."""
    history = History(length=3)
    for second in range(5):
        sessions = [("stays", (float(second), 1.0, None))] + (
            [("leaves", (float(second), 2.0, 3.0))] if second < 4 else []
        )
        history.add((float(second), 20.0, 585.0, None, 0.0), sessions)
    document = cast("dict[str, Any]", history.document(lambda _: True))
    assert [row[0] for row in document["device"]["rows"]] == [2.0, 3.0, 4.0]
    assert list(document["sessions"]) == ["stays"]
    assert document["sessions"]["stays"]["rows"][-1] == (4.0, 1.0, None)
    assert len(document["device"]["columns"]) == len(document["device"]["rows"][0])
