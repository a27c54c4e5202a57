"""Where agents listen by default: free, or who answers there."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping

from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut_core.errors import ContractError, JoulecutError
from joulecut_proto.addresses import check_free, parse_address
from joulecut_proto.usual_address import EDGE_ADDRESS, place_to_listen, place_to_reach

USUAL_ADDRESSES: Mapping[str, str] = {
    "server-agent": "127.0.0.1:50551",
    "edge-agent": EDGE_ADDRESS,
}
"""What configuration files and documents use, by program."""

_ANSWER_S = 2.0


def examine_ports(addresses: Mapping[str, str] = USUAL_ADDRESSES) -> Iterator[Finding]:
    """For each program, whether it could be started at its address, or what runs there."""
    for program, usual in addresses.items():
        address = place_to_reach(usual)
        yield _answering(program, address) if _in_use(address) else _free(program, address)


def _in_use(address: str) -> bool:
    place = parse_address(address)
    family, target = (
        (socket.AF_INET, (place.host, place.port)) if place.path is None else (socket.AF_UNIX, str(place.path))
    )
    with socket.socket(family, socket.SOCK_STREAM) as caller:
        caller.settimeout(_ANSWER_S)
        return caller.connect_ex(target) == 0


def _free(program: str, address: str) -> Finding:
    facts: dict[str, Fact] = {"address": address, "free": True}
    own = place_to_listen(address)
    if own != address:
        what = f"{program} of this user would listen at {own}, and makes that folder: {address} is a service's"
        return _finding(program, Status.OK, what, None, {**facts, "address": own})
    try:
        check_free(parse_address(address))
    except JoulecutError as error:
        facts["free"] = False
        remedy = f"start {program} with another --listen, or install its systemd unit"
        return _finding(program, Status.NOTE, str(error), remedy, facts)
    return _finding(program, Status.OK, f"{address} is free for {program}", None, facts)


def _answering(program: str, address: str) -> Finding:
    facts: dict[str, Fact] = {"address": address, "free": False}
    try:
        facts |= _edge(address) if program == "edge-agent" else _server(address)
    except ModuleNotFoundError as error:
        remedy = "`pip install 'joulecut[agents]'` to see who answers"
        return _finding(program, Status.NOTE, f"{address} is in use; {error.name} is missing to ask", remedy, facts)
    except ContractError as error:
        remedy = "bring both to one version of joulecut; an emulated server answers callers of its own --slowdown only"
        return _finding(program, Status.WARNING, f"a {program} answers at {address}, but {error}", remedy, facts)
    except JoulecutError as error:
        facts["error"] = str(error)
        if program == "server-agent" and _speaks_tls(address):
            what = f"{address} is in use by something that speaks TLS, as a server-agent with [tls] does"
            return _finding(program, Status.OK, what, None, {**facts, "tls": True})
        remedy = f"stop the program that listens there, or start {program} with another --listen"
        what = f"{address} is in use by something that does not answer as {program}"
        return _finding(program, Status.WARNING, what, remedy, facts)
    return _finding(program, Status.OK, f"a {program} answers at {address}: {facts['says']}", None, facts)


def _speaks_tls(address: str) -> bool:
    """Whether a TLS handshake gets as far as somebody's certificate, whoever that is."""
    place = parse_address(address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((place.host, place.port), timeout=_ANSWER_S) as raw,
            context.wrap_socket(raw) as connection,
        ):
            return bool(connection.getpeercert(binary_form=True))
    except OSError:
        return False


def _edge(address: str) -> dict[str, Fact]:
    from joulecut.connections.connection import connect  # noqa: PLC0415 - grpc is part of an extra

    # Nothing but a question leaves this host.
    with connect(address, timeout_s=_ANSWER_S, insecure=True) as edge:
        status = edge.status()
    says = f"{status.network} on {status.device_info.name}"
    return {"says": says, "network": status.network, "device": status.device_info.name}


def _server(address: str) -> dict[str, Fact]:
    import asyncio  # noqa: PLC0415 - only where somebody answers

    from joulecut_proto.agent_messages import Hello, Side  # noqa: PLC0415
    from joulecut_proto.channels import open_channel  # noqa: PLC0415 - grpc is part of an extra
    from joulecut_proto.clients import AgentClient  # noqa: PLC0415
    from joulecut_proto.contract import CONTRACT_VERSION  # noqa: PLC0415

    async def ask() -> dict[str, Fact]:
        async with open_channel(address, security=None) as channel:
            hello = Hello(contract_version=CONTRACT_VERSION, name="doctor", side=Side.EDGE)
            reply = await AgentClient(channel, peer=address).hello(hello, timeout_s=_ANSWER_S)
        networks = [network.name for network in reply.networks]
        says = f"{reply.name} on {reply.device.name}, networks {', '.join(networks) or 'none'}"
        return {"says": says, "name": reply.name, "device": reply.device.name, "networks": networks}

    return asyncio.run(ask())


def _finding(program: str, status: Status, what: str, remedy: str | None, facts: Mapping[str, Fact]) -> Finding:
    return Finding(area=Area.NETWORK, name=program, status=status, what=what, remedy=remedy, facts=facts)
