"""Clocks of GPUs set and put back through NVML."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pynvml
import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ClockError, DeviceError, LeaseError
from joulecut_runtime.clockd import nvml_board
from joulecut_runtime.clockd.book import Board, LeaseBook, UnchangedError
from joulecut_runtime.devices.hardware.local_authority import LocalAuthority
from tests.fakes.nvml import COMPILER, GENERATIONS, NO_COMPILER, Can, FakeNvml, loaded

pytestmark = pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeNvml]:
    """A host with an H100, loaded into this process."""
    fake = FakeNvml(tmp_path)
    with loaded(fake):
        yield fake


def only_board() -> Board:
    """The host's one GPU."""
    (board,) = nvml_board.find()
    return board


def test_each_gpu_is_a_board_under_its_uuid(tmp_path: Path) -> None:
    """The same key in every process; a GPU that does not answer is left out, not fatal."""
    fake = FakeNvml(tmp_path, ["h100", "t4", "h100"])
    fake.gpus[1].lose()
    with loaded(fake):
        keys = [board.key for board in nvml_board.find()]
    assert keys == [f"nvml:{fake.gpus[0].uuid}", f"nvml:{fake.gpus[2].uuid}"]


def test_no_driver_no_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without GPUs is a normal case."""
    with loaded(FakeNvml(tmp_path)), monkeypatch.context() as without:
        without.delenv("FAKE_NVML_STATE")
        assert nvml_board.find() == []


@pytest.mark.parametrize("generation", GENERATIONS)
def test_apply_holds_and_restore_lets_go(generation: str, tmp_path: Path) -> None:
    """From Volta on core locks, from Ampere on memory locks, application clocks on Pascal; twice is as good as once."""
    fake = FakeNvml(tmp_path, [generation])
    model = GENERATIONS[generation]
    memory_mhz = max(model.cores_mhz)
    core_mhz = model.cores_mhz[memory_mhz][5]
    with loaded(fake):
        board = only_board()
        before = board.snapshot()
        board.apply(core_mhz, memory_mhz if model.can & Can.LOCK_MEMORY else None)
        board.apply(core_mhz, memory_mhz if model.can & Can.LOCK_MEMORY else None)
        assert fake.gpu.lock == ((core_mhz, core_mhz) if model.can & Can.LOCK_CORE else None)
        assert fake.gpu.memory_lock == ((memory_mhz, memory_mhz) if model.can & Can.LOCK_MEMORY else None)
        assert (fake.gpu.application_clocks is None) is bool(model.can & Can.LOCK_CORE)
        board.restore(before)
        board.restore(before)
        assert fake.gpu.is_untouched


def test_application_clocks_of_another_tool_are_put_back(tmp_path: Path) -> None:
    """On Pascal what was set before the lease is there again after it, from a snapshot that went through text."""
    fake = FakeNvml(tmp_path, ["p40"])
    fake.gpu.set_application_clocks(3615, 1000)
    with loaded(fake):
        board = only_board()
        before = {str(key): str(value) for key, value in board.snapshot().items()}
        board.apply(1528, None)
        assert fake.gpu.application_clocks == (3615, 1528)
        board.restore(before)
        assert fake.gpu.application_clocks == (3615, 1000)


def test_an_empty_snapshot_means_the_drivers_defaults(tmp_path: Path) -> None:
    """What a reset of a board that nobody holds asks for."""
    for generation in ("p40", "h100"):
        fake = FakeNvml(tmp_path, [generation])
        fake.gpu.set_application_clocks(max(GENERATIONS[generation].cores_mhz), 1000)
        fake.gpu.lock_clocks(990)
        with loaded(fake):
            only_board().restore({})
        assert fake.gpu.lock is None or generation == "p40"
        assert fake.gpu.application_clocks is None or generation == "h100"


def test_memory_comes_before_core(fake: FakeNvml) -> None:
    """The core clocks that are legal depend on the memory clock in force."""
    only_board().apply(990, 1593)
    assert [(change.call, change.clocks_mhz) for change in fake.journal] == [
        ("nvmlDeviceSetMemoryLockedClocks", (1593, 1593)),
        ("nvmlDeviceSetGpuLockedClocks", (990, 990)),
    ]


@pytest.mark.parametrize(("core_mhz", "memory_mhz"), [(991, None), (990, 1234), (5000, 2619), (330, 1593)])
def test_what_is_not_listed_is_never_asked_for(fake: FakeNvml, core_mhz: float, memory_mhz: float | None) -> None:
    """The driver would round silently: the board refuses, and nothing has changed."""
    with pytest.raises(ClockError, match="lists no"):
        only_board().apply(core_mhz, memory_mhz)
    assert fake.journal == ()


def test_core_clocks_are_those_of_the_memory_clock(tmp_path: Path) -> None:
    """An L4 whose memory runs at 405 MHz has no 2040 MHz."""
    fake = FakeNvml(tmp_path, ["l4"])
    with loaded(fake):
        with pytest.raises(ClockError):
            only_board().apply(2040, 405)
        only_board().apply(645, 405)
    assert fake.gpu.memory_lock == (405, 405)


def test_the_top_memory_clock_needs_no_lock(fake: FakeNvml) -> None:
    """Where the driver has no memory locks a GPU under load runs at its top memory clock anyway; lower is refused."""
    fake.gpu.refuse(Can.LOCK_MEMORY)
    only_board().apply(990, 2619)
    assert fake.gpu.lock == (990, 990)
    with pytest.raises(DeviceError):
        only_board().apply(1005, 1593)
    assert fake.gpu.lock == (990, 990)


def test_a_user_without_rights_is_told_who_may(tmp_path: Path) -> None:
    """The remedy names root, the container's capability and the daemon."""
    fake = FakeNvml(tmp_path)
    with loaded(fake, privileged=False):
        board = only_board()
        with pytest.raises(DeviceError, match=rf"{fake.gpu.uuid}.*CAP_SYS_ADMIN.*joulecut-clockd"):
            board.apply(990, None)
        with pytest.raises(DeviceError, match="CAP_SYS_ADMIN"):
            board.restore(board.snapshot())
    assert fake.gpu.is_untouched


