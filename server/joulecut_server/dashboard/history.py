"""The last ten minutes, a value a second, in memory: of the device, and of each session that is shown."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

Row = tuple[float | None, ...]

LENGTH = 600
DEVICE_COLUMNS = ("time_s", "power_w", "core_mhz", "temperature_c", "requests_hz")
SESSION_COLUMNS = ("time_s", "energy_j", "latency_s")


class History:
    """Rows of numbers, the oldest first. Used from one thread at a time.

    `time_s`: wall seconds since the agent began to serve. None: nothing was known, or nothing happened, in that second.
    """

    def __init__(self, *, length: int = LENGTH) -> None:
        self._length = length
        self._device: deque[Row] = deque(maxlen=length)
        self._sessions: OrderedDict[str, deque[Row]] = OrderedDict()

    def add(self, device: Row, sessions: Sequence[tuple[str, Row]]) -> None:
        """One second; sessions that are not among these are forgotten."""
        self._device.append(device)
        now = OrderedDict(
            (session_id, self._sessions.get(session_id) or deque[Row](maxlen=self._length))
            for session_id, _ in sessions
        )
        for session_id, row in sessions:
            now[session_id].append(row)
        self._sessions = now

    def document(self, shows: Callable[[str], bool]) -> dict[str, object]:
        """The device and the sessions that `shows` says, by id, as a JSON object."""
        return {
            "device": {"columns": DEVICE_COLUMNS, "rows": list(self._device)},
            "sessions": {
                session_id: {"columns": SESSION_COLUMNS, "rows": list(rows)}
                for session_id, rows in self._sessions.items()
                if shows(session_id)
            },
        }
