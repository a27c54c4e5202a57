"""`joulecut pki`: a site's own authority, its agents' certificates, their renewal."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="pki",
    help="Make a site's own certificate authority; issue, show, renew and change its certificates.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Folder = Annotated[Path, typer.Option(help="Folder of the authority; keep it off the agents' hosts.")]
Passphrase = Annotated[Path | None, typer.Option(help="File whose first line encrypts the authority's key; mode 600.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_PKI = Path("pki")
_AUTHORITY_DAYS = 3650
_AGENT_DAYS = 90


class RoleName(str, Enum):
    """Who a certificate can be for."""

    SERVER = "server"
    EDGE = "edge"
    OPERATOR = "operator"
    PROXY = "proxy"


class Step(str, Enum):
    """What is done next when an authority is changed."""

    BEGIN = "begin"
    SWITCH = "switch"
    FINISH = "finish"


@app.command()
def init(
    site: Annotated[str, typer.Option(help="The site's name, part of every identity; small letters, digits, . - _")],
    folder: Folder = _PKI,
    days: Annotated[int, typer.Option(help="Days that the authority is valid.")] = _AUTHORITY_DAYS,
    passphrase_file: Passphrase = None,
    as_json: Json = False,
) -> None:
    """Make a site's certificate authority in a new folder."""
    from joulecut.pki.course import Course  # noqa: PLC0415 - loads cryptography; --help must not

    Course(as_json=as_json).init(folder, site, days=days, passphrase_file=passphrase_file)


@app.command()
def issue(
    role: Annotated[RoleName, typer.Argument(help="What its holder does.")],
    name: Annotated[str, typer.Argument(help="Who it is, for instance camera-1.")],
    host: Annotated[list[str] | None, typer.Option(help="Host name it is reached at. Repeatable.")] = None,
    ip: Annotated[list[str] | None, typer.Option(help="Address it is reached at. Repeatable.")] = None,
    days: Annotated[int, typer.Option(help="Days that it is valid.")] = _AGENT_DAYS,
    csr: Annotated[Path | None, typer.Option(help="Request made by `pki request`: its key stays where it is.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write. Default: ROLE-NAME.")] = None,
    folder: Folder = _PKI,
    passphrase_file: Passphrase = None,
    as_json: Json = False,
) -> None:
    """Issue a certificate: a folder of certificate.pem, key.pem and authority.pem."""
    from joulecut.pki.course import Course  # noqa: PLC0415

    Course(as_json=as_json).issue(
        folder,
        (role.value, name),
        hosts=host or [],
        addresses=ip or [],
        days=days,
        csr=csr,
        out=out,
        passphrase_file=passphrase_file,
    )


@app.command()
def request(
    role: Annotated[RoleName, typer.Argument(help="What its holder does.")],
    name: Annotated[str, typer.Argument(help="Who it is, for instance camera-1.")],
    site: Annotated[str, typer.Option(help="The site's name.")],
    out: Annotated[Path | None, typer.Option(help="Folder of key.pem and request.pem. Default: ROLE-NAME.")] = None,
    new_key: Annotated[bool, typer.Option(help="Ask for a new key even where the folder holds one.")] = False,
    as_json: Json = False,
) -> None:
    """Make a key that stays here, and a request for its certificate to carry to the authority."""
    from joulecut.pki.course import Course  # noqa: PLC0415

    Course(as_json=as_json).request((role.value, name), site, out=out, fresh_key=new_key)


@app.command()
def install(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="Folder that `pki issue --csr` has written.")],
    folder: Annotated[Path, typer.Argument(help="Folder of the key on this host.")],
    as_json: Json = False,
) -> None:
    """Take a certificate that was issued elsewhere into the folder of its key; refused where they do not fit."""
    from joulecut.pki.course import Course  # noqa: PLC0415

    Course(as_json=as_json).install(source, folder)


@app.command()
def show(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="PEM files; folders of agents or of the authority.")
    ],
    as_json: Json = False,
) -> None:
    """Show whose certificates these are, where they are reached, and how long they are valid still."""
    from joulecut.pki.course import Course  # noqa: PLC0415

    Course(as_json=as_json).show(paths)


@app.command()
def renew(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders that `pki issue` has written.")],
    within: Annotated[int | None, typer.Option(help="Only what ends within so many days.")] = None,
    days: Annotated[int | None, typer.Option(help="Days that they are valid. Default: as many as before.")] = None,
    new_key: Annotated[bool, typer.Option(help="Change the key as well.")] = False,
    folder: Folder = _PKI,
    passphrase_file: Passphrase = None,
    as_json: Json = False,
) -> None:
    """Replace certificates by ones that end later; agents take them up without a restart."""
    from joulecut.pki.course import Course  # noqa: PLC0415
    from joulecut.pki.renewal import RenewalOrder  # noqa: PLC0415

    order = RenewalOrder(days=days, within_days=within, fresh_key=new_key)
    Course(as_json=as_json).renew(folder, folders, order, passphrase_file=passphrase_file)


@app.command("rotate-authority")
def rotate_authority(
    step: Annotated[Step, typer.Argument(help="begin: trust a new one too. switch: it signs. finish: it alone.")],
    folder: Folder = _PKI,
    days: Annotated[int, typer.Option(help="Days that the new authority is valid.")] = _AUTHORITY_DAYS,
    passphrase_file: Passphrase = None,
    as_json: Json = False,
) -> None:
    """Change the authority in three steps; renew and hand out every agent's folder after each."""
    from joulecut.pki.course import Course  # noqa: PLC0415

    Course(as_json=as_json).rotate(folder, step.value, days=days, passphrase_file=passphrase_file)
