"""`joulecut sign`: vouch for a bundle, or look who does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from joulecut_core.errors import ConfigError


def sign(
    bundle: Annotated[Path, typer.Argument(help="Folder of the packed network.")],
    key: Annotated[Path | None, typer.Option(help="Private key; PEM, P-256 or P-384, no passphrase.")] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Certificate of that key, of an operator. Without it the key alone signs.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check the signature that is there instead.")] = False,
    authority: Annotated[Path | None, typer.Option(help="With --verify: authorities that name signers.")] = None,
    public_key: Annotated[Path | None, typer.Option(help="With --verify: the signer's public key.")] = None,
    signer: Annotated[
        list[str] | None, typer.Option(help="With --verify: names taken, * for any part. Default: operators.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print joulecut.signature/1 as JSON.")] = False,
) -> None:
    """Sign a bundle for edges and servers that take signed ones only; writes bundle.sig into its folder."""
    from joulecut_runtime.networks.bundle_signature import (  # noqa: PLC0415 - torch takes seconds; --help must not
        ANY_OPERATOR,
        SignerOptions,
        SigningKey,
        check_signature,
        sign_bundle,
    )
    from joulecut_runtime.networks.network import Network  # noqa: PLC0415

    if verify:
        options = SignerOptions(
            authority=str(authority or ""), public_key=str(public_key or ""), signers=tuple(signer or (ANY_OPERATOR,))
        )
        check_signature(bundle, options)
        _tell(f"{bundle}: its signature is right", {"bundle": str(bundle), "verified": True}, as_json=as_json)
        return
    if key is None:
        raise ConfigError("--key: missing; expected the private key to sign with, or --verify")
    # Nobody vouches for what does not open.
    digest = Network.load(bundle).table.digest
    signature = sign_bundle(bundle, SigningKey(key=key, certificate=certificate))
    signed = {"bundle": str(bundle), "signature": str(signature), "digest": digest}
    _tell(f"{signature}: signs {digest}", signed, as_json=as_json)


def _tell(line: str, facts: Mapping[str, object], *, as_json: bool) -> None:
    typer.echo(json.dumps({"schema": "joulecut.signature/1", **facts}, indent=1) if as_json else line)
