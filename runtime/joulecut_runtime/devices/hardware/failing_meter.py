"""A meter that fails is no lost device: what it would have counted is unknown, and the device goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from joulecut_core.errors import DeviceError

_LOG = logging.getLogger(__name__)

_T = TypeVar("_T")


class FailingMeter:
    """What a meter says while it answers. The log tells once of each time in which it does not."""

    def __init__(self) -> None:
        self._fails = False

    def reading(self, read: Callable[[], _T]) -> _T | None:
        """What `read` gives; None where it raises DeviceError."""
        try:
            found = read()
        except DeviceError as error:
            if not self._fails:
                _LOG.warning("there are no joules until the meter can be read again: %s", error)
            self._fails = True
            return None
        if self._fails:
            _LOG.warning("the meter can be read again")
        self._fails = False
        return found
