"""Logging of the programs. Libraries only ever get a logger; programs decide where it goes."""

from __future__ import annotations

import logging
import sys

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr(*, verbose: bool) -> None:
    """Write this process's log to standard error, from INFO up, or from DEBUG where `verbose`."""
    logging.basicConfig(stream=sys.stderr, format=_FORMAT, level=logging.DEBUG if verbose else logging.INFO)
