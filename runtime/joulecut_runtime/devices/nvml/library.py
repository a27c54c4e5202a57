"""The driver's library in this process: opened once however many use it, shut down with the last of them.

It stays open as long as anybody wants a clock held: without persistence mode a driver forgets locks when its last
client closes.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pynvml

from joulecut_runtime.devices.nvml.errors import FUNCTION_NOT_FOUND, UNINITIALIZED, device_error

_lock = threading.RLock()
_users = 0


class RefusalError(Exception):
    """The library's answer where it is not success; never leaves this backend."""

    def __init__(self, code: int) -> None:
        super().__init__(f"NVML {code}")
        self.code = code


class Library:
    """One use of NVML. Safe to call from several threads."""

    def __init__(self) -> None:
        """Open it. Raises DeviceError where there is no driver."""
        global _users  # noqa: PLW0603 - NVML counts its users per process too
        with _lock:
            if _users == 0:
                try:
                    _call("nvmlInit")
                except RefusalError as error:
                    raise device_error(error.code, who="NVML", doing="opening the driver's library") from error
            _users += 1
            self._open = True

    def ask(self, call: str, *arguments: object) -> Any:
        """What a function of pynvml returns. Raises RefusalError with the code where it fails."""
        try:
            return _call(call, *arguments)
        except RefusalError as error:
            # Somebody else in this process shut the library down: torch, or a tool that counts its users badly.
            if error.code != UNINITIALIZED or not self._open:
                raise
            _call("nvmlInit")
            return _call(call, *arguments)

    def has(self, symbol: str) -> bool:
        """Whether the driver's library has a function; costs no call."""
        return hasattr(pynvml.nvmlLib, symbol)

    def open_anew(self) -> None:
        """Shut the library down and open it again, which a GPU that was reset may need to be seen.

        Does nothing where others in this process use it: their handles would go stale, and a driver without
        persistence mode could forget their locks.
        """
        with _lock:
            if _users == 1 and self._open:
                with suppress(RefusalError):
                    _call("nvmlShutdown")
                with suppress(RefusalError):  # the next question tells
                    _call("nvmlInit")

    def close(self) -> None:
        """End this use. Safe to call twice."""
        global _users  # noqa: PLW0603 - as above
        with _lock:
            if not self._open:
                return
            self._open = False
            _users -= 1
            if _users == 0:
                with suppress(RefusalError):  # somebody else in this process did
                    _call("nvmlShutdown")


def _call(call: str, *arguments: object) -> Any:
    try:
        function = getattr(pynvml, call)
    except AttributeError as error:  # a nvidia-ml-py older than the call
        raise RefusalError(FUNCTION_NOT_FOUND) from error
    try:
        return function(*arguments)
    except pynvml.NVMLError as error:
        # Not chained: nobody may ever compare or hash an NVMLError.
        raise RefusalError(int(vars(error)["value"])) from None
    except pynvml.NVMLLibraryMismatchError as error:  # what the binding makes of a versioned call that is not there
        raise RefusalError(FUNCTION_NOT_FOUND) from error
