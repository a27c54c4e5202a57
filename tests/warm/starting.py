"""What a stand-in says to the warm interpreter; run as a program, it is the stand-in.

It is started hundreds of times, so it imports little: no dataclasses, and marshal instead of json.
"""

from __future__ import annotations

import marshal
import os
import signal
import socket
import sys

STREAMS = 3
"""Standard input, output and error travel along."""
_LENGTH_BYTES = 4


def send(connection: socket.socket, said: bytes) -> None:
    """Hand over how to start, and this process's standard streams."""
    socket.send_fds(connection, [len(said).to_bytes(_LENGTH_BYTES, "big")], list(range(STREAMS)))
    connection.sendall(said)


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """What `send` handed over."""
    length, streams, _, _ = socket.recv_fds(connection, _LENGTH_BYTES, STREAMS)
    with connection.makefile("rb", buffering=0) as reader:
        said = b""
        while len(said) < int.from_bytes(length, "big"):
            said += reader.read(int.from_bytes(length, "big") - len(said)) or b""
    return said, list(streams)


def main(door: str, interpreter: str, program: str, *arguments: str) -> int:
    """Start `program`, pass signals on until it ends; its exit status."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(door)
    start = {
        "interpreter": interpreter,
        "program": program,
        "arguments": arguments,
        "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes longer to import than the rest to run
        "environment": dict(os.environ),
    }
    send(connection, marshal.dumps(start))
    for passed in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(passed, lambda number, _: connection.sendall(bytes([number])))
    status = connection.recv(1)
    return status[0] if status else 128 + signal.SIGKILL


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
