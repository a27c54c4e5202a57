"""Both agents as processes over mutual TLS, on an address that other hosts could reach."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from joulecut.cli import app
from joulecut.connections.connection import Connection, connect
from joulecut.demo.processes import AgentProcess
from joulecut.diagnosis.finding import Status
from joulecut.diagnosis.handshakes import examine_servers
from joulecut.pki import Credentials, Names, Site
from joulecut.pki.credentials import read_leaf
from joulecut.pki.keys import new_key
from joulecut_core.errors import LinkError
from joulecut_proto.security.identity import Identity, Role
from tests.e2e.pair import log_of, seconds_until
from tests.e2e.programs import run_program
from tests.integration.site import Site as Furniture
from tests.integration.site import make_shared
from tests.integration.tiny_network import pictures, tiny_network

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("started_warm")]

_START_S = 180.0
_SOON_S = 90.0
_GPU_BOX = "spiffe://lab/server/gpu-box"
_NOBODYS = ("192.0.2.1", 9)
"""A documentation address: the route to it has this host's own address, and nothing is sent."""


def own_address() -> str:
    """An address of this host that is not loopback; skips the test where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_NOBODYS)
        except OSError:
            pytest.skip("this host has no address but loopback's")
        address = str(probe.getsockname()[0])
    if address.startswith("127."):
        pytest.skip("this host has no address but loopback's")
    return address


class Hosts:
    """Configurations of agents on one host, with certificates of one authority."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.furniture = Furniture(shared=folder, own=folder, digest=make_shared(folder))
        self.address = own_address()
        done = run_program("joulecut", "pki", "init", "--site", "lab", folder=folder)
        assert done.code == 0, done.err
        self.pki("issue", "server", "gpu-box", "--ip", self.address, "--out", str(folder / "server-gpu-box"))
        self.pki("issue", "edge", "camera-1", "--out", str(folder / "edge-camera-1"))

    def pki(self, *arguments: str) -> None:
        """Run `joulecut pki` with the folder's authority, in this process."""
        done = CliRunner().invoke(app, ["pki", *arguments, "--folder", str(self.folder / "pki")])
        assert done.exit_code == 0, done.exception

    def tls(self, credentials: str) -> str:
        """The table of an agent with these."""
        files = {name: self.folder / credentials / f"{name}.pem" for name in ("authority", "certificate", "key")}
        return "[tls]\n" + "".join(f'{name} = "{path}"\n' for name, path in files.items())

    def server(self, tls: str, *, name: str = "server") -> list[str]:
        """A server-agent's arguments."""
        config = self.furniture.server()
        return self._arguments(
            name,
            f'bundles = ["{self.furniture.bundle}"]\nlisten = "{self.address}:0"\nadvertise = false\n'
            f'state = "{self.folder / "state"}"\ndevice = "{config.device}"\nprofiles = "{config.profiles}"\n{tls}',
        )

    def edge(self, name: str, server: str, tls: str) -> list[str]:
        """An edge-agent's arguments."""
        config = self.furniture.edge(server)
        return self._arguments(
            name,
            f'bundle = "{config.bundle}"\nserver = "{server}"\nlisten = "unix:{self.folder / name}.sock"\n'
            f'device = "{config.device}"\nprofiles = "{config.profiles}"\nwires = "{config.wires}"\n'
            f'policy = "all-server"\nmax_accuracy_loss = 1.0\n{tls}',
        )

    def _arguments(self, name: str, text: str) -> list[str]:
        path = self.folder / f"{name}.toml"
        path.write_text(text)
        return ["--config", str(path)]

    def agent(self, program: str, name: str, arguments: list[str]) -> AgentProcess:
        """The program, started."""
        return AgentProcess(program, arguments, folder=self.folder, name=name)


@pytest.fixture(name="hosts", scope="module")
def _hosts(tmp_path_factory: pytest.TempPathFactory) -> Hosts:
    return Hosts(tmp_path_factory.mktemp("hosts"))


@pytest.fixture(name="server", scope="module")
def _server(hosts: Hosts) -> Iterator[str]:
    with hosts.agent("server-agent", "server", hosts.server(hosts.tls("server-gpu-box"))) as agent:
        yield agent.wait_ready(_START_S)


def offloads(edge: Connection) -> bool:
    """Whether the next request is answered by the server; right in any case."""
    picture = pictures(1)[0]
    answer = edge.infer(picture.numpy())
    assert int(answer.outputs[0].argmax()) == int(tiny_network().whole((picture,))[0].argmax())
    return answer.ledger.served_by == "server"


def presented(address: str) -> bytes:
    """The certificate that a server shows to whoever comes, who need not be let in to see it."""
    host, port = address.rsplit(":", 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, int(port)), timeout=_SOON_S) as raw, context.wrap_socket(raw) as connection:
        return connection.getpeercert(binary_form=True) or b""


