"""A small planning problem as the contract's JSON, with every field written out."""

from __future__ import annotations

import copy
from typing import Any

_DOCUMENT: dict[str, Any] = {
    "schema": "joulecut.problem/1",
    "slo": {"latency_s": 0.05, "quantile": 0.99, "margin": "gaussian", "rate_hz": 10},
    "max_accuracy_loss": 0.01,
    "objective": {"edge_weight": 1, "server_weight": 0.5, "server_idle_share": 0.1},
    "link": {
        "uplink_bps": 2e7,
        "downlink_bps": 1e7,
        "rtt_s": 0.002,
        "latency_std_s": 0.001,
        "uplink_w": 1.5,
        "downlink_w": 1.0,
    },
    "edge": {
        "points": [
            {"core_mhz": 306, "memory_mhz": 2133, "wait_w": 2.0},
            {"core_mhz": 612, "memory_mhz": 2133, "wait_w": 3.0},
        ],
        "power_scope": "module input",
    },
    "server": {
        "points": [{"core_mhz": 1980, "memory_mhz": None, "idle_w": 70.0}],
        "power_scope": "GPU board",
    },
    "cuts": [
        {
            "name": "input",
            "allowed": True,
            "wires": [
                {"codec": "raw", "uplink_bytes": 150000, "downlink_bytes": 4000},
                {
                    "codec": "jpeg",
                    "uplink_bytes": 43000,
                    "downlink_bytes": 4000,
                    "accuracy_loss": 0.004,
                    "encode_s": 0.003,
                    "encode_w": 1.0,
                    "decode_s": 0.001,
                    "decode_w": 20.0,
                },
            ],
        },
        {"name": "middle", "wires": [{"codec": "raw", "uplink_bytes": 40000, "downlink_bytes": 4000}]},
        {"name": "output", "wires": [{"codec": "none", "uplink_bytes": 0, "downlink_bytes": 0}]},
    ],
    "variants": [
        {
            "name": "eager-fp32",
            "accuracy_loss": 0,
            "edge": {
                "time_s": [[0, 0], [0.012, 0.007], [0.04, 0.022]],
                "busy_w": [[5, 9], [5, 9], [5.5, 9.5]],
                "time_std_s": [[0, 0], [0.0003, 0.0002], [0.001, 0.0005]],
            },
            "server": {
                "time_s": [[0.002], [0.0015], [0]],
                "busy_w": [[220], [210], [70]],
            },
        }
    ],
}


def small_document() -> dict[str, Any]:
    """A fresh copy of the document."""
    return copy.deepcopy(_DOCUMENT)
