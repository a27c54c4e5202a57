"""What hostile clients, trees and journals get written: nothing but allowed clocks, and only into the clocks' files.

Below the root stand a Jetson's and a host's kernel files; every write that the daemon makes is noted, and none goes
anywhere but through the boards' one writer.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import DeviceError, LeaseError
from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd.allow_list import Rule
from joulecut_runtime.clockd.book import STATE, Board, LeaseBook
from joulecut_runtime.clockd.client import ClockdClient
from joulecut_runtime.clockd.kernel_files import CpufreqBoard, DevfreqBoard, gpu_nodes, write
from tests.fakes.host.kernel import FakeHost
from tests.fakes.host.specs import ACPI_CPUFREQ
from tests.fakes.jetson import JetsonTree, build
from tests.fakes.jetson.boards import ORIN_NANO_36
from tests.runtime.clockd.daemons import listening, serving

LOWEST_MHZ, HIGHEST_MHZ = 400.0, 700.0
SPEC = ORIN_NANO_36
ALLOWED_MHZ = [mhz for mhz in SPEC.core_mhz if LOWEST_MHZ <= mhz <= HIGHEST_MHZ]
MINE = Rule(users=str(os.getuid()), boards="jetson:*", core_mhz=f"{LOWEST_MHZ}-{HIGHEST_MHZ}", longest_ttl_s="10")


class Machine:
    """A root with both kinds of kernel files, and what was written to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tree: JetsonTree = build(root, SPEC)
        FakeHost(root, ACPI_CPUFREQ, clock=ManualClock())
        self.board = self.tree.board_key
        self.written: list[tuple[Path, str]] = []

    def boards(self, root: Path) -> list[Board]:
        """The boards of a process that knows nothing, with a writer that notes what it is asked to write."""

        def noting(path: Path, text: str) -> None:
            self.written.append((path, text))
            write(path, text)

        policies = sorted((root / "sys/devices/system/cpu/cpufreq").glob("policy*"))
        return [DevfreqBoard(gpu_nodes(root)[0], root, noting), CpufreqBoard(policies, noting)]

    def files(self) -> dict[str, str]:
        """Every file's text but the daemon's own."""
        kept = self.root / "run"
        paths = (path for path in self.root.rglob("*") if path.is_file() and kept not in path.parents)
        return {str(path): path.read_text(encoding="utf-8", errors="replace").strip() for path in paths}

    def check(self) -> None:
        """Whatever was written is an allowed clock, what was there before, or a switch that goes with it."""
        before = {"306000000", "1020000000"}
        allowed = {
            "min_freq": before | {str(round(mhz * 1e6)) for mhz in ALLOWED_MHZ},
            "max_freq": before | {str(round(mhz * 1e6)) for mhz in ALLOWED_MHZ},
            "control": {"on", "auto"},
        }
        places = {"min_freq": self.tree.node, "max_freq": self.tree.node, "control": self.tree.gpu / "power"}
        for path, text in self.written:
            assert path.resolve().parent == places[path.name].resolve()
            assert text in allowed[path.name]

    @contextmanager
    def serving(self) -> Iterator[LeaseBook]:
        """Its daemon."""
        with serving(self.root, now_s=ManualClock(start_s=5.0).now_s, rules=[MINE], find=self.boards) as book:
            yield book


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def acquire(**changes: object) -> bytes:
    """A request that would be granted, but for what is changed."""
    asked = {"op": "acquire", "board": "jetson:17000000.gpu", "mhz": [ALLOWED_MHZ[0], None], "ttl_s": 5.0, "name": "x"}
    return json.dumps({**asked, **changes}).encode() + b"\n"


