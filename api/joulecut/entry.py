"""Where the programs begin: an interrupt while their commands are loaded is no defect either."""

import os
import signal
import sys
from importlib import import_module
from types import FrameType

_STANDARD_ERROR = 2
"""The last descriptor of the three that every program has."""
_INTERRUPTED = 130
"""`ExitCode.INTERRUPTED`, which cannot be loaded in the midst of loading."""


def main() -> None:
    """Entry point of `joulecut`; exits with the command's status, or that of an interrupt."""
    _begin("joulecut.cli")


def edge_agent() -> None:
    """The same of `edge-agent`."""
    _begin_agent("joulecut_edge.cli")


def server_agent() -> None:
    """The same of `server-agent`."""
    # A reload may come before its configuration is known to come from a file: `cli.serve` hears of it then.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    _begin_agent("joulecut_server.cli")


def _begin_agent(module: str) -> None:
    # The first process of a container has no default for SIGTERM: it would not hear of one while it loads.
    signal.signal(signal.SIGTERM, _stop)
    # Not where it is ignored, as of what a shell has put into the background.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    _stand_somewhere()
    _begin(module)


def _stop(number: int, frame: FrameType | None) -> None:
    """Nothing has been begun, and no library that is being loaded is to catch this."""
    del number, frame
    os._exit(0)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """The same of Ctrl-C: torch, half loaded, aborts the process where Python raises in it."""
    del number, frame
    os.write(_STANDARD_ERROR, b"interrupted\n")
    os._exit(_INTERRUPTED)


def _stand_somewhere() -> None:
    """End where the working directory is gone: torch ends the program there in mid-start, in words of its own."""
    try:
        os.getcwd()  # noqa: PTH109 - pathlib is not loaded yet
    except FileNotFoundError:
        from joulecut_core.exits import ExitCode  # noqa: PLC0415 - as below

        sys.stderr.write("error: the working directory has been deleted; change to one that is there\n")
        raise SystemExit(int(ExitCode.BAD_INPUT)) from None


def _fill_standard_streams() -> None:
    """Open nothing in the place of what whoever started us has closed.

    Sockets would get its number otherwise, with what libraries say on standard error sent through them, and the event
    loop ends a process that closes one of those.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(number, True)  # noqa: FBT003 - its parameters have no names
    os.close(number)


def _begin(module: str) -> None:
    """Load a program, which takes a fifth of a second and more, within which people change their minds, and run it."""
    _fill_standard_streams()
    try:
        import_module(module).main()
    except KeyboardInterrupt:
        from joulecut_core.exits import ExitCode  # noqa: PLC0415 - loaded before anything could be caught otherwise

        sys.stderr.write("interrupted\n")
        raise SystemExit(int(ExitCode.INTERRUPTED)) from None
