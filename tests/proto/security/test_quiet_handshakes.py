"""Who fails at TLS, or packs what it sends, writes nothing into a server's log: callers could fill its disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.fakes.certificates import TestAuthority

_KNOCKED_AT = """
import asyncio, socket, sys
from joulecut_core.logs import log_to_stderr
log_to_stderr(verbose=True)
from pathlib import Path
from joulecut_proto.channels import bind, make_server
from joulecut_proto.security.channel_security import ChannelSecurity

def knock(port):
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
        return caller.recv(1)

async def main():
    authority, certificate, key = map(Path, sys.argv[1:])
    server = make_server(secured=True)
    port = bind(server, "127.0.0.1:0", ChannelSecurity(authority=authority, certificate=certificate, key=key))
    await server.start()
    print([await asyncio.to_thread(knock, port) for _ in range(3)])
    await server.stop(None)

asyncio.run(main())
"""

_SENT_PACKED = """
import asyncio
from joulecut_core.logs import log_to_stderr
log_to_stderr(verbose=True)
import grpc.aio
from joulecut_proto.channels import bind, make_server

async def main():
    server = make_server(secured=False)
    port = bind(server, "127.0.0.1:0", security=None)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            await channel.unary_unary("/joulecut.v1.Agent/Hello")(bytes(1000), compression=grpc.Compression.Gzip)
        except grpc.aio.AioRpcError as error:
            print(error.details())
    await server.stop(None)

asyncio.run(main())
"""


def test_a_failed_handshake_is_no_line(tmp_path: Path) -> None:
    """gRPC's own log has a line for each by default, past the format and the bounds of ours."""
    authority = TestAuthority(tmp_path)
    held = authority.issue("server", "s")
    done = ran(_KNOCKED_AT, str(authority.path), str(held.certificate), str(held.key))
    assert done.stdout == "[b'', b'', b'']\n"
    assert [line for line in done.stderr.splitlines() if "andshake" in line] == []


def test_a_refused_packed_message_is_no_line() -> None:
    """gRPC's own log has it among its errors, once for each, whoever calls."""
    done = ran(_SENT_PACKED)
    assert done.stdout == "Compression algorithm 'gzip' is disabled.\n"
    assert [line for line in done.stderr.splitlines() if "ompression" in line] == []


def ran(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program that has ended well, with gRPC's log as agents have it."""
    kept = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=kept, capture_output=True, text=True, check=True
    )
