"""The version of the contract, and what both sides must agree on before they work together."""

from __future__ import annotations

import math

from joulecut_core.errors import ContractError

CONTRACT_VERSION = 2
"""Raised with every change that an older peer would misunderstand."""


def check_contract_version(theirs: int, *, peer: str) -> None:
    """Raise ContractError where `peer` speaks another version of the contract."""
    if theirs != CONTRACT_VERSION:
        older = "peer" if theirs < CONTRACT_VERSION else "side that reports this"
        raise ContractError(
            f"{peer} speaks contract version {theirs}, this side version {CONTRACT_VERSION}; upgrade the {older}"
        )


def check_slowdown(theirs: float, ours: float, *, peer: str) -> None:
    """Raise ContractError where `peer` lives in another emulated time."""
    if not math.isclose(theirs, ours, rel_tol=1e-9):
        raise ContractError(
            f"{peer} runs with slowdown {theirs:g}, this side with {ours:g}; start both with the same --slowdown"
        )
