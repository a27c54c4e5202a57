"""The board that sets a Jetson's clocks, on every kernel tree and every way a kernel answers writes."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from pathlib import Path, PosixPath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.errors import ClockError, DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd.book import Board
from joulecut_runtime.clockd.kernel_files import DevfreqBoard, emc, find, gpu_nodes, read
from tests.fakes.jetson import ALL_BOARDS, BoardSpec, EmcLayout, FakeKernel, JetsonTree, Regime, build
from tests.fakes.jetson.boards import AGX_ORIN_36, ORIN_NANO_36, ORIN_NX_36, THOR_38, XAVIER_NX_32
from tests.fakes.jetson.tree import create, hz, make_unreadable
from tests.fakes.kernel_files import put

OBEYING = (Regime.EINVAL, Regime.CLAMP)


def machine(root: Path, spec: BoardSpec, regime: Regime = Regime.CLAMP) -> tuple[FakeKernel, DevfreqBoard]:
    """A fresh board's kernel, and what sets its clocks through the kernel's writer."""
    kernel = FakeKernel(build(root, spec), regime, clock=ManualClock())
    return kernel, another(kernel)


def another(kernel: FakeKernel, write: Callable[[Path, str], object] | None = None) -> DevfreqBoard:
    """The same board in a process that remembers nothing."""
    root = kernel.tree.root
    return DevfreqBoard(gpu_nodes(root)[0], root, write or kernel.write)


def limits_mhz(tree: JetsonTree) -> tuple[float, float]:
    """The limits that the kernel shows."""
    texts = [(tree.node / name).read_text(encoding="utf-8") for name in ("min_freq", "max_freq")]
    return int(texts[0]) / 1e6, int(texts[1]) / 1e6


def shown_mhz(path: Path) -> float:
    """A clock file in MHz."""
    return int(path.read_text(encoding="utf-8")) / 1e6


def held(tree: JetsonTree) -> dict[str, str]:
    """Every file that a lease may change, except the memory's rate where nothing locks it."""
    names = ["sys/kernel/debug/emc/min_rate", "sys/kernel/debug/emc/max_rate"]
    paths = [tree.node / "min_freq", tree.node / "max_freq", tree.gpu / "power/control", tree.gpu / "railgate_enable"]
    paths += [tree.root / name for name in names]
    locked = tree.debug / "bpmp/debug/clk/emc/mrq_rate_locked"
    paths += [locked, locked.parent / "state"]
    if locked.is_file() and locked.read_text(encoding="utf-8").strip() == "1":
        paths.append(locked.parent / "rate")
    return {str(path): path.read_text(encoding="utf-8").strip() for path in paths if path.is_file()}


@pytest.mark.parametrize("spec", ALL_BOARDS, ids=lambda spec: spec.name)
def test_the_gpu_is_found_among_the_devfreq_nodes(tmp_path: Path, spec: BoardSpec) -> None:
    """By device-tree name, and on Thor by its own; the same key in every process."""
    tree = build(tmp_path, spec)
    boards: Sequence[Board] = find(tmp_path)
    assert [board.key for board in boards] == [tree.board_key]


def test_nothing_is_found_on_another_machine(tmp_path: Path) -> None:
    """A devfreq GPU of somebody else's chip is not ours to set."""
    create(tmp_path / "sys/class/devfreq/fb000000.gpu/min_freq", "1")
    assert find(tmp_path) == []


