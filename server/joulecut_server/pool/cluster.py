"""The Ray cluster of a pool: connected to, or started for it, and never without a secret where that is not asked for.

Whoever can speak to a Ray cluster can run code on it. Ray's own answer is a token that every process shows, off by
default; here it is on. Ray listens on all addresses of a host even where only that host takes part.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from joulecut_core.errors import ConfigError, LinkError
from joulecut_core.timing import SystemClock, is_set_within
from joulecut_proto.addresses import parse_address
from joulecut_server.pool.local_head import local_head
from joulecut_server.pool.options import PoolOptions

_LOG = logging.getLogger(__name__)

_START_S = 120.0
"""Wall seconds for a cluster of this machine to come up: Ray starts seven Python processes."""
_AGAIN_S = 0.2
_TRIES = 6
LOG_FILE = "ray.log"
_MODE, _TOKEN, _TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"


@contextmanager
def cluster(options: PoolOptions) -> Iterator[Callable[[], None]]:
    """Connected to Ray inside the context. Gives a look at the cluster, which raises LinkError where it has ended.

    Raises ConfigError where Ray is missing or has no token, LinkError where the cluster does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    _check_token(options)
    try:
        import ray  # noqa: PLC0415 - an extra, which takes a second to load; and it reads the token then
    except ImportError as error:
        raise ConfigError("a pool needs Ray; install the extra: pip install 'joulecut[pool]'") from error
    with ExitStack() as stack:
        check = _end_is_rays_to_tell
        if options.address:
            _connect(options.address)
        else:
            check = stack.enter_context(_local(options))
        stack.callback(ray.shutdown)
        yield check


def _end_is_rays_to_tell() -> None:
    """A head elsewhere may come back: Ray tries for a minute, and then ends this process with a line of its own."""


def _connect(address: str) -> None:
    import ray  # noqa: PLC0415 - see above

    try:
        ray.init(
            address=address,
            namespace="joulecut",
            configure_logging=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
        raise LinkError(f"Ray at {address}: {error}; is it up, and has it the same token?") from error


@contextmanager
def _local(options: PoolOptions) -> Iterator[Callable[[], None]]:
    """Connected to a cluster of this machine that ends with the context; see `cluster`."""
    log = Path(options.folder) / LOG_FILE
    log.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        process = _own_head(options, log, stack)

        def check() -> None:
            if process.poll() is not None:
                code = process.returncode
                raise LinkError(f"Ray has ended, and all servers with it: its head ended with {code}; {log} says more")

        yield check


def _own_head(options: PoolOptions, log: Path, stack: ExitStack) -> subprocess.Popen[bytes]:
    """The process of a cluster that this one is connected to, and that ends with `stack`."""
    tries_left = _TRIES
    while True:
        tries_left -= 1
        head = stack.enter_context(ExitStack())
        try:
            address, process = head.enter_context(local_head(cpus=_least_cpus(options), log=log))
            _connect_to_head(address, process, log)
        except LinkError as error:
            # A port that was free is taken, or the machine is too busy for Ray's own patience.
            head.close()
            if not tries_left:
                raise
            _LOG.warning("%s; once more", error)
        else:
            return process


def _connect_to_head(address: str, head: subprocess.Popen[bytes], log: Path) -> None:
    clock = SystemClock()
    place, until_s, waiting = parse_address(address), clock.now_s() + _START_S, threading.Event()
    while head.poll() is None:
        with socket.socket() as probe:
            # Ray's own way to connect waits for long, and logs, where nobody listens yet.
            is_up = probe.connect_ex((place.host, place.port)) == 0
        if is_up:
            try:
                return _connect(address)
            except LinkError as error:
                _LOG.debug("Ray is not up yet: %s", error)
        if clock.now_s() >= until_s:
            raise LinkError(f"Ray did not start within {_START_S:g} s; {log} says more")
        is_set_within(waiting, _AGAIN_S)
    raise LinkError(f"Ray did not start: its head ended with {head.returncode}; {log} says why")


def _check_token(options: PoolOptions) -> None:
    if os.environ.get(_MODE) == "token":
        if options.address:
            _warn_of_open_token()
        return
    if options.address and not options.insecure:
        raise ConfigError(
            f"pool.address: {options.address} without {_MODE}=token in the environment: whoever reaches Ray's ports "
            "could run code there; give Ray a token (docs/how-to-pool.md), or say pool.insecure = true"
        )
    if not options.address:
        os.environ[_MODE] = "token"
        os.environ.setdefault(_TOKEN, secrets.token_hex(32))


def _warn_of_open_token() -> None:
    """Ray itself writes the file as the umask has it, readable for everybody on most hosts."""
    if _TOKEN in os.environ:
        return
    path = Path(os.environ.get(_TOKEN_PATH) or Path.home() / ".ray" / "auth_token")
    with suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            text = "Ray's token %s has mode %03o: whoever reads it can run code on the cluster's hosts; `chmod 600` it"
            _LOG.warning(text, path, mode)


def _least_cpus(options: PoolOptions) -> int:
    """On one machine CPUs are shared, and reserving them is a matter of counting only."""
    return max(os.cpu_count() or 1, int(options.cpus_per_server * options.max_servers) + 1)
