"""`joulecut-clockd`: lends clocks over a Unix socket to whom its rules allow, and puts them back whatever happens.

One JSON request a line; a lease ends with the connection that asked for it.
"""

import argparse
import io
import json
import logging
import os
import select
import signal
import socket
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path

from joulecut_core.errors import ClockError, ConfigError, DeviceError, LeaseError
from joulecut_runtime.clockd.allow_list import RULES, Rule, load_rules
from joulecut_runtime.clockd.book import SOCKET, STATE, Clocks, Find, Holder, LeaseBook, audit, find_boards, locked

_CONNECTIONS_EACH, _LONGEST_LINE, _LONGEST_NAME, _LOOK_S = 32, 4096, 64, 0.2  # each user's: nobody shuts the others out


def main(arguments: list[str] | None = None, find: Find = find_boards) -> int:
    """Run the program. Its exit codes are those of joulecut's other programs."""
    parser = argparse.ArgumentParser(prog="joulecut-clockd", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/"), help="where kernel files and all below are; default /")
    parser.add_argument("--socket", type=Path, help=f"where to listen; default {SOCKET}")
    parser.add_argument("--rules", type=Path, help=f"who may set what; default {RULES}, without it root alone")
    parser.add_argument("--restore", action="store_true", help="put back what killed processes left, and end")
    with suppress(OSError):
        # Closed: no other file shall get its number. A pipe or terminal, which others fill or stop: opened anew.
        if not (again := Path("/proc/self/fd/2" if sys.stderr else os.devnull)).is_file():
            os.dup2(os.open(again, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY), 2)
    sys.stderr = _Log()
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        with closing(LeaseBook(options.root, find)) as book:
            book.tend()
            if not options.restore:
                rules = load_rules(options.rules or options.root / RULES, needed=bool(options.rules))
                _lend(options.socket or options.root / SOCKET, book, rules)
    except (ConfigError, DeviceError, OSError, RuntimeError) as error:  # RuntimeError: no more threads
        sys.stderr.write(f"error: {error}\n")
        return 2 if isinstance(error, ConfigError) else 4
    return 0


class _Log(io.StringIO):
    """Standard error of a process that waits for no reader: what has no room is lost, counted, and told of later.

    It looks for room first, since a socket, and what could not be opened anew, waits: it is as others have it.
    """

    _lost, _turn = 0, threading.Lock()

    def write(self, text: str, /) -> int:
        """Raises nothing. A line of which the end had no room counts as lost, too."""
        with self._turn, suppress(OSError):
            told = f"\nWARNING {self._lost} lines are lost here: nobody had made room for them\n" if self._lost else ""
            rest, self._lost = f"{told}{text}".encode(errors="replace"), self._lost + text.count("\n")
            while rest and select.select((), (2,), (), 0)[1]:  # a pipe then takes its PIPE_BUF, a terminal far less
                rest = rest[os.write(2, rest[: 16 if os.isatty(2) else select.PIPE_BUF]) :]
            self._lost *= bool(rest)
        return len(text)


def _lend(path: Path, book: LeaseBook, rules: list[Rule]) -> None:
    """Until SIGTERM, SIGINT or SIGHUP."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signals := {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    with locked(book.root / STATE / "joulecut-clockd.lock"), socket.socket(socket.AF_UNIX) as listener:
        if path.is_socket():
            path.unlink()
        try:
            listener.bind(str(path))
        except OSError as error:
            raise ConfigError(f"{path}: {error}; give --socket a free name in a folder that is there") from error
        path.chmod(0o660)  # for root and the daemon's group, before anybody can connect
        listener.listen()
        audit("listening", None, "done", socket=str(path))
        _notify("READY=1")
        service = threading.Thread()
        while not signal.sigtimedwait(signals, 0):
            if not service.is_alive():  # at first, and a moment after the system had no descriptor or thread left
                service = threading.Thread(target=serve, args=(listener, book, rules), daemon=True)
                service.start()
            # Only a pause: where this process was stopped in it, it tells of signals that never came.
            signal.sigtimedwait((), _LOOK_S)
            book.tend()
            _notify("WATCHDOG=1")


def _notify(state: str) -> None:
    """Tell systemd, where it asks to be told; clocks do not wait until it listens."""
    with suppress(KeyError, OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(state.encode(), socket.MSG_DONTWAIT, os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))


def serve(listener: socket.socket, book: LeaseBook, rules: list[Rule]) -> None:
    """Attend to each connection in a thread of its own, until the listener is shut down or the system gives no more.

    Half of the descriptors are kept for what restores clocks: journals, locks, kernel files, the driver's.
    """
    try:
        while True:
            connection = _Connection(listener.accept()[0], book, rules)
            taken, user = [each.name for each in threading.enumerate()], f"{book.root}: user {connection.uid}"
            if taken.count(user) < _CONNECTIONS_EACH and len(taken) < os.sysconf("SC_OPEN_MAX") // 2:
                threading.Thread(target=connection.attend, name=user, daemon=True).start()
            else:
                connection.line.close()
    except (OSError, RuntimeError) as error:
        audit("connection", None, f"failed: {error}")


class _Connection:
    def __init__(self, line: socket.socket, book: LeaseBook, rules: list[Rule]) -> None:
        self.line, self._book, self._rules = line, book, rules
        pid, self.uid, _ = memoryview(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)).cast("I")
        self._who: Holder = {"holder": "-", "uid": self.uid, "pid": pid}

    def attend(self) -> None:
        """Answer until the client goes, or talks without end; with that its leases end."""
        try:
            with suppress(OSError), self.line, self.line.makefile("rb") as requests:
                while (request := requests.readline(_LONGEST_LINE)).endswith(b"\n"):
                    self.line.sendall(json.dumps(self._answer(request)).encode() + b"\n")
        finally:
            self._book.tend(self._who)

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            with self._book.turn:
                return {"answer": self._do(**json.loads(line))}
        except Exception as error:  # noqa: BLE001 - whatever fails, fails this request and not the daemon
            audit("refusal", self._who, f"{type(error).__name__}: {error}", request=repr(line))
            return {"error": type(error).__name__, "message": str(error)}

    def _rules_for(self, board: str) -> list[Rule]:
        return [rule for rule in self._rules if rule.concerns(self.uid, board)]

    def _do(self, *, op: str, board: str = "", mhz: Clocks = (0.0, None), ttl_s: float = 0.0, name: str = "") -> object:
        if op == "state":
            return [{**one.state(), "allowed": bool(self._rules_for(key))} for key, one in self._book.boards().items()]
        if not (rules := self._rules_for(board)):
            raise LeaseError(f"user {self.uid} may not set the clocks of {board}; /{RULES} says who may")
        custody = self._book.board(board)
        custody.tend()
        asked_s = ttl_s if op == "acquire" else custody.ttl_s
        if op in {"acquire", "move"} and not any(rule.allows(*mhz, asked_s) for rule in rules):
            raise ClockError(f"{mhz} MHz, {asked_s} s: more than user {self.uid} may: {[one.limits for one in rules]}")
        if not (isinstance(name, str) and name.isprintable() and len(name) <= _LONGEST_NAME):
            raise ConfigError(f"name {name!r}; expected printable text of at most {_LONGEST_NAME} characters")
        self._who["holder"] = name or self._who["holder"]
        asked: dict[str, dict[str, object]] = {"acquire": {"clocks": mhz, "ttl_s": ttl_s}, "move": {"clocks": mhz}}
        asked |= {"heartbeat": {}, "release": {}, "reset": {"memory": any(rule.memory_mhz for rule in rules)}}
        if op not in asked:
            raise ConfigError(f"{op!r} is unknown; expected state, {', '.join(asked)}")
        return getattr(custody, op)(holder=self._who, **asked[op]) or []
