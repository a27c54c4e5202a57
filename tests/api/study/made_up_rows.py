"""Rows of a study that never ran, for claims that are to hold or not."""

from __future__ import annotations

from joulecut.study.evidence import Evidence
from joulecut.study.optima import optimum_rows
from joulecut.study.rows import LayerRow, ModelRow


def model_row(
    name: str,
    *,
    network: str = "net",
    batch: int = 1,
    engine: str = "eager",
    held_mhz: float | None = None,
    latency_s: float = 0.01,
    energy_j: float | None = 1.0,
    revenue: float | None = 1.0,
    host_mhz: float | None = None,
) -> ModelRow:
    """A row under the governor, or at a held clock."""
    image_energy_j = None if energy_j is None else energy_j / batch
    return ModelRow(
        row=name,
        network=network,
        digest="sha256:0",
        device="made-up",
        figures="measured",
        power_scope="GPU board",
        batch=batch,
        engine=engine,
        clock="governor" if held_mhz is None else "held",
        requested_core_mhz=held_mhz,
        requested_memory_mhz=None,
        core_mhz=held_mhz or 1000.0,
        memory_mhz=None,
        host_mhz=host_mhz,
        throttle="",
        runs=10,
        window_s=1.0,
        latency_s=latency_s,
        latency_std_s=0.0,
        images_per_s=batch / latency_s,
        power_w=None if energy_j is None else energy_j / latency_s,
        power_std_w=None,
        wait_w=None,
        energy_j=energy_j,
        image_energy_j=image_energy_j,
        images_per_joule=None if energy_j is None else batch / energy_j,
        edp_js=None if image_energy_j is None else image_energy_j * latency_s,
        ed2p_jss=None if image_energy_j is None else image_energy_j * latency_s**2,
        slo_s=0.05,
        revenue=None if energy_j is None else revenue,
        default_row="M0001",
    )


def layer_row(
    number: int,
    *,
    network: str = "net",
    batch: int = 1,
    kind: str = "convolution",
    gflops: float = 1.0,
    layer_s: float = 0.001,
    power_w: float | None = 100.0,
) -> LayerRow:
    """A layer at the default's clock."""
    return LayerRow(
        row=f"L{number:05}",
        network=network,
        device="made-up",
        figures="measured",
        power_scope="GPU board",
        batch=batch,
        engine="eager",
        place="default",
        core_mhz=1000.0,
        memory_mhz=None,
        layer=number,
        name=f"layer {number}",
        kind=kind,
        gflops=gflops,
        mbytes=1.0,
        layer_s=layer_s,
        alone_s=layer_s,
        power_w=power_w,
        power_kind="" if power_w is None else "measured",
        energy_j=None if power_w is None else power_w * layer_s,
        gflops_per_s=gflops / layer_s,
        time_share=0.0,
        energy_share=None,
    )


def evidence(models: list[ModelRow], layers: list[LayerRow] | None = None) -> Evidence:
    """These rows and the optima that follow from them."""
    return Evidence(models=tuple(models), layers=tuple(layers or ()), optima=optimum_rows(models))
