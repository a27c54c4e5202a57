"""A server-agent on a thread of its own, inside a process that has other things to do."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading

from joulecut_core.errors import JoulecutError, LinkError
from joulecut_proto import event_loops
from joulecut_server.agent import serving
from joulecut_server.config import ServerConfig
from joulecut_server.pool.reports import ReplicaState
from joulecut_server.reporting.load import LoadGauge, LoadReading

_LOG = logging.getLogger(__name__)

_READ_S = 5.0


class HostedAgent:
    """Starts serving when made. All methods may be called from any thread."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._address = ""
        self._complaint: str | None = None
        self._gauge: LoadGauge | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()
        self._stop_serving: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name=f"agent {config.name}", daemon=True)
        self._thread.start()

    @property
    def state(self) -> ReplicaState:
        """Where it is in its life."""
        if self._complaint is not None:
            return ReplicaState.FAILED
        if self._stopping.is_set():
            return ReplicaState.DRAINING
        return ReplicaState.SERVING if self._address else ReplicaState.STARTING

    @property
    def address(self) -> str:
        """Where it serves; empty before."""
        return self._address

    @property
    def complaint(self) -> str:
        """Why it has failed; empty otherwise."""
        return self._complaint or ""

    def load(self) -> LoadReading:
        """Its load now. Raises LinkError where it does not serve or does not answer, DeviceError as its device does."""
        gauge, loop = self._gauge, self._loop
        if gauge is None or loop is None or loop.is_closed():
            raise LinkError(f"{self._config.name} is {self.state.value}: it has no load to read")
        reading = asyncio.run_coroutine_threadsafe(gauge.read(), loop)
        try:
            return reading.result(_READ_S)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError) as error:
            reading.cancel()
            raise LinkError(f"{self._config.name} did not tell its load within {_READ_S:g} s") from error

    def stop(self) -> None:
        """Drain, restore the device's clocks, and return once that is done. May be called again.

        One that still starts, which may be profiling for minutes, gives that up; what was opened is closed.
        """
        self._stopping.set()
        loop, stop_serving = self._loop, self._stop_serving
        if loop is not None and stop_serving is not None and not loop.is_closed():
            loop.call_soon_threadsafe(stop_serving.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            event_loops.run(self._serve())
        except asyncio.CancelledError:
            _LOG.info("%s was stopped before it served", self._config.name)
        except JoulecutError as error:
            self._complaint = str(error)
            _LOG.error("%s: %s", self._config.name, error)
        except Exception as error:  # noqa: BLE001 - whoever asks is told
            self._complaint = f"{type(error).__name__}: {error}"
            _LOG.exception("%s broke off", self._config.name)
        finally:
            self._gauge = None

    async def _serve(self) -> None:
        self._stop_serving = stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._stopping.is_set():
            return  # before there was a loop to tell
        task = asyncio.create_task(self._serve_until(stopping))
        await asyncio.wait({task, asyncio.ensure_future(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if not self._address:
            task.cancel()
        await task

    async def _serve_until(self, stopping: asyncio.Event) -> None:
        async with serving(self._config, gauged=self._keep_gauge) as address:
            self._address = address
            await stopping.wait()

    def _keep_gauge(self, gauge: LoadGauge) -> None:
        self._gauge = gauge
