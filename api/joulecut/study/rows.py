"""The rows of a study's CSV files. Each has a name of its own, by which pages and other rows refer to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRow:
    """An engine, there or not: `basis` says what its figures rest on, or why there are none."""

    row: str
    engine: str
    available: bool
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One network at a batch size, a clock and an engine. Figures of one batch unless the name says image.

    `clock`: "governor" where no clock was held. `energy_j` and what follows from it are empty where nothing meters the
    device. `edp_js`, `ed2p_jss`: joules of one image times seconds of the batch, once and squared. `revenue`: by the
    study's formula, against `default_row`.
    """

    row: str
    network: str
    digest: str
    device: str
    figures: str
    power_scope: str
    batch: int
    engine: str
    clock: str
    requested_core_mhz: float | None
    requested_memory_mhz: float | None
    core_mhz: float
    memory_mhz: float | None
    host_mhz: float | None
    throttle: str
    runs: int
    window_s: float
    latency_s: float
    latency_std_s: float
    images_per_s: float
    power_w: float | None
    power_std_w: float | None
    wait_w: float | None
    energy_j: float | None
    image_energy_j: float | None
    images_per_joule: float | None
    edp_js: float | None
    ed2p_jss: float | None
    slo_s: float
    revenue: float | None
    default_row: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer at a held clock, eager. `layer_s`: inside whole runs; `energy_j` is `layer_s` times `power_w`.

    `power_w` is of the layer alone, back to back; where that was too short to meter it is estimated from the layers
    that were not, or empty: `power_kind` says which. `alone_s`: its seconds then. `gflops_per_s`: arithmetic per second
    inside whole runs. `place`: "default" for the top clock, "optimum" for the clock of the fewest joules per image.
    `time_share`, `energy_share`: of the seconds and the known joules of all layers of this network, batch and place.
    """

    row: str
    network: str
    device: str
    figures: str
    power_scope: str
    batch: int
    engine: str
    place: str
    core_mhz: float
    memory_mhz: float | None
    layer: int
    name: str
    kind: str
    gflops: float
    mbytes: float
    layer_s: float
    alone_s: float
    power_w: float | None
    power_kind: str
    energy_j: float | None
    gflops_per_s: float
    time_share: float
    energy_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One head or tail of a candidate cut, at the top clock, under an engine."""

    row: str
    network: str
    device: str
    figures: str
    power_scope: str
    batch: int
    engine: str
    cut: int
    cut_name: str
    side: str
    clock: str
    core_mhz: float
    memory_mhz: float | None
    runs: int
    latency_s: float
    latency_std_s: float
    power_w: float | None
    energy_j: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimumRow:
    """The best setting of a metric against the default one.

    `chosen`: "clock" where only the clock was free and the batch stayed, "batch and clock" where both were. `gain`: how
    many times better; `latency_ratio`: how many times longer the batch takes. `default_row` and `best_row` are of
    model.csv.
    """

    row: str
    network: str
    engine: str
    chosen: str
    metric: str
    batch: int
    default_row: str
    default_value: float
    best_row: str
    best_batch: int
    best_clock: str
    best_core_mhz: float
    best_memory_mhz: float | None
    best_value: float
    gain: float
    latency_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRow:
    """One number behind a finding. `sheet` and `rows` say which rows it is made of, `made` how."""

    row: str
    finding: str
    of: str
    what: str
    value: float
    shown: str
    sheet: str
    rows: str
    row_count: int
    made: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """One claim and what the data say. `numbers`: rows of numbers.csv. `rule`: how it was judged, fixed beforehand."""

    row: str
    title: str
    claim: str
    source: str
    rule: str
    verdict: str
    said: str
    numbers: str
    caveat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Everything that came out. `revenue_formula`, `slo_rule`: how revenue was computed; `remarks`: what to know."""

    device: str
    device_name: str
    figures: str
    power_scope: str
    driver: str
    created: str
    weights: tuple[str, ...]
    revenue_name: str
    revenue_formula: str
    slo_rule: str
    remarks: tuple[str, ...]
    engines: tuple[EngineRow, ...]
    models: tuple[ModelRow, ...]
    layers: tuple[LayerRow, ...]
    parts: tuple[PartRow, ...]
    optima: tuple[OptimumRow, ...]
    numbers: tuple[NumberRow, ...]
    findings: tuple[FindingRow, ...]