@pytest.mark.parametrize("regime", OBEYING)
@pytest.mark.parametrize("spec", ALL_BOARDS, ids=lambda spec: spec.name)
def test_up_down_and_back(tmp_path: Path, spec: BoardSpec, regime: Regime) -> None:
    """Every kernel takes the order of writes, upwards and downwards, and ends where it began; twice does no harm."""
    kernel, board = machine(tmp_path, spec, regime)
    before = held(kernel.tree)
    snapshot = board.snapshot()
    for core_mhz in (spec.core_mhz[2], spec.core_mhz[-1], spec.core_mhz[0], spec.core_mhz[1]):
        board.apply(core_mhz, None)
        assert limits_mhz(kernel.tree) == (core_mhz, core_mhz)
        assert shown_mhz(kernel.tree.node / "cur_freq") == core_mhz
        assert (kernel.tree.gpu / "power/control").read_text(encoding="utf-8").strip() == "on"
        if spec is XAVIER_NX_32:
            assert (kernel.tree.gpu / "railgate_enable").read_text(encoding="utf-8").strip() == "0"
    board.restore(snapshot)
    board.restore(snapshot)
    assert held(kernel.tree) == before


@pytest.mark.parametrize("regime", OBEYING)
@pytest.mark.parametrize("spec", [board for board in ALL_BOARDS if board.emc_mhz], ids=lambda spec: spec.name)
def test_memory_is_locked_and_unlocked(tmp_path: Path, spec: BoardSpec, regime: Regime) -> None:
    """Both kinds of files hold the memory clock while the GPU works, and let it go afterwards."""
    kernel, board = machine(tmp_path, spec, regime)
    before = held(kernel.tree)
    snapshot = board.snapshot()
    for memory_mhz in (spec.emc_mhz[1], spec.emc_mhz[3], spec.emc_mhz[2]):
        board.apply(spec.core_mhz[1], memory_mhz)
        kernel.busy = not kernel.busy
        assert shown_mhz(kernel.tree.emc_rate) == memory_mhz
    board.restore(snapshot)
    assert held(kernel.tree) == before
    kernel.busy = True
    assert shown_mhz(kernel.tree.emc_rate) == spec.emc_mhz[-1]


@pytest.mark.parametrize(
    ("writes", "wrong"),
    [(("max_freq", "min_freq"), ("min_freq", "max_freq")), (("min_freq", "max_freq"), ("max_freq", "min_freq"))],
    ids=["raising", "lowering"],
)
def test_the_fake_refuses_the_wrong_order(tmp_path: Path, writes: tuple[str, str], wrong: tuple[str, str]) -> None:
    """The tests above would fail for a board that wrote the limits the other way round on a 4.x kernel."""
    kernel, board = machine(tmp_path, XAVIER_NX_32, Regime.EINVAL)
    raising = writes[0] == "max_freq"
    board.apply(306 if raising else 1007.25, None)
    target = str(hz(1007.25 if raising else 306))
    with pytest.raises(OSError, match="Invalid argument") as refused:
        kernel.write(kernel.tree.node / wrong[0], target)
    assert refused.value.errno == errno.EINVAL
    for name in writes:
        kernel.write(kernel.tree.node / name, target)


@pytest.mark.parametrize("regime", OBEYING)
def test_no_limit_is_a_limit_too(tmp_path: Path, regime: Regime) -> None:
    """0 means "no limit": it neither caps a lease nor gets lost."""
    kernel, board = machine(tmp_path, XAVIER_NX_32, regime)
    kernel.switch_mode(min_mhz=0, max_mhz=0)
    before = held(kernel.tree)
    snapshot = board.snapshot()
    board.apply(1109.25, None)
    board.apply(306, None)
    board.restore(snapshot)
    assert held(kernel.tree) == before


def test_only_listed_clocks_are_written(tmp_path: Path) -> None:
    """What the kernel would round silently is refused before anything is written, with the list."""
    kernel, board = machine(tmp_path, ORIN_NANO_36)
    board.snapshot()
    with pytest.raises(ClockError, match=r"1000 MHz; expected one of \[306\.0, .*1020\.0\]"):
        board.apply(1000, None)
    with pytest.raises(ClockError, match=r"1600 MHz; expected one of \[204\.0, 665\.6"):
        board.apply(612, 1600)
    assert kernel.writes == []