@pytest.mark.parametrize("code", [24, 2])
def test_a_clock_that_the_driver_refuses_is_a_clock_error(fake: FakeNvml, code: int) -> None:
    """The caller can choose another clock: that is another reaction than to a broken device."""
    fake.fail("nvmlDeviceSetGpuLockedClocks", code)
    with pytest.raises(ClockError, match=fake.gpu.uuid):
        only_board().apply(990, None)


@pytest.mark.parametrize(("code", "remedy"), [(4, "CAP_SYS_ADMIN"), (2, "MIG"), (999, "dmesg"), (15, "gpu-reset")])
def test_a_refusal_names_gpu_call_code_and_remedy(fake: FakeNvml, code: int, remedy: str) -> None:
    """NVML's own texts alone help nobody."""
    fake.fail("nvmlDeviceSetGpuLockedClocks", code)
    with pytest.raises(DeviceError, match=rf"{fake.gpu.uuid}.*SetGpuLockedClocks failed.*NVML {code}\).*{remedy}"):
        only_board().apply(990, None)


@pytest.mark.parametrize("code", [3, 13, 21, 22, 25, 26])
def test_a_driver_without_application_clocks_still_locks(fake: FakeNvml, code: int) -> None:
    """Newer drivers answer "deprecated" where older ones answered "not supported"; locks need neither."""
    for call in ("Get", "Set", "Reset"):
        fake.fail(f"nvmlDevice{call}ApplicationsClock{'' if call == 'Get' else 's'}", code)
    fake.fail("nvmlDeviceSetMemoryLockedClocks", code)
    fake.fail("nvmlDeviceResetMemoryLockedClocks", code)
    board = only_board()
    before = board.snapshot()
    board.apply(990, 2619)
    assert fake.gpu.lock == (990, 990)
    board.restore(before)
    assert fake.gpu.is_untouched


def test_memory_that_cannot_be_locked_runs_at_its_highest_clock_only(fake: FakeNvml) -> None:
    """Another clock is refused before the core is touched."""
    fake.fail("nvmlDeviceSetMemoryLockedClocks", 3)
    with pytest.raises(ClockError, match="cannot lock memory at 1593 MHz"):
        only_board().apply(990, 1593)
    assert fake.gpu.is_untouched


