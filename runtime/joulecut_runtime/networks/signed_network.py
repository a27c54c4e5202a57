"""The network of a bundle that somebody vouches for: what is loaded is what was signed, whatever its folder becomes."""

from __future__ import annotations

from pathlib import Path

from joulecut_runtime.networks.bundle_signature import SignerOptions, check_signature
from joulecut_runtime.networks.network import Network


def load_signed(folder: Path, signed_by: SignerOptions | None) -> Network:
    """The network in `folder`, where a signer of `signed_by` has signed it; None asks for no signature.

    Raises as `check_signature` and `open_bundle` do.
    """
    return Network.load(folder, manifest_sha256=check_signature(folder, signed_by))