def test_memory_without_debugfs_is_refused(tmp_path: Path) -> None:
    """In a container there is nothing to lock it with."""
    kernel, board = machine(tmp_path, ORIN_NANO_36)
    kernel.tree.remove_debugfs()
    assert "rate" not in board.snapshot()
    board.apply(612, None)
    with pytest.raises(ClockError, match="expected one of"):
        board.apply(612, 2133)


@pytest.mark.parametrize("spec", [AGX_ORIN_36, XAVIER_NX_32], ids=["clk_cap", "iso_cap"])
def test_the_power_mode_caps_both_clocks(tmp_path: Path, spec: BoardSpec) -> None:
    """A lease never lifts what nvpmodel has capped, whichever file it writes the memory's cap to."""
    kernel, board = machine(tmp_path, spec)
    capped, above = spec.core_mhz[-3], spec.core_mhz[-2]
    kernel.switch_mode(max_mhz=capped, emc_cap_mhz=spec.emc_mhz[2])
    board.snapshot()
    with pytest.raises(ClockError, match=rf"above the power mode's {capped:g} MHz"):
        board.apply(above, None)
    with pytest.raises(ClockError, match=rf"{spec.emc_mhz[3]:g} MHz; expected one of"):
        board.apply(capped, spec.emc_mhz[3])
    board.apply(capped, spec.emc_mhz[2])
    assert not [value for path, value in kernel.writes if path.endswith("_freq") and int(value) > hz(capped)]


def test_a_cap_of_bpmp_counts_as_well(tmp_path: Path) -> None:
    """The ceiling is the lower of BPMP's and nvpmodel's."""
    tree = build(tmp_path, ORIN_NANO_36)
    put(tree.emc / "max_rate", str(hz(2133)))
    assert emc(tmp_path)[0] == [hz(204), hz(665.6), hz(2133)]
    put(tree.root / "sys/kernel/nvpmodel_clk_cap/emc", str(hz(665.6)))
    assert emc(tmp_path)[0] == [hz(204), hz(665.6)]


@pytest.mark.parametrize("regime", OBEYING)
def test_a_new_power_mode_wins(tmp_path: Path, regime: Regime) -> None:
    """nvpmodel in mid-lease: its limits stay when the lease ends, in this process and in the next."""
    kernel, board = machine(tmp_path, ORIN_NANO_36, regime)
    snapshot = board.snapshot()
    board.apply(918, None)
    kernel.switch_mode(max_mhz=612)
    another(kernel).restore(snapshot)
    assert limits_mhz(kernel.tree) == (306, 612)
    board.restore(snapshot)
    assert limits_mhz(kernel.tree) == (306, 612)


@pytest.mark.parametrize("regime", OBEYING)
def test_a_new_power_mode_can_be_leased_in(tmp_path: Path, regime: Regime) -> None:
    """The lease goes on below the new ceiling, and ends at the new mode's limits."""
    kernel, board = machine(tmp_path, ORIN_NANO_36, regime)
    snapshot = board.snapshot()
    board.apply(918, None)
    kernel.switch_mode(max_mhz=612, min_mhz=408)
    with pytest.raises(ClockError, match="above the power mode's 612 MHz"):
        board.apply(918, None)
    board.apply(510, None)
    assert limits_mhz(kernel.tree) == (510, 510)
    board.restore(snapshot)
    assert limits_mhz(kernel.tree) == (408, 612)


def test_without_root_nothing_changes(tmp_path: Path) -> None:
    """The refusal names the files and the remedy."""
    kernel, board = machine(tmp_path, ORIN_NANO_36, Regime.READONLY)
    snapshot = board.snapshot()
    with pytest.raises(DeviceError, match=r"min_freq = 612000000: Permission denied.*joulecut-clockd"):
        board.apply(612, None)
    board.restore(snapshot)
    assert limits_mhz(kernel.tree) == (306, 1020)


def test_a_dropped_write_is_noticed(tmp_path: Path) -> None:
    """A kernel that accepts and ignores does not count as a lease."""
    kernel, board = machine(tmp_path, ORIN_NANO_36, Regime.SILENT_DROP)
    board.snapshot()
    with pytest.raises(ClockError, match="took 612 MHz but kept"):
        board.apply(612, None)
    assert limits_mhz(kernel.tree) == (306, 1020)


