"""`joulecut-clockd`: lends clocks over a Unix socket to whom its rules allow, and puts them back whatever happens."""

import argparse
import fcntl
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from joulecut_core.errors import ConfigError
from joulecut_runtime.clockd.allow_list import RULES, Rule, load_rules
from joulecut_runtime.clockd.book import STATE, Find, LeaseBook, find_boards
from joulecut_runtime.clockd.service import SOCKET, serve
from joulecut_runtime.clockd.settings import VARIABLES, choose_settings

_LOG = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, find: Find = find_boards) -> int:
    """Run the program. Its exit codes are those of joulecut's other programs."""
    parser = argparse.ArgumentParser(
        prog="joulecut-clockd", description=__doc__, epilog=f"{VARIABLES}ROOT, ..SOCKET and ..RULES stand for flags."
    )
    parser.add_argument("--root", help="find kernel files, and all below, there; default /")
    parser.add_argument("--socket", help=f"where to listen; default {SOCKET}")
    parser.add_argument("--rules", help=f"who may set what; default {RULES}, without it root alone")
    parser.add_argument("--print-config", action="store_true", help="print these settings and their origins as TOML")
    parser.add_argument("--restore", action="store_true", help="put back what killed processes left, and end")
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    flags = {"root": options.root, "socket": options.socket, "rules": options.rules}
    try:
        settings, printed = choose_settings(flags, {"root": "/", "socket": "", "rules": ""}, os.environ)
        if options.print_config:
            sys.stdout.write(f"{printed}\n")
            return 0
        root = Path(settings["root"])
        book = LeaseBook(root, find)
        try:
            if not options.restore:
                rules = load_rules(Path(settings["rules"] or root / RULES), needed=bool(settings["rules"]))
                with (root / STATE / "clockd.lock").open("w") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _serve(Path(settings["socket"] or root / SOCKET), book, rules)
        finally:
            restored = book.close()
    except (ConfigError, OSError) as error:
        another = isinstance(error, BlockingIOError)  # of flock
        sys.stderr.write(f"error: {'another joulecut-clockd runs; stop it first' if another else error}\n")
        return 2 if isinstance(error, ConfigError) else 4
    return 0 if restored else 4


def _serve(path: Path, book: LeaseBook, rules: list[Rule]) -> None:
    """Until SIGTERM, SIGINT or SIGHUP."""
    signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.exists() and not path.is_socket():
        raise ConfigError(f"{path} is there and no socket; expected a free place, or the socket of an ended daemon")
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
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
    """Tell systemd, where it asks to be told."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line, suppress(OSError):
            line.sendto(state.encode(), address.replace("@", "\0", 1))
