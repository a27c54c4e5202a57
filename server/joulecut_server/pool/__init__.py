"""A pool of server-agents: how many there are, where, and that the dead come back. On Ray, the extra `pool`.

    keeper ── crew (Ray) ──▶ replica: a process with one server-agent in it, on a seat of its own
       │                        ▲
       ├── scaling: how many    └── edges speak to it directly, as to any server-agent
       └── publishing: servers.json, eds.json, pool.json

Edges know nothing of Ray: no request passes through it.
"""

from __future__ import annotations

from joulecut_server.pool.options import PoolConfig, PoolOptions, load_pool
from joulecut_server.pool.running import end_pool, run_pool
from joulecut_server.pool.standing import PoolStanding, ServerStanding, read_standing

__all__ = [
    "PoolConfig",
    "PoolOptions",
    "PoolStanding",
    "ServerStanding",
    "end_pool",
    "load_pool",
    "read_standing",
    "run_pool",
]