def test_what_cannot_be_put_back_is_named_and_the_rest_put_back(tmp_path: Path) -> None:
    """One broken file does not keep the clocks locked."""
    kernel, board = machine(tmp_path, ORIN_NANO_36)
    snapshot = board.snapshot()
    board.apply(612, 665.6)
    make_unreadable(kernel.tree.gpu / "power/control")
    (kernel.tree.emc / "state").unlink()
    with pytest.raises(DeviceError, match=r"emc/state = 1: No such file.*power/control = auto: No such file"):
        board.restore(snapshot)
    assert limits_mhz(kernel.tree) == (306, 1020)
    assert (kernel.tree.emc / "mrq_rate_locked").read_text(encoding="utf-8").strip() == "0"


def test_a_board_that_vanished_says_so(tmp_path: Path) -> None:
    """A driver that was unloaded: no snapshot, no restore, and no file made up in its place."""
    kernel, board = machine(tmp_path, THOR_38)
    snapshot = board.snapshot()
    board.apply(945, None)
    for name in ("min_freq", "max_freq"):
        (kernel.tree.node / name).unlink()
    with pytest.raises(DeviceError, match="min_freq = 315000000: No such file"):
        board.restore(snapshot)
    with pytest.raises(DeviceError, match="lacks min_freq or max_freq"):
        board.snapshot()
    assert not (kernel.tree.node / "min_freq").exists()


def test_a_board_that_comes_back_is_restored(tmp_path: Path) -> None:
    """A driver loaded anew in mid-lease: what failed meanwhile has forgotten nothing."""
    kernel, board = machine(tmp_path, THOR_38)
    snapshot = board.snapshot()
    for name in ("min_freq", "max_freq"):
        (kernel.tree.node / name).unlink()
    with pytest.raises(DeviceError, match="is the GPU's driver loaded"):
        board.apply(945, None)
    for name in ("min_freq", "max_freq"):
        put(kernel.tree.node / name, str(hz(1386)))
    board.restore(snapshot)
    assert limits_mhz(kernel.tree) == (315, 1575)


def test_a_file_that_is_being_replaced_is_read_again(tmp_path: Path) -> None:
    """Empty is what a half-written file looks like; only one that stays so counts as unreadable."""
    texts = ["306000000\n", "", ""]

    class Replaced(PosixPath):
        """Two reads meet the empty file."""

        def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
            del encoding, errors
            return texts.pop()

    assert read(Replaced(tmp_path / "min_freq")) == "306000000"
    (tmp_path / "empty").touch()
    assert read(tmp_path / "empty") == ""


def test_files_are_written_without_a_fake_kernel(tmp_path: Path) -> None:
    """The writer that ships replaces the text and makes no file that is not there."""
    tree = build(tmp_path, ORIN_NX_36)
    board = find(tmp_path)[0]
    snapshot = board.snapshot()
    board.apply(408, 204)
    assert limits_mhz(tree) == (408, 408)
    (tree.emc / "max_rate").unlink()
    with pytest.raises(DeviceError, match="max_rate = 3199000000: No such file"):
        board.restore(snapshot)
    assert not (tree.emc / "max_rate").exists()


@pytest.mark.parametrize("spec", ALL_BOARDS, ids=lambda spec: spec.name)
def test_without_a_snapshot_the_drivers_defaults_are_put_back(tmp_path: Path, spec: BoardSpec) -> None:
    """A lost journal: another process frees clocks, rail gate, memory and power management all the same."""
    kernel, board = machine(tmp_path, spec)
    before = held(kernel.tree)
    board.snapshot()
    board.apply(spec.core_mhz[1], spec.emc_mhz[1] if spec.emc_mhz else None)
    assert held(kernel.tree) != before
    another(kernel).restore({})
    assert limits_mhz(kernel.tree) == (spec.core_mhz[0], spec.core_mhz[-1])
    assert held(kernel.tree) == before


