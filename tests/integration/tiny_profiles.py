"""Profiles of the tiny network on shipped emulated devices, made once for all tests."""

from __future__ import annotations

from functools import cache

from joulecut_core.profiles import Profile, load_profile, save_profile
from joulecut_runtime.profiling.provision import example_inputs
from joulecut_runtime.profiling.rehearsal import rehearse_profile
from tests.integration.tiny_network import tiny_network
from tests.kept import kept

EDGE_DEVICE = "emulated:orin-nano-15w"
SERVER_DEVICE = "emulated:t4"


@cache
def edge_profile() -> Profile:
    """The edge's, with its governor at 20 Hz."""
    network = tiny_network()
    inputs = example_inputs(network.table.inputs)
    return kept(
        "tiny-edge.json",
        lambda: rehearse_profile(network, EDGE_DEVICE, side="edge", inputs=inputs, governed_rates_hz=(20.0,)),
        write=save_profile,
        read=load_profile,
    )


@cache
def server_profile() -> Profile:
    """The server's."""
    network = tiny_network()
    inputs = example_inputs(network.table.inputs)
    return kept(
        "tiny-server.json",
        lambda: rehearse_profile(network, SERVER_DEVICE, side="server", inputs=inputs),
        write=save_profile,
        read=load_profile,
    )
