"""How a pool of server-agents looks to people: one line a server."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from joulecut_server.pool import PoolStanding, ServerStanding

_COLUMNS = ("server", "state", "address", "node", "GPU", "sessions", "waiting", "busy", "W", "restarts")
_FIRST_NUMBER = 5


def pool_table(standing: PoolStanding, *, is_kept: bool) -> Table:
    """The servers as they were at the keeper's last look. `is_kept`: whether there is still a keeper."""
    serving = sum(1 for server in standing.servers if server.state.value == "serving" and server.is_heard)
    title = escape(f"{standing.name}: {serving} of {standing.wanted} servers")
    table = Table(title=title if is_kept else f"{title}, when its keeper ended")
    for index, column in enumerate(_COLUMNS):
        table.add_column(column, justify="right" if index >= _FIRST_NUMBER else "left")
    for server in standing.servers:
        table.add_row(*map(escape, _row(server)))
    return table


def _row(server: ServerStanding) -> tuple[str, ...]:
    state = server.state.value if server.is_heard else f"{server.state.value}, silent"
    return (
        server.name,
        f"{state}: {server.complaint}" if server.complaint else state,
        server.address or "-",
        server.node or "-",
        server.gpu or "-",
        str(server.sessions),
        str(server.waiting),
        f"{100 * server.utilisation:.0f} %",
        "-" if server.power_w is None else f"{server.power_w:.1f}",
        str(max(0, server.lives - 1)),
    )
