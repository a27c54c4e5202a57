"""What the servers of a pool have for themselves: name, ports, device, address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.decoding import encode
from joulecut_core.errors import ConfigError
from joulecut_proto.security.tls_options import ServerTls
from joulecut_runtime.metrics.options import MetricsOptions
from joulecut_server.access.options import AccessOptions, EdgeRule
from joulecut_server.config import ServerConfig
from joulecut_server.dashboard.options import DashboardOptions
from joulecut_server.pool.options import PoolConfig, PoolOptions
from joulecut_server.pool.seats import check_seats, config_digest, placed, reachable, seat_of

SERVER = ServerConfig(device="nvml", bundles=("/net",), listen="0.0.0.0:0", name="gpu", ready_file="/run/ready")
POOL = PoolConfig(pool=PoolOptions(folder="/pool", max_servers=4, first_port=7000), server=SERVER)


def test_seats_differ_in_name_and_port_alone() -> None:
    """The name keeps epochs and certificates apart, and a restarted server of the same seat finds both again."""
    seats = [seat_of(POOL, number) for number in range(3)]
    assert [(seat.name, seat.config.listen) for seat in seats] == [
        ("gpu-0", "0.0.0.0:7000"),
        ("gpu-1", "0.0.0.0:7001"),
        ("gpu-2", "0.0.0.0:7002"),
    ]
    assert {seat.config.ready_file for seat in seats} == {""}
    assert seat_of(POOL, 1) == seats[1]


def test_whatever_listens_has_a_port_of_its_own() -> None:
    """Two servers on one host cannot be scraped, looked at or asked for their health at one port."""
    server = replace(
        SERVER,
        metrics=MetricsOptions(listen="127.0.0.1:9100"),
        dashboard=DashboardOptions(listen="[::1]:8080", edges=True),
        health_listen="127.0.0.1:0",
    )
    first, fourth = (seat_of(replace(POOL, server=server), number).config for number in (0, 3))
    assert (first.metrics, first.dashboard, first.health_listen) == (server.metrics, server.dashboard, "127.0.0.1:0")
    assert fourth.metrics.listen == "127.0.0.1:9103"
    assert fourth.dashboard == DashboardOptions(listen="[::1]:8083", edges=True)
    assert fourth.health_listen == "127.0.0.1:0", "the system chooses"
    assert (seat_of(POOL, 3).config.metrics.listen, seat_of(POOL, 3).config.health_listen) == ("", "")


@pytest.mark.parametrize(
    ("server", "gpus", "complaint"),
    [
        (replace(SERVER, metrics=MetricsOptions(listen="127.0.0.1:65533")), 0, "127.0.0.1:65533: server 3 .* 65536"),
        (replace(SERVER, health_listen="0.0.0.0:65533"), 0, "server 3 of the pool would listen at port 65536"),
        (
            replace(
                SERVER,
                metrics=MetricsOptions(listen="127.0.0.1:9465"),
                dashboard=DashboardOptions(listen="127.0.0.1:9466"),
            ),
            0,
            "metrics.listen of gpu-1: 127.0.0.1:9466, a port that is also dashboard.listen of gpu-0's",
        ),
        (
            replace(SERVER, health_listen="127.0.0.1:7002"),
            0,
            "listen of gpu-2: .*7002, .* health_listen of gpu-0",
        ),
        (replace(SERVER, device="emulated:t4"), 1, "expected 'nvml' or 'auto'"),
    ],
)
def test_a_pool_that_could_not_grow_is_refused(server: ServerConfig, gpus: int, complaint: str) -> None:
    """At its start, with the reason; not in the hour of most load, when the keeper would end with all its servers."""
    with pytest.raises(ConfigError, match=complaint):
        check_seats(PoolConfig(pool=replace(POOL.pool, gpus_per_server=gpus), server=server))


def test_ports_that_do_not_meet_are_in_order() -> None:
    """Ports that the system chooses, those of another address of the host, and ranges beside each other."""
    server = replace(
        SERVER,
        listen="10.0.0.1:0",
        metrics=MetricsOptions(listen="127.0.0.1:7000"),
        dashboard=DashboardOptions(listen="127.0.0.1:7004"),
        health_listen="127.0.0.1:0",
    )
    check_seats(PoolConfig(pool=POOL.pool, server=server))


def test_a_digest_tells_rules_apart() -> None:
    """Rules of one server and another, and nothing else about them."""
    rules = AccessOptions(edges=(EdgeRule(names=("camera-*",)),))
    narrower = AccessOptions(edges=(EdgeRule(names=("camera-1",)),))
    tls = ServerTls(certificate="c.pem", key="k.pem", authority="a.pem")
    digests = [
        config_digest(encode(seat_of(replace(POOL, server=replace(SERVER, tls=tls, access=access)), 0).config))
        for access in (rules, narrower, None, rules)
    ]
    assert len(set(digests)) == 3
    assert digests[0] == digests[3]
    assert "camera" not in digests[0]


def test_a_pool_is_not_behind_a_unix_socket() -> None:
    """Its servers may be on several hosts."""
    with pytest.raises(ConfigError, match="expected host:port"):
        seat_of(replace(POOL, server=replace(SERVER, listen="unix:/run/gpu.sock")), 0)


@pytest.mark.parametrize(
    ("device", "gpus", "expected"),
    [
        ("nvml", ["3"], "nvml:3"),
        ("auto", ["GPU-5e2f"], "nvml:GPU-5e2f"),
        ("nvml:0", ["1"], "nvml:1"),
        ("emulated:t4", [], "emulated:t4"),
        ("nvml", [], "nvml"),
    ],
)
def test_a_server_takes_the_gpu_that_it_was_given(device: str, gpus: list[str], expected: str) -> None:
    """Two servers with one GPU's clock would fight over it."""
    assert placed(replace(SERVER, device=device), gpus).device == expected


def test_a_gpu_for_a_device_that_is_none() -> None:
    """An emulated device in a pool that reserves GPUs is a mistake somebody should hear of."""
    with pytest.raises(ConfigError, match="expected 'nvml' or 'auto'"):
        placed(replace(SERVER, device="emulated:t4"), ["0"])


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("0.0.0.0:7000", "10.0.0.5:7000"),
        ("[::]:7000", "10.0.0.5:7000"),
        ("127.0.0.1:7000", "127.0.0.1:7000"),
        ("gpu.lab:7000", "gpu.lab:7000"),
    ],
)
def test_edges_are_told_an_address_that_they_can_reach(address: str, expected: str) -> None:
    """All addresses of a host are no address to connect to."""
    assert reachable(address, "10.0.0.5") == expected
