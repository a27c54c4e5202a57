"""A server-agent's health without TLS, on an address of its own: for supervisors, which have no certificate.

The standard gRPC health service and nothing else: who asks learns whether this server takes requests.

`python -m joulecut_server.reporting.health_port ADDRESS` asks, and exits 0 where it does.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing

from joulecut_core.errors import JoulecutError
from joulecut_core.exits import ExitCode
from joulecut_core.time_limits import within
from joulecut_proto.channels import bind, make_server, open_channel
from joulecut_proto.health_service import HealthStates, add_health
from joulecut_proto.health_watch import serving_states

_LOG = logging.getLogger(__name__)

_MOST_CALLS = 64
_LIMIT_BYTES = 4096
"""Of a request."""
_ASK_S = 3.0


async def open_health(listen: str, healthy: HealthStates, stack: AsyncExitStack) -> None:
    """Tell at `listen` what `healthy` knows until `stack` is left; nothing for an empty address.

    Raises ConfigError where nobody can listen there.
    """
    if not listen:
        return
    server = make_server(secured=False, maximum_concurrent_rpcs=_MOST_CALLS, limit_bytes=_LIMIT_BYTES)
    add_health(server, healthy)
    port = bind(server, listen, security=None)
    await server.start()
    stack.push_async_callback(server.stop, None)
    _LOG.info("health: port %d, without TLS", port)


async def takes_requests(address: str) -> bool:
    """Whether the server-agent whose health is told at `address` takes requests; raises LinkError where nobody is."""
    async with (
        open_channel(address, security=None) as channel,
        aclosing(serving_states(channel, peer=address)) as states,
    ):
        return await within(anext(states), _ASK_S)


def main(arguments: Sequence[str]) -> int:
    """An exit code for a container's health check."""
    if len(arguments) != 1:
        sys.stderr.write("expected one address: python -m joulecut_server.reporting.health_port 127.0.0.1:50552\n")
        return ExitCode.BAD_INPUT
    try:
        well = asyncio.run(takes_requests(arguments[0]))
    except (JoulecutError, asyncio.TimeoutError, StopAsyncIteration) as error:
        sys.stderr.write(f"{arguments[0]}: {error or 'no answer'}\n")
        return ExitCode.UNREACHABLE
    return ExitCode.OK if well else ExitCode.FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
