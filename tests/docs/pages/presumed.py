"""What a page finds done when its reader arrives: a block of an earlier page, or steps that only a test takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.architecture.tree import ROOT, name
from tests.docs.pages.blocks import Block, Fate, blocks

_CAMERA_FILE = "cp docs/examples/camera.json problem.json"
_MODULE, *_ = (block for block in blocks(ROOT / "docs" / "how-to-your-own-network.md") if block.is_run)
"""The network of one's own, `shop.networks`."""


def _step(body: str, language: str = "sh", fate: Fate = Fate.RUN) -> Block:
    return Block(path=Path(__file__), line=0, language=language, fate=fate, detail="", body=body)


_PICTURES = _step(
    """
from pathlib import Path
import numpy as np
from PIL import Image

Path("pictures").mkdir()
for number in range(2):
    pixels = np.random.default_rng(number).integers(0, 256, (240, 240, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(f"pictures/{number}.png")
picture = np.zeros((1, 3, 224, 224), np.uint8)
""",
    "python",
)
_SMALL_BUNDLE = "joulecut pack shop.networks:vectors --input 1x64 --out "
_CERTIFICATES = """
joulecut pki init --site lab
joulecut pki issue server gpu-box --host gpu-box.local
joulecut pki issue edge camera-1
mkdir /etc/joulecut/tls
mv server-gpu-box /etc/joulecut/tls/server
mv edge-camera-1 /etc/joulecut/tls/edge
"""
"""Of both hosts, in a folder for each, since one machine plays both."""

_BEFORE: Mapping[str, tuple[Block, ...]] = {
    "benchmarks/README.md": (_step(f"ln -s '{ROOT / 'benchmarks'}' '{ROOT / 'tests'}' ."),),
    "docs/explanation-baselines.md": (_step(_CAMERA_FILE),),
    "docs/explanation-batching.md": (
        _step(
            """
import json
from dataclasses import replace
from joulecut_planner import load_problem
from joulecut_planner.batching import BatchingEdge, BatchingProblem, BatchTables, batching_document

camera = load_problem("docs/examples/camera.json")
camera = replace(camera, slo=replace(camera.slo, quantile=None))
one = camera.variants[0].server
table = BatchTables(batch=2, time_s=one.time_s, busy_w=one.busy_w)
edges = tuple(BatchingEdge(name=name, problem=camera) for name in ("gate", "yard"))
with open("batching.json", "w") as file:
    json.dump(batching_document(BatchingProblem(edges=edges, batches=(table,))), file)
""",
            "python",
        ),
    ),
    "docs/explanation-block-power.md": (
        _step(
            """
from tests.planner.block_power.drawn_blocks import drawn_network, drawn_networks

measured, another = drawn_networks(5), drawn_network(9)
""",
            "python",
        ),
    ),
    "docs/explanation-tails-and-drift.md": (
        _step(
            """
from joulecut_planner import solve
from joulecut_planner.tables import build_problem
from joulecut_planner.tails import TailEstimates, profile_tail
from tests.planner.tails.test_profile_tails import inputs as pair

inputs = pair()
""",
            "python",
        ),
    ),
    "docs/how-to-command-line.md": (_MODULE,),
    "docs/how-to-dashboard.md": (_step("joulecut pki init --site lab"),),
    "docs/how-to-fit.md": (_step("printf 'core_mhz,memory_mhz\\n408,2133\\n612,2133\\n' > clocks.csv"),),
    "docs/how-to-observe.md": (
        _MODULE,
        _step(_SMALL_BUNDLE + "vectors"),
        _step(
            "edge-agent --device emulated:orin-nano-15w --bundle vectors --server 127.0.0.1:50551 "
            "--listen unix:/run/joulecut/edge.sock --print-config > edge.toml"
        ),
    ),
    "docs/how-to-security.md": (_MODULE, _step(_SMALL_BUNDLE + "efficientnet_lite0")),
    "docs/how-to-two-machines.md": (
        _MODULE,
        _PICTURES,
        _step("joulecut pack shop.networks:Camera --input u8:1x3x224x224 --out /var/lib/joulecut/bundles/lite0"),
        _step(_CERTIFICATES),
    ),
    "docs/how-to-your-own-network.md": (_PICTURES,),
    "docs/reference-configuration.md": (
        _step('printf \'device = "emulated:l4"\nbundle = "lite0"\nrenew_s = 1200.0\n\' > edge.toml'),
    ),
    "docs/tutorial-jetson-and-server.md": (_MODULE, _step(_SMALL_BUNDLE + "/var/lib/joulecut/bundles/lite0")),
    "planner/README.md": (_step(_CAMERA_FILE),),
    "tests/fakes/host/README.md": (
        _step(
            """
from pathlib import Path
from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd.kernel_files import CpufreqBoard
from joulecut_runtime.devices.host.probe import HostProbe
from tests.fakes.host.kernel import FakeHost
from tests.fakes.host.specs import INTEL_PSTATE

tmp_path = Path("fake")
""",
            "python",
        ),
    ),
    "tests/fakes/jetson/README.md": (_step("from pathlib import Path; tmp_path = Path('fake')", "python"),),
}


def module_of_the_reader() -> str:
    """The shell block that writes the network of one's own, `shop.networks`."""
    return _MODULE.body


def presumed(path: Path) -> tuple[Block, ...]:
    """Blocks to take before those of the page."""
    return _BEFORE.get(name(path), ())