def test_a_pair_and_a_change_of_everything(hosts: Hosts, server: str) -> None:
    """An edge offloads over TLS; authority, keys and certificates change under both, and the server never restarts."""
    folders = [str(hosts.folder / name) for name in ("server-gpu-box", "edge-camera-1")]
    arguments = hosts.edge("camera", server, hosts.tls("edge-camera-1"))
    with (
        hosts.agent("edge-agent", "camera", arguments) as agent,
        connect(agent.wait_ready(_START_S)) as edge,
    ):
        seconds_until(lambda: offloads(edge), deadline_s=_SOON_S)
        before = presented(server)
        hosts.pki("rotate-authority", "begin")
        hosts.pki("renew", *folders, "--within", "30")
        assert presented(server) == before
        hosts.pki("rotate-authority", "switch")
        hosts.pki("renew", *folders, "--new-key")
        renewed = read_leaf(hosts.folder / "server-gpu-box").public_bytes(Encoding.DER)
        assert presented(server) == renewed != before
        hosts.pki("rotate-authority", "finish")
        hosts.pki("renew", *folders, "--within", "30")
        # The connection of before is none of this.
        assert offloads(edge)
        assert agent.stop() == 0
    # One that starts now has, and trusts, nothing of what was there before.
    with (
        hosts.agent("edge-agent", "camera", arguments) as agent,
        connect(agent.wait_ready(_START_S)) as edge,
    ):
        seconds_until(lambda: offloads(edge), deadline_s=_SOON_S)
        (found,) = examine_servers([hosts.folder / "camera.toml"], None)
    assert (found.status, found.facts["identity"]) == (Status.OK, _GPU_BOX)


def credentials(site: Site, folder: Path, *, at: datetime, days: int) -> None:
    """A folder of an edge's credentials, made at a moment."""
    key = new_key()
    identity = Identity(site=site.state.site, role=Role.EDGE, name="camera-1")
    certificate = site.issue(identity, Names(), key.public_key(), days=days, now=at)
    Credentials(certificate=certificate, authority_pem=site.trusted_pem(), key=key).write_new(folder)


def test_edges_that_do_not_belong_answer_alone_and_say_why(hosts: Hosts, server: str) -> None:
    """An ended certificate, one of another authority, and a server that is not the one expected."""
    now = datetime.now(timezone.utc)
    lab = Site(hosts.folder / "pki")
    credentials(lab, hosts.folder / "ended", at=now - timedelta(days=3), days=1)
    other = Site.create(hosts.folder / "other-pki", "lab", days=9, now=now)
    credentials(other, hosts.folder / "foreign", at=now, days=9)
    # It trusts the site's authority, which does not trust it.
    (hosts.folder / "foreign" / "authority.pem").write_bytes(lab.trusted_pem())
    elsewhere = 'server_identity = "spiffe://lab/server/tpu-"\n'
    wrong = {
        "ended": (hosts.tls("ended"), "certificate.pem has expired on"),
        "foreign": (hosts.tls("foreign"), "which was not signed by"),
        "elsewhere": (hosts.tls("edge-camera-1") + elsewhere, f"is {_GPU_BOX}; expected a server or proxy of"),
    }
    agents = {name: hosts.agent("edge-agent", name, hosts.edge(name, server, tls)) for name, (tls, _) in wrong.items()}
    with ExitStack() as stack:
        for agent in agents.values():
            stack.enter_context(agent)
        for name, (_, reason) in wrong.items():
            with connect(agents[name].wait_ready(_START_S)) as edge:
                assert not offloads(edge)
                seconds_until(partial(_logged, hosts, name, reason), deadline_s=_SOON_S)
                assert not offloads(edge)
                assert not edge.status().server_connected
        codes = {name: agent.stop() for name, agent in agents.items()}
    assert set(codes.values()) == {0}


def _logged(hosts: Hosts, name: str, text: str) -> bool:
    return text in log_of(hosts.folder, name)


def test_nobody_is_called_or_served_in_plain_text(hosts: Hosts) -> None:
    """Without [tls] neither agent starts on an address of other hosts, nor a server with an edge's certificate."""
    plain = "without TLS only addresses of this host"
    mistaken = hosts.server(hosts.tls("edge-camera-1"), name="mistaken")
    refused = {
        "open": (hosts.agent("server-agent", "open", hosts.server("", name="open")), plain),
        "plain": (hosts.agent("edge-agent", "plain", hosts.edge("plain", f"{hosts.address}:50551", "")), plain),
        "mistaken": (hosts.agent("server-agent", "mistaken", mistaken), "is spiffe://lab/edge/camera-1; expected one"),
    }
    with ExitStack() as stack:
        for agent, _ in refused.values():
            stack.enter_context(agent)
        for name, (agent, message) in refused.items():
            with pytest.raises(LinkError, match="exit status 2"):
                agent.wait_ready(_START_S)
            assert message in log_of(hosts.folder, name)