BOARDS: list[object] = [
    *("", "jetson:", "jetson:*", "jetson:..", "jetson:../17000000.gpu", "jetson:17000000.gpu/../../../../etc"),
    *("/etc/passwd", "../../etc/passwd", "jetson:17000000.gpu\0", "jetson:17000000.gpu\n", "JETSON:17000000.gpu"),
    *("cpu:all", "cpu:../policy0", "nvml:GPU-1", "jetson:" + "x" * 3000, 7, None, ["jetson:17000000.gpu"], {}),
]
CLOCKS: list[object] = [
    *([306.0, None], [714.0, None], [1020.0, None], [401.5, None], [-510.0, None], [0, None], [1e308, None]),
    *([float("nan"), None], [float("inf"), None], [10**3000, None], [True, None], ["510", None], [[510], None]),
    *([510.0, 2133.0], [510.0, 0.0], [510.0, -1], [510.0, float("nan")], [510.0, "2133"], [510.0]),
    *([], [510.0, None, None], {"510": None}, "51", 510.0, None),
]
LIVES: list[object] = [0, -1, 10.1, 1e308, float("nan"), float("inf"), "5", None, [5]]
NAMES: list[object] = ["x" * 65, "a\nb", "\x1b[2J", 7, None, ["x"]]
OPERATIONS: list[object] = [
    *("", "set", "write", "_restore", "__init__", "close", "Acquire", 7, None, ["acquire"], "move", "heartbeat"),
]
ATTACKS = {
    "boards": [acquire(board=board) for board in BOARDS],
    "clocks": [acquire(mhz=mhz) for mhz in CLOCKS],
    "lives": [acquire(ttl_s=ttl_s) for ttl_s in LIVES],
    "names": [acquire(name=name) for name in NAMES],
    "operations": [acquire(op=operation) for operation in OPERATIONS],
    "keys": [acquire(path="/etc/passwd"), acquire(self=1), acquire(uid=0), b'{"op": "acquire", "op": "_restore"}\n'],
}
ENDLESS = [
    acquire() * 2 + b"x" * 100_000,
    b'{"op": "acquire", "board": "' + b"x" * 5000 + acquire(),
    b"[" * 4095 + b"\n",
    acquire()[:-1],
]


@pytest.mark.parametrize("kind", ATTACKS)
def test_no_request_beyond_the_rules_writes_anything(machine: Machine, kind: str) -> None:
    """Foreign boards, clocks out of range, odd types and unknown operations: refused before any file is touched."""
    before = machine.files()
    with machine.serving():
        for line in ATTACKS[kind]:
            answer = said_to(machine.root / "sock", line)
            assert answer == b"" or "error" in json.loads(answer), line
            assert machine.written == [], line
    assert machine.files() == before


@pytest.mark.parametrize("line", ENDLESS, ids=range(len(ENDLESS)))
def test_lines_too_long_or_without_an_end_leave_nothing_behind(machine: Machine, line: bytes) -> None:
    """What came before the nonsense may have been granted: it ends with its connection, and all is as it was."""
    before = machine.files()
    with machine.serving() as book:
        said_to(machine.root / "sock", line)
        book.close()
    machine.check()
    assert machine.files() == before


