"""The library's planning calls answered by a server-agent: the same arguments, answers and errors.

A large fleet is planned where there are cores for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, overload

from joulecut_core.argument_types import expect_time_limit
from joulecut_core.fleets import Fleet, FleetPlan
from joulecut_core.plans import Plan
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import Pool
from joulecut_core.problems import Problem
from joulecut_proto.addresses import parse_address
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import PlannerClient
from joulecut_proto.security.channel_security import ChannelSecurity
from joulecut_proto.security.plain_text import check_plain_text

R = TypeVar("R")

_ANSWER_S = 60.0


def security_for(server: str, folder: Path | None, *, insecure: bool = False) -> ChannelSecurity | None:
    """The certificate in `folder` (authority.pem, certificate.pem, key.pem); None without one, for plain text.

    Raises ConfigError where plain text would leave this host and `insecure` does not allow it.
    """
    if folder is None:
        check_plain_text(parse_address(server), insecure=insecure)
        return None
    return ChannelSecurity(
        authority=folder / "authority.pem", certificate=folder / "certificate.pem", key=folder / "key.pem"
    )


def plan_remotely(
    problem: Problem, server: str, *, timeout_s: float = _ANSWER_S, security: ChannelSecurity | None = None
) -> Plan:
    """As `solve(problem)`, by the server-agent at `server` ("host:port" or "unix:/path").

    `timeout_s` is in seconds of the wall. Raises ProblemError where the problem is malformed or larger
    than the server takes, LinkError where it cannot be reached, is busy or does not answer in time,
    ConfigError where the address is malformed, or `timeout_s` leaves no time.
    """
    within_s = expect_time_limit("timeout_s", timeout_s)
    return _asked(server, security, lambda client: client.plan(problem, timeout_s=within_s))


def pareto_remotely(
    problem: Problem, server: str, *, timeout_s: float = _ANSWER_S, security: ChannelSecurity | None = None
) -> list[Plan]:
    """As `pareto(problem)`; otherwise as `plan_remotely`."""
    within_s = expect_time_limit("timeout_s", timeout_s)
    return _asked(server, security, lambda client: client.pareto(problem, timeout_s=within_s))


@overload
def plan_fleet_remotely(
    fleet: Fleet, server: str, *, timeout_s: float = _ANSWER_S, security: ChannelSecurity | None = None
) -> FleetPlan: ...


@overload
def plan_fleet_remotely(
    fleet: Pool, server: str, *, timeout_s: float = _ANSWER_S, security: ChannelSecurity | None = None
) -> PoolPlan: ...


def plan_fleet_remotely(
    fleet: Fleet | Pool, server: str, *, timeout_s: float = _ANSWER_S, security: ChannelSecurity | None = None
) -> FleetPlan | PoolPlan:
    """As `solve_fleet(fleet)`, of either version; otherwise as `plan_remotely`."""
    within_s = expect_time_limit("timeout_s", timeout_s)
    if isinstance(fleet, Pool):
        return _asked(server, security, lambda client: client.plan_pool(fleet, timeout_s=within_s))
    return _asked(server, security, lambda client: client.plan_fleet(fleet, timeout_s=within_s))


def _asked(server: str, security: ChannelSecurity | None, ask: Callable[[PlannerClient], Awaitable[R]]) -> R:
    async def talk() -> R:
        async with open_channel(server, security) as channel:
            return await ask(PlannerClient(channel, peer=f"server-agent {server}"))

    if not _is_in_event_loop():
        return asyncio.run(talk())
    # A notebook's cells run in an event loop, and a thread has one at most.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(talk())).result()


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
