"""How an agent leaves its device: clocks given back after the work under way, or beside work that does not end."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from joulecut_core.devices import Device
from joulecut_core.errors import DeviceError
from joulecut_runtime.devices.hardware.patience import Patience
from joulecut_runtime.execution.device_worker import DeviceWorker

_LOG = logging.getLogger(__name__)

WORK_S = 4.0
"""Wall seconds that work gets to end once its request's own have passed."""
RESTORE_S = 3.0
"""Wall seconds that clocks get to be given back beside work that does not end."""
CLOSE_S = 12.0
"""Wall seconds that a device gets to be closed: more than those after which clocks count as not given back."""
_IDLE_S = 1.0


class HungDeviceError(DeviceError):
    """The device's work does not end: this process has to, and takes the device with it."""


async def give_back(
    restore: Callable[[], object],
    worker: DeviceWorker,
    device: Device,
    *,
    work_s: float = WORK_S,
    restore_s: float = RESTORE_S,
) -> None:
    """Call `restore`, which gives the clocks back, as the worker's last work; what waits is dropped.

    Raises HungDeviceError where the work that runs does not end within `work_s` wall seconds: `restore` is then called
    in another thread, for `restore_s` at most. What `restore` raises is raised.
    """
    given: Future[None] = Future()
    once = threading.Lock()

    def give() -> None:
        if not once.acquire(blocking=False):
            return
        try:
            restore()
        except BaseException as error:  # noqa: BLE001 - told by whoever waits for it
            given.set_exception(error)
        else:
            given.set_result(None)

    worker.finish(give)
    ended = asyncio.wrap_future(given)
    await asyncio.wait({ended}, timeout=work_s)
    if ended.done():
        ended.result()
        return
    name = device.info.name
    if once.locked():
        await _given_late(ended, name, work_s, restore_s)
        return
    _LOG.error("%s: work on it has not ended within %g s: its clocks are given back beside it", name, work_s)
    threading.Thread(target=give, name="clocks", daemon=True).start()
    await asyncio.wait({ended}, timeout=restore_s)
    hung = f"{name} hangs: work on it did not end when this agent had to"
    if not ended.done():
        raise HungDeviceError(f"{hung}, nor could its clocks be given back within {restore_s:g} s; see to them by hand")
    failure = ended.exception()
    if failure is not None:
        raise HungDeviceError(f"{hung}; its clocks were not given back: {failure}; see to them by hand") from failure
    raise HungDeviceError(f"{hung}; its clocks were given back")


async def _given_late(ended: asyncio.Future[None], name: str, work_s: float, restore_s: float) -> None:
    """Wait for clocks whose giving back has begun: the device's work has ended, and it is not what hangs."""
    _LOG.error("%s: its clocks have not been given back within %g s", name, work_s)
    await asyncio.wait({ended}, timeout=restore_s)
    if not ended.done():
        raise HungDeviceError(
            f"the clocks of {name} could not be given back within {work_s + restore_s:g} s, though its work has ended: "
            "what sets them hangs, joulecut-clockd or the driver; see to them by hand"
        )
    ended.result()


def let_go(worker: DeviceWorker, device: Device, *, close_s: float = CLOSE_S) -> None:
    """End the worker and close the device; not where work runs on it still: both then end with the process.

    Raises BlockedError where the device is not closed within `close_s` wall seconds: it is left behind.
    """
    if not worker.close(_IDLE_S):
        return
    closing = Patience(close_s, doing="letting go of")
    try:
        closing.run(device.info.name, device.close)
    finally:
        closing.close()