def said_to(path: Path, sent: bytes) -> bytes:
    """The last line of the daemon's answer."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(20.0)
        line.connect(str(path))
        try:
            line.sendall(sent)
            line.shutdown(socket.SHUT_WR)
            answer = line.makefile("rb").read()
        except OSError:
            return b""
    return answer.splitlines()[-1] if answer else b""


anything = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
clocks = st.one_of(st.sampled_from(SPEC.core_mhz), st.floats(0.0, 2000.0), anything)
memory = st.one_of(st.none(), st.none(), st.sampled_from(SPEC.emc_mhz), anything)
requests = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["acquire", "move", "heartbeat", "release", "reset", "state", "format"]),
        "board": st.sampled_from(["jetson:17000000.gpu"] * 5 + ["cpu:all", "jetson:..", ""]),
        "mhz": st.tuples(clocks, memory),
        "ttl_s": st.one_of(st.just(5.0), st.just(5.0), anything),
    }
)


@given(asked=st.lists(requests, min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_whatever_a_client_asks_only_allowed_clocks_are_written(asked: list[dict[str, object]]) -> None:
    """Any requests in any order over one connection: each write is one that the rules give, and the end undoes all."""
    with TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        before = machine.files()
        with machine.serving() as book:
            said_to(machine.root / "sock", b"".join(json.dumps(request).encode() + b"\n" for request in asked))
            book.close()
        machine.check()
        assert machine.files() == before


@pytest.mark.parametrize("name", ["min_freq", "max_freq"])
def test_a_link_in_a_files_place_is_not_followed(machine: Machine, tmp_path: Path, name: str) -> None:
    """Whoever could put a link into the tree does not get root to write elsewhere."""
    victim = tmp_path / "etc/victim"
    held = (machine.tree.node / name).read_text(encoding="utf-8")
    victim.write_text(held, encoding="utf-8")
    (machine.tree.node / name).unlink()
    (machine.tree.node / name).symlink_to(victim)
    with (
        machine.serving(),
        closing(ClockdClient(machine.root / "sock")) as client,
        pytest.raises(DeviceError, match="symbolic link"),
    ):
        client.acquire(machine.board, OperatingPoint(core_mhz=ALLOWED_MHZ[0]), holder="test", ttl_s=5.0)
    assert victim.read_text(encoding="utf-8") == held


def test_a_file_that_is_missing_is_not_made(tmp_path: Path) -> None:
    """The writer that ships opens what is there."""
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "min_freq", "1")
    assert list(tmp_path.iterdir()) == []


def test_a_journal_names_no_files(machine: Machine) -> None:
    """Entries that no board has are left alone, though they look like paths; what is missing gets its default."""
    snapshot = {"../../../etc/passwd": "x", "/etc/passwd": "x", "sys/power/state": "mem", "rate": "1"}
    forge(machine, {"memory": True, "snapshot": snapshot})
    before = machine.files()
    LeaseBook(machine.root, machine.boards).close()
    machine.check()
    assert machine.files() == before


@pytest.mark.parametrize(
    "snapshot",
    [
        {"min_freq": "1; reboot"},
        {"min_freq": "nan", "max_freq": "9e99"},
        {"min_freq": 306000000},
        {"min_freq": None},
        ["min_freq"],
        "min_freq",
        None,
    ],
)
def test_a_forged_snapshot_means_the_defaults(machine: Machine, snapshot: object) -> None:
    """What is no clock is never written: the driver's own limits are."""
    forge(machine, {"memory": True, "snapshot": snapshot})
    LeaseBook(machine.root, machine.boards).close()
    machine.check()
    assert [(machine.tree.node / name).read_text().strip() for name in ("min_freq", "max_freq")] == [
        "306000000",
        "1020000000",
    ]


def forge(machine: Machine, document: object) -> None:
    """What somebody with root's rights, or a broken disk, left in a journal's place."""
    (machine.root / STATE).mkdir(mode=0o700, parents=True)
    (machine.root / STATE / f"{machine.board}.json").write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_journals_that_others_can_change_are_not_believed(machine: Machine, mode: int) -> None:
    """Whoever can write there chooses what root puts back."""
    forge(machine, {"memory": True, "snapshot": {"min_freq": "306000000"}})
    (machine.root / STATE).chmod(mode)
    with pytest.raises(PermissionError, match=r"others can change what is put back; .* mode 700"):
        LeaseBook(machine.root, machine.boards)
    assert machine.written == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("board", ["jetson:17000000.gpu", "cpu:all"])
def test_another_user_gets_nothing(machine: Machine, board: str) -> None:
    """The kernel says who connects: what the request claims counts for nothing, the socket's own mode aside."""
    book = LeaseBook(machine.root, machine.boards)
    script = (
        "import os, socket, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534);"
        "line = socket.socket(socket.AF_UNIX); line.connect('\\0' + sys.argv[1]);"
        "line.sendall(sys.argv[2].encode() + b'\\n'); print(line.makefile().readline())"
    )
    asked = [acquire(board=board), acquire(board=board, op="reset"), acquire(board=board, op="release")]
    for number, request in enumerate(asked):
        answer = said_by_another(book, f"joulecut-test-{os.getpid()}-{number}", script, request.decode().strip())
        assert answer["error"] == LeaseError.__name__
        assert "user 65534 may not set" in answer["message"]
    assert machine.written == []


def said_by_another(book: LeaseBook, name: str, script: str, request: str) -> dict[str, str]:
    """What the daemon answers to a request of user nobody, over a socket that everybody may open."""
    with listening(f"\0{name}", book, [MINE]):
        said = subprocess.run(
            [sys.executable, "-c", script, name, request],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    answer: dict[str, str] = json.loads(said.stdout)
    return answer
