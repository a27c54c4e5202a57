"""How gRPC waits for sockets in the programs: in the thread that wants to know, not in threads of its EventEngine.

Through the EventEngine a thread that polls wakes another that reads, which wakes the one that waits for the message. In
a round trip threads fall asleep and are woken six times more: about a quarter of a small message's time.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "GRPC_EXPERIMENTS"
IN_PLACE = "-event_engine_client,-event_engine_listener"


def wait_in_place() -> bool:
    """Let gRPC wait so from now on; whether it will.

    It does what the environment says where that says something, and reads it as it is imported: call this before.
    """
    if "grpc" in sys.modules:
        return os.environ.get(VARIABLE) == IN_PLACE
    return os.environ.setdefault(VARIABLE, IN_PLACE) == IN_PLACE
