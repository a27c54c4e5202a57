"""Carbon on a page: grams per inference, what they are made of, and what the joules contain."""

from __future__ import annotations

from collections.abc import Mapping

from joulecut.reports.document import Section, Table
from joulecut_core.carbon import CarbonTerms, intensity_g, operational_g


def carbon_section(energies_j: Mapping[str, float], terms: CarbonTerms, *, kind: str, scope: str) -> Section:
    """SCI of each row of `energies_j`: joules of one request, both sides together, unweighted.

    `kind`: how the joules were obtained; `scope`: what their watts contain.
    """
    embodied = (
        f"Embodied carbon: {terms.embodied_g:g} g per inference, as given."
        if terms.embodied_g
        else "Embodied carbon was not given and counts as 0: the figure is of operation alone."
    )
    sentence = (
        "Software Carbon Intensity after ISO/IEC 21031:2024, SCI = (E I + M) / R. E: joules of one request of both "
        f"sides together, {kind}. I: {terms.grid_g_per_kwh:g} g CO2e per kWh, as given; it differs between grids and "
        f"hours. R: one inference. {embodied} The joules contain: {scope}; what they leave "
        "out, cooling and the network's own devices among it, is not in the grams either."
    )
    return Section(
        title="Carbon",
        blocks=(
            sentence,
            Table(
                caption=f"Carbon of one inference ({kind} joules)",
                columns=("of", "mJ", "operation, µg CO2e", "SCI, µg CO2e per inference (g per million)"),
                rows=tuple(
                    (
                        name,
                        f"{1e3 * energy_j:.4g}",
                        f"{1e6 * operational_g(energy_j, terms):.4g}",
                        f"{1e6 * intensity_g(energy_j, terms):.4g}",
                    )
                    for name, energy_j in energies_j.items()
                ),
            ),
        ),
    )
