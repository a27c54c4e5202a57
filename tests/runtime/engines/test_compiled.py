"""`torch.compile` over parts: the same answers, compiled while preparing, and its failures told as what they are."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor, fx, nn
from torch._inductor import config as inductor_config

from joulecut_core.errors import ConfigError
from joulecut_core.timing import SystemClock
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.engines import Border, EngineName, EngineNetwork, Precision, engine_obstacle, open_engine
from joulecut_runtime.engines.compiled import compiled
from joulecut_runtime.networks.network import Network
from tests.networks.receiving import over_the_wire
from tests.runtime.engines.small_cases import TOLERANCE, error

OBSTACLE = engine_obstacle(EngineName.COMPILE, torch.device("cpu"))

pytestmark = [
    pytest.mark.skipif(OBSTACLE is not None, reason=f"torch.compile: {OBSTACLE}"),
    # torch's compiler imports parts of torch that torch has deprecated.
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]


class TwoAnswers(nn.Module):
    """Two tensors cross its cut; only the head has a kernel, each of which keeps the C++ compiler busy for seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(16, 4), nn.Linear(4, 8), nn.Linear(5, 8)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Two inputs, two answers."""
        return self.second(self.first(x).relu()), self.third(y)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    # Loops of single numbers: the C++ compiler need not try out the vectors of this machine, and has less to do.
    # Headers compiled beforehand pay for many kernels only.
    less = {"cpp.vec_isa_ok": True, "cpp.simdlen": 1, "compile_threads": 1, "cpp_cache_precompile_headers": False}
    with inductor_config.patch(less):
        yield


def test_compiled_parts_answer_alike() -> None:
    """A compiled head and tail give the plain answer, and run in an agent's worker thread without compiling again."""
    torch.manual_seed(5)
    # For one row alone the compiler would write out the products too.
    inputs = (torch.randn(3, 16), torch.randn(3, 5))
    network = Network(capture(TwoAnswers(), inputs, name="two-answers"))
    prepared = EngineNetwork(network, open_engine(EngineName.COMPILE, clock=SystemClock()))
    head, tail = prepared.head(1), prepared.tail(1)
    assert len(network.table.cuts[1].tensors) == 2
    assert min(head.preparation_s, tail.preparation_s) > 0

    def request() -> tuple[Tensor, ...]:
        with torch.compiler.set_stance("fail_on_recompile"):
            crossing = head(inputs)
            answers = tail(over_the_wire(crossing)), tail(crossing)
        assert error(*answers) == 0
        return answers[0]

    with ThreadPoolExecutor(max_workers=1) as worker:
        for answer in (request(), worker.submit(request).result()):
            assert error(answer, network.whole(inputs)) <= TOLERANCE[Precision.FP32]


def test_what_cannot_be_compiled_says_so() -> None:
    """The compiler's first line, the part's name and the way out; no long trace as the message."""

    def refuse(x: Tensor) -> tuple[Tensor]:
        torch._dynamo.graph_break()
        return (x,)

    graph = fx.Graph()
    graph.output((graph.call_function(refuse, (graph.placeholder("x"),)),))
    module = fx.GraphModule(nn.Module(), graph)
    with pytest.raises(ConfigError, match=r"torch.compile cannot compile odd: .*; use engine eager"):
        compiled(module, (torch.ones(2),), name="odd", leaving=Border.HOST)
