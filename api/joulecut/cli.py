"""The `joulecut` command: assembles the subcommands and turns errors into exit codes."""

from __future__ import annotations

import sys

import typer

from joulecut.commands.cuts import cuts
from joulecut.commands.demo import demo
from joulecut.commands.device import app as device_app
from joulecut.commands.doctor import doctor
from joulecut.commands.explain import explain
from joulecut.commands.fit import fit
from joulecut.commands.pack import pack
from joulecut.commands.pareto import pareto
from joulecut.commands.pki import app as pki_app
from joulecut.commands.plan import plan
from joulecut.commands.pool import app as pool_app
from joulecut.commands.problem import problem
from joulecut.commands.profile import profile
from joulecut.commands.report import report
from joulecut.commands.reproduce import reproduce
from joulecut.commands.run import run
from joulecut.commands.sign import sign
from joulecut.commands.simulate import simulate
from joulecut.commands.study import study
from joulecut.commands.surroundings import run_surrounded
from joulecut.commands.version import show_version
from joulecut_core.programs import run_program
from joulecut_proto.waiting import wait_in_place

app = typer.Typer(
    help="Cut a network between an edge device and a server where it costs the fewest joules.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.callback()(show_version)
for command in (
    demo,
    plan,
    explain,
    pareto,
    fit,
    pack,
    sign,
    cuts,
    profile,
    problem,
    run,
    reproduce,
    study,
    simulate,
    report,
    doctor,
):
    app.command()(command)
app.add_typer(device_app)
app.add_typer(pki_app)
app.add_typer(pool_app)


def main() -> None:
    """Entry point of the console script."""
    wait_in_place()
    sys.exit(run_program(lambda: run_surrounded(app)))
