"""How many files and connections this process may have open."""

from __future__ import annotations

import logging
import resource

_LOG = logging.getLogger(__name__)

_MOST = 1 << 20
"""Where the hard limit is none: the kernel's own default ceiling."""


def allow_open_files() -> int:
    """Raise the soft limit on open files to the hard one; returns what holds then.

    Each edge takes one of a server's for its connection, and the usual soft limit of 1024 is below what `[limits]
    streams` promises. An edge whose applications leave connections open has none left to reach its server by.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        _LOG.warning("open files: %d at most; the hard limit, %d, was refused: %s", soft, wanted, error)
        return soft
    _LOG.info("open files: %d at most, raised from %d", wanted, soft)
    return wanted
