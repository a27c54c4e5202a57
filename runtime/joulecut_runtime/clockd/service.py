"""The daemon's socket: one JSON request a line, and leases that end with the connection that asked for them."""

import json
import os
import pwd
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

from joulecut_core.errors import ClockError, ConfigError, LeaseError
from joulecut_runtime.clockd.allow_list import RULES, Rule, concerning
from joulecut_runtime.clockd.book import Clocks, Holder, LeaseBook, audit

SOCKET = Path("run/joulecut-clockd/clockd.sock")
"""Where it is, below the root folder."""
_CONNECTIONS, _LONGEST_LINE, _SILENCE_S, _LONGEST_NAME = 32, 4096, 30.0, 64
_CONNECTIONS_EACH, _UNBOUNDED = 8, frozenset({0})  # of a user, root excepted: nobody shuts the others out


def serve(listener: socket.socket, book: LeaseBook, rules: list[Rule]) -> None:
    """Attend to each connection in a thread of its own, until the listener is shut down."""
    taken: list[int] = []
    with suppress(OSError):
        while True:
            line, _ = listener.accept()
            uid = (connection := _Connection(line, book, rules)).uid
            if len(taken) < _CONNECTIONS and (uid in _UNBOUNDED or taken.count(uid) < _CONNECTIONS_EACH):
                taken.append(uid)
                threading.Thread(target=connection.attend, args=(taken,), daemon=True).start()
            else:
                line.close()


class _Connection:
    def __init__(self, line: socket.socket, book: LeaseBook, rules: list[Rule]) -> None:
        self._line, self._book, self._rules = line, book, rules
        pid, self.uid, gid = struct.unpack("iII", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        self._gids = [gid]
        with suppress(KeyError, OSError):
            self._gids = os.getgrouplist(pwd.getpwuid(self.uid).pw_name, gid)
        self._who: Holder = {"holder": "-", "uid": self.uid, "pid": pid}

    def attend(self, taken: list[int]) -> None:
        """Answer until the client goes, is silent for long, or talks without end; with that its leases end."""
        self._line.settimeout(_SILENCE_S)
        try:
            with suppress(OSError), self._line, self._line.makefile("rb") as requests:
                while (request := requests.readline(_LONGEST_LINE)).endswith(b"\n"):
                    self._line.sendall(json.dumps(self._answer(request)).encode() + b"\n")
        finally:
            self._book.leave(self._who)
            taken.remove(self.uid)

    def _answer(self, line: bytes) -> dict[str, object]:
        request = None
        try:
            request = json.loads(line)
            with self._book.turn:
                return {"answer": self._do(**request)}
        except Exception as error:  # noqa: BLE001 - whatever fails, fails this request and not the daemon
            audit("refusal", self._who, f"{type(error).__name__}: {error}", request=request)
            return {"error": type(error).__name__, "message": str(error)}

    def _do(
        self, *, op: str, board: str = "", mhz: Clocks = (0.0, None), ttl_s: float = 0.0, name: str = ""
    ) -> list[dict[str, object]]:
        if op == "state":
            boards = self._book.boards().items()
            return [{**custody.state(), "allowed": bool(self._rules_for(key))} for key, custody in boards]
        if not (rules := self._rules_for(board)):
            raise LeaseError(f"user {self.uid} may not set the clocks of {board}; /{RULES} says who may")
        custody = self._book.board(board)
        custody.tend()
        core_mhz, memory_mhz, asked_s = (*mhz, ttl_s if op == "acquire" else custody.ttl_s)
        if op in {"acquire", "move"} and not any(rule.allows(core_mhz, memory_mhz, asked_s) for rule in rules):
            memory = "no memory clock" if memory_mhz is None else f"memory {memory_mhz} MHz"
            asked = f"core {core_mhz} MHz, {memory}, for {asked_s} s"
            raise ClockError(f"{asked} is more than user {self.uid} may: {'; or '.join(map(str, rules))}")
        if op == "acquire":
            if not (isinstance(name, str) and name.isprintable() and len(name) <= _LONGEST_NAME):
                raise ConfigError(f"name {name!r}; expected printable text of at most {_LONGEST_NAME} characters")
            self._line.settimeout(max(_SILENCE_S, ttl_s))
            self._who["holder"] = name
            custody.acquire(mhz, self._who, ttl_s)
        elif op == "move":
            custody.move(mhz, self._who)
        elif op == "reset":
            custody.reset(self._who, memory=any(rule.sets_memory for rule in rules))
        elif op in {"heartbeat", "release"}:
            {"heartbeat": custody.heartbeat, "release": custody.release}[op](self._who)
        else:
            raise ConfigError(f"{op!r} is unknown; expected state, acquire, move, heartbeat, release or reset")
        return []

    def _rules_for(self, board: str) -> list[Rule]:
        return concerning(self._rules, self.uid, self._gids, board)