def test_a_gpu_without_any_way_to_set_clocks_says_so(fake: FakeNvml) -> None:
    """Neither locks nor application clocks: no lease, in words."""
    fake.fail("nvmlDeviceSetGpuLockedClocks", 3)
    fake.fail("nvmlDeviceSetApplicationsClocks", 26)
    with pytest.raises(DeviceError, match="neither locks nor application clocks"):
        only_board().apply(990, None)
    assert fake.gpu.is_untouched


def test_memory_that_no_lease_set_stays_locked(fake: FakeNvml) -> None:
    """Another tool's memory lock outlives a lease of the core clock."""
    board = only_board()
    board.apply(990, 1593)
    board.restore({}, memory=False)
    assert (fake.gpu.lock, fake.gpu.memory_lock) == (None, (1593, 1593))


@pytest.mark.parametrize(("memory_mhz", "error"), [(None, UnchangedError), (2619, DeviceError)])
def test_only_a_first_refusal_has_changed_nothing(
    fake: FakeNvml, memory_mhz: float | None, error: type[DeviceError]
) -> None:
    """Where memory was locked before the core was refused, there is something to restore."""
    fake.fail("nvmlDeviceSetGpuLockedClocks", 4)
    with pytest.raises(DeviceError) as refused:
        only_board().apply(990, memory_mhz)
    assert type(refused.value) is error


def test_who_may_not_set_the_clocks_gets_no_lease(fake: FakeNvml, tmp_path: Path) -> None:
    """A user without the right is refused a lease, whoever would grant it."""
    fake.fail("nvmlDeviceSetGpuLockedClocks", 4)
    book = LeaseBook(tmp_path, lambda _: nvml_board.find())
    with closing(LocalAuthority(book)) as authority, pytest.raises(LeaseError, match="joulecut-clockd"):
        authority.grant(only_board().key, OperatingPoint(core_mhz=990.0), holder="me")
    assert fake.gpu.is_untouched


def test_one_thing_that_cannot_be_put_back_keeps_no_other_locked(fake: FakeNvml) -> None:
    """The error comes after the rest has been restored."""
    board = only_board()
    before = board.snapshot()
    board.apply(990, 2619)
    fake.fail("nvmlDeviceResetMemoryLockedClocks", 999)
    with pytest.raises(DeviceError):
        board.restore(before)
    assert (fake.gpu.lock, fake.gpu.memory_lock) == (None, (2619, 2619))
    fake.heal()
    board.restore(before)
    assert fake.gpu.is_untouched


@pytest.mark.parametrize("for_new_clients_only", [False, True])
def test_a_vanished_gpu_is_an_error_until_it_is_back(
    fake: FakeNvml,
    for_new_clients_only: bool,
) -> None:
    """Restoring fails with a remedy, so that it is tried again, and then works; the same board can be leased anew."""
    board = only_board()
    before = board.snapshot()
    board.apply(990, None)
    fake.gpu.lose()
    for step in (lambda: board.restore(before), lambda: board.apply(990, None), board.snapshot):
        with pytest.raises(DeviceError, match=r"vanished.*--gpu-reset"):
            step()
    fake.gpu.revive(for_new_clients_only=for_new_clients_only)
    board.restore(before)
    board.apply(1005, None)
    assert fake.gpu.lock == (1005, 1005)


def test_a_gpu_lost_between_two_calls_is_an_error(fake: FakeNvml) -> None:
    """Loss in the middle of a change is DeviceError and no other, wherever it strikes, and can be undone later."""
    board = only_board()
    for calls in range(12):
        fake.gpu.lose(after_calls=calls)
        with suppress(DeviceError):
            board.apply(990, 2619)
        fake.gpu.revive()
    board.restore({})
    assert fake.gpu.is_untouched


def test_a_shutdown_by_somebody_else_costs_nothing(fake: FakeNvml) -> None:
    """Another part of the process that closes NVML must not keep a lock from being undone."""
    board = only_board()
    board.apply(990, None)
    pynvml.nvmlShutdown()
    board.restore({})
    assert fake.gpu.is_untouched


def test_the_board_keeps_a_lock_without_persistence_mode(tmp_path: Path) -> None:
    """The process that set it is a client of the driver for as long as it lives."""
    fake = FakeNvml(tmp_path, persistence=False)
    with loaded(fake):
        only_board().apply(990, None)
        fake.python("import pynvml; pynvml.nvmlInit(); pynvml.nvmlShutdown(); print(0)")
        assert fake.gpu.lock == (990, 990)
    assert fake.gpu.lock is None
