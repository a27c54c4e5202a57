"""What a stand-in says to the warm interpreter; run as a program, it is the stand-in."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from dataclasses import asdict, dataclass

STREAMS = 3
"""Standard input, output and error travel along."""
_LENGTH_BYTES = 4


@dataclass(frozen=True)
class Start:
    """How a program is started. `interpreter`: what lies beside the stand-ins, so that it finds them there too."""

    interpreter: str
    program: str
    arguments: tuple[str, ...]
    folder: str
    environment: dict[str, str]


def send(connection: socket.socket, start: Start) -> None:
    """Hand over a start, and this process's standard streams."""
    said = json.dumps(asdict(start)).encode()
    socket.send_fds(connection, [len(said).to_bytes(_LENGTH_BYTES, "big")], list(range(STREAMS)))
    connection.sendall(said)


def receive(connection: socket.socket) -> tuple[Start, list[int]]:
    """What `send` handed over."""
    length, streams, _, _ = socket.recv_fds(connection, _LENGTH_BYTES, STREAMS)
    with connection.makefile("rb", buffering=0) as reader:
        said = b""
        while len(said) < int.from_bytes(length, "big"):
            said += reader.read(int.from_bytes(length, "big") - len(said)) or b""
    return Start(**json.loads(said)), list(streams)


def main(door: str, interpreter: str, program: str, *arguments: str) -> int:
    """Start `program`, pass signals on until it ends; its exit status."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(door)
    folder = os.getcwd()  # noqa: PTH109 - pathlib takes longer to import than the rest to run
    send(connection, Start(interpreter, program, arguments, folder, dict(os.environ)))
    for passed in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(passed, lambda number, _: connection.sendall(bytes([number])))
    status = connection.recv(1)
    return status[0] if status else 128 + signal.SIGKILL


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
