"""What `deploy/ray` ships: a pool that decodes, clusters of Ray's form, and a token wherever Ray starts."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from joulecut_server.pool import load_pool
from tests.architecture.tree import ROOT

FOLDER = ROOT / "deploy" / "ray"


def document(name: str) -> Any:
    """A parsed YAML file."""
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extras of developers")
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def test_the_pool_decodes() -> None:
    """Its keys are known, its servers are on TLS, and it asks for a cluster with a GPU for each."""
    config = load_pool(FOLDER / "pool.toml")
    assert config.server.tls is not None
    assert (config.pool.gpus_per_server, config.pool.address != "") == (1, True)


def test_the_cluster_is_of_rays_form() -> None:
    """`ray up` checks the same schema before it does anything."""
    found = find_spec("ray")
    if found is None or found.origin is None:
        pytest.skip("needs the extra `pool`")
    jsonschema = pytest.importorskip("jsonschema", reason="comes with ray")
    schema = json.loads((Path(found.origin).parent / "autoscaler" / "ray-schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document("cluster.yaml"), schema)


def test_ray_never_starts_without_a_token() -> None:
    """Whoever reaches its ports could run code there."""
    commands = document("cluster.yaml")
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        starts = [each for each in commands[key] if "ray start" in each]
        assert starts
        assert all("RAY_AUTH_MODE=token" in each for each in starts)
    spec = document("raycluster.yaml")["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        [container] = group["template"]["spec"]["containers"]
        variables = {each["name"]: each for each in container["env"]}
        assert variables["RAY_AUTH_MODE"]["value"] == "token"
        assert "secretKeyRef" in variables["RAY_AUTH_TOKEN"]["valueFrom"]


def test_gpus_are_where_the_pool_looks_for_them() -> None:
    """Each worker has the GPU that a server of the pool asks for, and as many may come as it may want."""
    cluster, pool = document("raycluster.yaml"), load_pool(FOLDER / "pool.toml").pool
    [group] = cluster["spec"]["workerGroupSpecs"]
    [container] = group["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == str(pool.gpus_per_server)
    assert (group["minReplicas"], group["maxReplicas"]) == (pool.min_servers, pool.max_servers)
