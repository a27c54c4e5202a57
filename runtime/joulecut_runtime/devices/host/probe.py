"""Reads the host's CPU as a device: cpufreq for clocks, RAPL for joules, and neither where a host has neither."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState, ThrottleReason
from joulecut_core.errors import DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import Clock
from joulecut_runtime.clockd.kernel_files import CpufreqBoard
from joulecut_runtime.devices.hardware.failing_meter import FailingMeter
from joulecut_runtime.devices.hardware.patience import TIMEOUT_S, BlockedError, Patience
from joulecut_runtime.devices.hardware.probe import Capabilities, MeterKind
from joulecut_runtime.devices.host.clusters import Cluster, current_mhz, find_clusters, ladder_mhz, nearest_point
from joulecut_runtime.devices.host.identity import cpu_name, host_name, nominal_mhz
from joulecut_runtime.devices.host.kernel_files import KernelFiles, ReadText, read_text
from joulecut_runtime.devices.host.rapl import PERIOD_S, RaplMeter
from joulecut_runtime.devices.host.temperatures import CpuTemperature, ThermalThrottle

NO_METER = "nothing: no meter"
_UNKNOWN_MHZ = 1.0


class HostProbe:
    """The CPU of the host whose kernel files lie below `root`. Implements Probe.

    A host without cpufreq has a table of one point that cannot be set; one without readable RAPL counters has no
    meter. Both are normal (virtual machines have neither), and said in `capabilities.remarks`. Raises DeviceError where
    a read blocks for `timeout_s` seconds on the wall.
    """

    def __init__(
        self, root: Path = Path("/"), *, clock: Clock, read: ReadText = read_text, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._files = KernelFiles(root, read)
        self._clock = clock
        self._closed = False
        self._meter: RaplMeter | None = None
        self._failing = FailingMeter()
        self._patience = Patience(timeout_s)
        try:
            no_meter = self._open(timeout_s)
        except BaseException:
            self.close()
            raise
        remarks = (*_clock_remarks(self._clusters, self._nominal_mhz), *no_meter)
        self._capabilities = Capabilities(
            core_settable=bool(self._clusters),
            memory_settable=False,
            meter=MeterKind.NONE if self._meter is None else MeterKind.COUNTER,
            remarks=remarks,
        )
        self._info = DeviceInfo(
            name=self._name,
            backend="cpu",
            uid=f"cpu:{self._host}",
            driver=self._clusters[0].driver if self._clusters else "no cpufreq",
            power_scope=NO_METER if self._meter is None else self._meter.scope,
            figures=FigureKind.MEASURED,
            meter_period_s=None if self._meter is None else PERIOD_S,
        )

    @property
    def info(self) -> DeviceInfo:
        """The processor, its cpufreq driver, and what its joules contain."""
        return self._info

    @property
    def board(self) -> str:
        """The key of the host's one cpufreq board."""
        return CpufreqBoard.key

    @property
    def capabilities(self) -> Capabilities:
        """Whether there is cpufreq and a readable meter."""
        return self._capabilities

    @property
    def clock_table(self) -> ClockTable:
        """The ladder of the fastest cluster; the nominal clock alone where there is no cpufreq.

        A closed probe's is the one it read last. Raises DeviceError where a read blocks.
        """
        if not self._closed:
            self._table_mhz = self._patience.run("cpufreq", self._clocks_mhz)
        return ClockTable(points=tuple(OperatingPoint(core_mhz=clock_mhz) for clock_mhz in self._table_mhz))

    def read(self) -> DeviceState:
        """The point next to the clock of the fastest core, the packages' joules, the hottest sensor.

        No joules where a counter cannot be read. Raises DeviceError where another read blocks, or the probe is closed.
        """
        if self._closed:
            raise DeviceError(f"{self._name} is closed; open it again")
        point, temperature_c, is_hot = self._patience.run("cpufreq and the CPU's sensors", self._look)
        reading = None if self._meter is None else self._failing.reading(self._meter.read)
        return DeviceState(
            time_s=self._clock.now_s(),
            point=point,
            power_w=None if self._meter is None or reading is None else self._meter.power_w,
            temperature_c=temperature_c,
            throttle=frozenset({ThrottleReason.THERMAL} if is_hot else ()),
            energy_j=None if reading is None else reading.energy_j,
            energy_time_s=None if reading is None else reading.time_s,
        )

    def close(self) -> None:
        """Stop following the counters. Safe to call twice."""
        self._closed = True
        if self._meter is not None:
            self._meter.close()
        self._patience.close()

    def _open(self, timeout_s: float) -> tuple[str, ...]:
        """Look at everything once; returns why there is no meter, empty where there is one."""
        run, files = self._patience.run, self._files
        self._clusters = run("cpufreq", partial(find_clusters, files))
        self._temperature = run("the CPU's sensors", partial(CpuTemperature, files))
        self._throttle = run("the CPU's throttle counters", partial(ThermalThrottle, files, self._clock))
        self._nominal_mhz = run("/proc/cpuinfo", partial(nominal_mhz, files))
        self._name, self._host = run("the host's names", lambda: (cpu_name(files), host_name(files)))
        self._table_mhz = run("cpufreq", self._clocks_mhz)
        try:
            self._meter = RaplMeter(files, self._clock, timeout_s=timeout_s)
        except BlockedError:
            raise
        except DeviceError as error:
            return (str(error),)
        return ()

    def _look(self) -> tuple[OperatingPoint, float | None, bool]:
        """The point next to the running clock, degrees, and whether heat slows the CPU."""
        clocks_mhz = self._clocks_mhz()
        running_mhz = current_mhz(self._files, self._clusters[0]) if self._clusters else None
        point = nearest_point(clocks_mhz, clocks_mhz[-1] if running_mhz is None else running_mhz)
        return point, self._temperature.read_c(), self._throttle.is_hot()

    def _clocks_mhz(self) -> tuple[float, ...]:
        if not self._clusters:
            return (self._nominal_mhz or _UNKNOWN_MHZ,)
        fastest = self._clusters[0]
        # Only the firmware's limit can have changed; a policy that has just gone offline keeps its last ladder.
        return ladder_mhz(self._files, fastest.policies[0]) or fastest.clocks_mhz


def _clock_remarks(clusters: tuple[Cluster, ...], nominal: float | None) -> tuple[str, ...]:
    if not clusters:
        shown = (
            f"{nominal:g} MHz, as the kernel named it, stands for it"
            if nominal
            else f"none is known, {_UNKNOWN_MHZ:g} MHz stands for it"
        )
        return (f"no cpufreq on this host: its clock can neither be set nor followed; {shown}",)
    remarks = []
    fastest = clusters[0]
    if not fastest.is_listed:
        remarks.append(
            f"{fastest.driver} lists no clocks: its range is offered in steps of 100 MHz, and what a request achieves "
            "is read back; clocks above the base frequency hold only as long as power and heat allow"
        )
    if len(clusters) > 1:
        slower = ", ".join(f"{len(each.policies)} up to {each.clocks_mhz[-1]:g} MHz" for each in clusters[1:])
        remarks.append(
            f"several kinds of cores: the core clock is that of the fastest; the other policies ({slower}) follow as "
            "near as they can"
        )
    return tuple(remarks)
