"""Traces of an agent, where its configuration asks for them; without that no library of theirs is loaded."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from joulecut_core.timing import Clock
from joulecut_proto.tracing.options import TracesOptions

if TYPE_CHECKING:
    from joulecut_proto.tracing.opening import Traces


async def start_traces(
    options: TracesOptions, stack: AsyncExitStack, *, service: str, name: str, clock: Clock
) -> Traces | None:
    """Traces until `stack` is closed; None where nobody asked for them.

    Raises ConfigError as `Traces` does, and where the libraries are missing.
    """
    if not options.wanted:
        return None
    from joulecut_proto.tracing.opening import Traces  # noqa: PLC0415 - the libraries for it are an extra

    traces = await asyncio.to_thread(lambda: Traces(options, service=service, name=name, clock=clock))
    stack.push_async_callback(asyncio.to_thread, traces.close)
    return traces
