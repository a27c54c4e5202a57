"""`joulecut-clockd`: lends clocks over a Unix socket to whom its rules allow, and puts them back whatever happens."""

import argparse
import fcntl
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from joulecut_core.errors import ConfigError
from joulecut_runtime.clockd.allow_list import RULES, Rule, load_rules
from joulecut_runtime.clockd.book import STATE, Find, LeaseBook, find_boards
from joulecut_runtime.clockd.service import SOCKET, serve

_LOG = logging.getLogger(__name__)
VARIABLES = "JOULECUT_CLOCKD_"
"""What the daemon's environment variables begin with."""
_SETTINGS = {
    "root": ("/", "find kernel files, and all below, there; default /"),
    "socket": ("", f"where to listen; default {SOCKET}"),
    "rules": ("", f"who may set what; default {RULES}, without it root alone"),
}


def main(arguments: Sequence[str] | None = None, find: Find = find_boards) -> int:
    """Run the program. Its exit codes are those of joulecut's other programs."""
    parser = argparse.ArgumentParser(prog="joulecut-clockd", description=__doc__)
    for name, (_, what) in _SETTINGS.items():
        parser.add_argument(f"--{name}", help=f"{what}; or the variable {VARIABLES}{name.upper()}")
    parser.add_argument("--print-config", action="store_true", help="print these settings and their origins as TOML")
    parser.add_argument("--restore", action="store_true", help="put back what killed processes left, and end")
    options = vars(parser.parse_args(arguments))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        settings = choose_settings(options, os.environ)
        if options["print_config"]:
            for name, (value, origin) in settings.items():
                sys.stdout.write(f"{name} = {json.dumps(value, ensure_ascii=False)}  # {origin}\n")
            return 0
        root, path, rules = (Path(value) if value else None for value, _ in settings.values())
        book = LeaseBook(root or Path("/"), find)
        try:
            if not options["restore"]:
                _serve(path or book.root / SOCKET, book, load_rules(rules or book.root / RULES, needed=bool(rules)))
        finally:
            restored = book.close()
    except (ConfigError, OSError) as error:
        another = isinstance(error, BlockingIOError)  # of flock
        sys.stderr.write(f"error: {'another joulecut-clockd runs; stop it first' if another else error}\n")
        return 2 if isinstance(error, ConfigError) else 4
    return 0 if restored else 4


def choose_settings(flags: Mapping[str, object], environment: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Each setting with its origin: a flag, a variable or "default". ConfigError for a variable that is nobody's."""
    chosen = {name: (value, "default") for name, (value, _) in _SETTINGS.items()}
    for variable in filter(lambda name: name.startswith(VARIABLES), environment):
        if (name := variable.removeprefix(VARIABLES).lower()) not in chosen or variable != variable.upper():
            raise ConfigError(f"{variable}: unknown variable; expected {VARIABLES}ROOT, ..SOCKET or ..RULES")
        chosen[name] = environment[variable], variable
    return chosen | {name: (str(flags[name]), "flag") for name in chosen if flags.get(name) is not None}


def _serve(path: Path, book: LeaseBook, rules: list[Rule]) -> None:
    """Until SIGTERM, SIGINT or SIGHUP."""
    signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.exists() and not path.is_socket():
        raise ConfigError(f"{path} is there and no socket; expected a free place, or the socket of an ended daemon")
    with (book.root / STATE / "clockd.lock").open("w") as lock, socket.socket(socket.AF_UNIX) as listener:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o660)  # for root and the daemon's group, before anybody can connect
        listener.listen()
        service = threading.Thread(target=serve, args=(listener, book, rules), daemon=True)
        service.start()
        _LOG.info("listening on %s", path)
        _notify("READY=1")
        while service.is_alive() and signal.sigtimedwait(signals, book.tend()) is None:
            _notify("WATCHDOG=1")


def _notify(state: str) -> None:
    """Tell systemd, where it asks to be told; clocks do not wait until it listens."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line, suppress(OSError):
            line.sendto(state.encode(), socket.MSG_DONTWAIT, address.replace("@", "\0", 1))