def test_what_a_snapshot_lacks_gets_its_default(tmp_path: Path) -> None:
    """Half a journal: what it has comes back, the rest is freed."""
    kernel, board = machine(tmp_path, ORIN_NANO_36)
    board.apply(918, 665.6)
    another(kernel).restore({"max_freq": str(hz(612))})
    assert limits_mhz(kernel.tree) == (306, 612)
    assert (kernel.tree.emc / "mrq_rate_locked").read_text(encoding="utf-8").strip() == "0"


def test_a_lost_minimum_does_not_lift_the_power_mode(tmp_path: Path) -> None:
    """Killed between two writes: the maximum still is the mode's, and stays, while the minimum is freed."""
    kernel, _ = machine(tmp_path, ORIN_NANO_36)
    kernel.switch_mode(min_mhz=510, max_mhz=612)
    another(kernel).restore({})
    assert limits_mhz(kernel.tree) == (306, 612)


def test_memory_that_no_lease_set_stays_locked(tmp_path: Path) -> None:
    """Another tool's memory lock, made during a lease of the core clock, outlives it."""
    kernel, board = machine(tmp_path, ORIN_NANO_36)
    snapshot = board.snapshot()
    board.apply(612, None)
    kernel.write(kernel.tree.emc / "mrq_rate_locked", "1")
    board.restore(snapshot, memory=False)
    assert (kernel.tree.emc / "mrq_rate_locked").read_text(encoding="utf-8").strip() == "1"
    assert limits_mhz(kernel.tree) == (306, 1020)


class Killed(BaseException):
    """The process is gone in the middle of a write."""


@st.composite
def stories(
    draw: st.DrawFn,
) -> tuple[BoardSpec, Regime, tuple[float, float], bool, list[tuple[float, float | None]], int]:
    """A board under a power mode, the memory locked before or not, moves of a lease, and when the process is killed."""
    spec = draw(st.sampled_from(ALL_BOARDS))
    low, high = sorted(draw(st.tuples(st.sampled_from(spec.core_mhz), st.sampled_from(spec.core_mhz))))
    cores = [mhz for mhz in spec.core_mhz if mhz <= high]
    memories = st.sampled_from((None, *spec.emc_mhz))
    moves = draw(st.lists(st.tuples(st.sampled_from(cores), memories), min_size=1, max_size=4))
    locked = spec.emc is EmcLayout.BPMP and draw(st.booleans())
    return spec, draw(st.sampled_from(OBEYING)), (low, high), locked, moves, draw(st.integers(1, 40))


@given(story=stories())
@settings(max_examples=40, deadline=None)
def test_every_lease_ends_at_its_snapshot(
    story: tuple[BoardSpec, Regime, tuple[float, float], bool, list[tuple[float, float | None]], int],
) -> None:
    """Whatever was held, however it moved, whichever write was the last of its process: another restores it."""
    spec, regime, (low, high), locked, moves, last_write = story
    with TemporaryDirectory() as folder:
        kernel, _ = machine(Path(folder), spec, regime)
        kernel.switch_mode(min_mhz=low, max_mhz=high)
        if locked:
            kernel.write(kernel.tree.emc / "mrq_rate_locked", "1")
            kernel.write(kernel.tree.emc / "rate", str(hz(spec.emc_mhz[1])))
        before = held(kernel.tree)
        kernel.writes.clear()

        def write(path: Path, text: str) -> None:
            if len(kernel.writes) >= last_write:
                raise Killed
            kernel.write(path, text)

        board = another(kernel, write)
        snapshot = board.snapshot()
        try:
            for core_mhz, memory_mhz in moves:
                board.apply(core_mhz, memory_mhz)
            board.restore(snapshot)
        except Killed:
            another(kernel).restore(snapshot)
        assert held(kernel.tree) == before
