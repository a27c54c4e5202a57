"""Where the `joulecut` program begins: an interrupt while its commands are loaded is no defect either."""

import sys


def main() -> None:
    """Entry point of the console script; exits with the command's status, or that of an interrupt."""
    try:
        from joulecut.cli import main as begin  # noqa: PLC0415 - takes a fifth of a second, within which people change their minds

        begin()
    except KeyboardInterrupt:
        from joulecut_core.exits import ExitCode  # noqa: PLC0415 - loaded before anything could be caught otherwise

        sys.stderr.write("interrupted\n")
        raise SystemExit(int(ExitCode.INTERRUPTED)) from None
