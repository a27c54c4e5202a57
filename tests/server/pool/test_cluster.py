"""What a pool asks of a Ray cluster before it speaks to it, and how it learns that its own has ended."""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError, LinkError
from joulecut_server.pool import cluster as clusters
from joulecut_server.pool.cluster import cluster
from joulecut_server.pool.options import PoolOptions

_HEAD = """#!{python}
import os, pathlib, signal, socket, sys
port = next(int(each.split("=")[1]) for each in sys.argv if each.startswith("--port="))
pathlib.Path("{pid_file}").write_text(str(os.getpid()))
with socket.create_server(("127.0.0.1", port)):
    signal.pause()
"""


def test_a_cluster_without_tokens_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reaches its ports could run code there; the operator has to say that he wants that."""
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    options = PoolOptions(folder="/pool", address="10.0.0.1:6379")
    with pytest.raises(ConfigError, match="give Ray a token"), cluster(options):
        pass


@pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra `pool`")
def test_a_token_that_others_can_read_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Ray writes its file as the umask has it, and whoever reads it can run code on all hosts of the cluster."""
    token = tmp_path / "auth_token"
    token.write_text("secret", encoding="ascii")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    monkeypatch.setattr(clusters, "_connect", lambda _: None)
    said = []
    for mode in (0o600, 0o644):
        token.chmod(mode)
        with cluster(PoolOptions(folder="/pool", address="10.0.0.1:6379")):
            said.append(caplog.text)
    assert said[0] == ""
    assert f"{token} has mode 644: whoever reads it can run code" in said[1]
    assert "secret" not in said[1]


@pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra `pool`")
def test_the_end_of_its_own_head_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray itself would say so a minute later, and end the keeper before it could take the servers off its list."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, "token")
    ray, pid_file = tmp_path / "python", tmp_path / "pid"
    ray.write_text(_HEAD.format(python=sys.executable, pid_file=pid_file), encoding="utf-8")
    ray.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(ray))
    monkeypatch.setattr(clusters, "_connect", lambda _: None)
    with cluster(PoolOptions(folder=str(tmp_path))) as check:
        check()
        head = int(pid_file.read_text(encoding="utf-8"))
        os.kill(head, signal.SIGKILL)
        os.waitid(os.P_PID, head, os.WEXITED | os.WNOWAIT)
        with pytest.raises(LinkError, match=r"its head ended with -9; .*ray\.log says more"):
            check()
