from joulecut_proto.v1 import devices_pb2 as _devices_pb2
from joulecut_proto.v1 import profiles_pb2 as _profiles_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Margin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MARGIN_UNSPECIFIED: _ClassVar[Margin]
    MARGIN_CANTELLI: _ClassVar[Margin]
    MARGIN_GAUSSIAN: _ClassVar[Margin]

class PlanStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PLAN_STATUS_UNSPECIFIED: _ClassVar[PlanStatus]
    PLAN_STATUS_OPTIMAL: _ClassVar[PlanStatus]
    PLAN_STATUS_INFEASIBLE: _ClassVar[PlanStatus]

class Constraint(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSTRAINT_UNSPECIFIED: _ClassVar[Constraint]
    CONSTRAINT_LATENCY: _ClassVar[Constraint]
    CONSTRAINT_RATE: _ClassVar[Constraint]
    CONSTRAINT_ACCURACY: _ClassVar[Constraint]

class ServerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SERVER_STATE_UNSPECIFIED: _ClassVar[ServerState]
    SERVER_STATE_SERVING: _ClassVar[ServerState]
    SERVER_STATE_IDLE: _ClassVar[ServerState]
    SERVER_STATE_PARKED: _ClassVar[ServerState]
MARGIN_UNSPECIFIED: Margin
MARGIN_CANTELLI: Margin
MARGIN_GAUSSIAN: Margin
PLAN_STATUS_UNSPECIFIED: PlanStatus
PLAN_STATUS_OPTIMAL: PlanStatus
PLAN_STATUS_INFEASIBLE: PlanStatus
CONSTRAINT_UNSPECIFIED: Constraint
CONSTRAINT_LATENCY: Constraint
CONSTRAINT_RATE: Constraint
CONSTRAINT_ACCURACY: Constraint
SERVER_STATE_UNSPECIFIED: ServerState
SERVER_STATE_SERVING: ServerState
SERVER_STATE_IDLE: ServerState
SERVER_STATE_PARKED: ServerState

class Slo(_message.Message):
    __slots__ = ("latency_s", "quantile", "margin", "rate_hz")
    LATENCY_S_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    latency_s: float
    quantile: float
    margin: Margin
    rate_hz: float
    def __init__(self, latency_s: _Optional[float] = ..., quantile: _Optional[float] = ..., margin: _Optional[_Union[Margin, str]] = ..., rate_hz: _Optional[float] = ...) -> None: ...

class Objective(_message.Message):
    __slots__ = ("edge_weight", "server_weight", "server_idle_share")
    EDGE_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    SERVER_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    SERVER_IDLE_SHARE_FIELD_NUMBER: _ClassVar[int]
    edge_weight: float
    server_weight: float
    server_idle_share: float
    def __init__(self, edge_weight: _Optional[float] = ..., server_weight: _Optional[float] = ..., server_idle_share: _Optional[float] = ...) -> None: ...

class Link(_message.Message):
    __slots__ = ("uplink_bps", "downlink_bps", "rtt_s", "latency_std_s", "uplink_w", "downlink_w")
    UPLINK_BPS_FIELD_NUMBER: _ClassVar[int]
    DOWNLINK_BPS_FIELD_NUMBER: _ClassVar[int]
    RTT_S_FIELD_NUMBER: _ClassVar[int]
    LATENCY_STD_S_FIELD_NUMBER: _ClassVar[int]
    UPLINK_W_FIELD_NUMBER: _ClassVar[int]
    DOWNLINK_W_FIELD_NUMBER: _ClassVar[int]
    uplink_bps: float
    downlink_bps: float
    rtt_s: float
    latency_std_s: float
    uplink_w: float
    downlink_w: float
    def __init__(self, uplink_bps: _Optional[float] = ..., downlink_bps: _Optional[float] = ..., rtt_s: _Optional[float] = ..., latency_std_s: _Optional[float] = ..., uplink_w: _Optional[float] = ..., downlink_w: _Optional[float] = ...) -> None: ...

class EdgePoint(_message.Message):
    __slots__ = ("core_mhz", "memory_mhz", "wait_w")
    CORE_MHZ_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MHZ_FIELD_NUMBER: _ClassVar[int]
    WAIT_W_FIELD_NUMBER: _ClassVar[int]
    core_mhz: float
    memory_mhz: float
    wait_w: float
    def __init__(self, core_mhz: _Optional[float] = ..., memory_mhz: _Optional[float] = ..., wait_w: _Optional[float] = ...) -> None: ...

class Edge(_message.Message):
    __slots__ = ("points", "power_scope")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    POWER_SCOPE_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[EdgePoint]
    power_scope: str
    def __init__(self, points: _Optional[_Iterable[_Union[EdgePoint, _Mapping]]] = ..., power_scope: _Optional[str] = ...) -> None: ...

class ServerPoint(_message.Message):
    __slots__ = ("core_mhz", "memory_mhz", "idle_w")
    CORE_MHZ_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MHZ_FIELD_NUMBER: _ClassVar[int]
    IDLE_W_FIELD_NUMBER: _ClassVar[int]
    core_mhz: float
    memory_mhz: float
    idle_w: float
    def __init__(self, core_mhz: _Optional[float] = ..., memory_mhz: _Optional[float] = ..., idle_w: _Optional[float] = ...) -> None: ...

class Server(_message.Message):
    __slots__ = ("points", "power_scope")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    POWER_SCOPE_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[ServerPoint]
    power_scope: str
    def __init__(self, points: _Optional[_Iterable[_Union[ServerPoint, _Mapping]]] = ..., power_scope: _Optional[str] = ...) -> None: ...

class Wire(_message.Message):
    __slots__ = ("codec", "uplink_bytes", "downlink_bytes", "accuracy_loss", "encode_s", "encode_w", "decode_s", "decode_w")
    CODEC_FIELD_NUMBER: _ClassVar[int]
    UPLINK_BYTES_FIELD_NUMBER: _ClassVar[int]
    DOWNLINK_BYTES_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_LOSS_FIELD_NUMBER: _ClassVar[int]
    ENCODE_S_FIELD_NUMBER: _ClassVar[int]
    ENCODE_W_FIELD_NUMBER: _ClassVar[int]
    DECODE_S_FIELD_NUMBER: _ClassVar[int]
    DECODE_W_FIELD_NUMBER: _ClassVar[int]
    codec: str
    uplink_bytes: float
    downlink_bytes: float
    accuracy_loss: float
    encode_s: float
    encode_w: float
    decode_s: float
    decode_w: float
    def __init__(self, codec: _Optional[str] = ..., uplink_bytes: _Optional[float] = ..., downlink_bytes: _Optional[float] = ..., accuracy_loss: _Optional[float] = ..., encode_s: _Optional[float] = ..., encode_w: _Optional[float] = ..., decode_s: _Optional[float] = ..., decode_w: _Optional[float] = ...) -> None: ...

class ProblemCut(_message.Message):
    __slots__ = ("name", "wires", "allowed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WIRES_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    name: str
    wires: _containers.RepeatedCompositeFieldContainer[Wire]
    allowed: bool
    def __init__(self, name: _Optional[str] = ..., wires: _Optional[_Iterable[_Union[Wire, _Mapping]]] = ..., allowed: bool = ...) -> None: ...

class Table(_message.Message):
    __slots__ = ("rows",)
    class Row(_message.Message):
        __slots__ = ("values",)
        VALUES_FIELD_NUMBER: _ClassVar[int]
        values: _containers.RepeatedScalarFieldContainer[float]
        def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[Table.Row]
    def __init__(self, rows: _Optional[_Iterable[_Union[Table.Row, _Mapping]]] = ...) -> None: ...

class SideTables(_message.Message):
    __slots__ = ("time_s", "busy_w", "time_std_s")
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    BUSY_W_FIELD_NUMBER: _ClassVar[int]
    TIME_STD_S_FIELD_NUMBER: _ClassVar[int]
    time_s: Table
    busy_w: Table
    time_std_s: Table
    def __init__(self, time_s: _Optional[_Union[Table, _Mapping]] = ..., busy_w: _Optional[_Union[Table, _Mapping]] = ..., time_std_s: _Optional[_Union[Table, _Mapping]] = ...) -> None: ...

class Variant(_message.Message):
    __slots__ = ("name", "edge", "server", "accuracy_loss")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_LOSS_FIELD_NUMBER: _ClassVar[int]
    name: str
    edge: SideTables
    server: SideTables
    accuracy_loss: float
    def __init__(self, name: _Optional[str] = ..., edge: _Optional[_Union[SideTables, _Mapping]] = ..., server: _Optional[_Union[SideTables, _Mapping]] = ..., accuracy_loss: _Optional[float] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("link", "edge", "server", "cuts", "variants", "slo", "max_accuracy_loss", "objective", "schema")
    LINK_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    CUTS_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    SLO_FIELD_NUMBER: _ClassVar[int]
    MAX_ACCURACY_LOSS_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    link: Link
    edge: Edge
    server: Server
    cuts: _containers.RepeatedCompositeFieldContainer[ProblemCut]
    variants: _containers.RepeatedCompositeFieldContainer[Variant]
    slo: Slo
    max_accuracy_loss: float
    objective: Objective
    schema: str
    def __init__(self, link: _Optional[_Union[Link, _Mapping]] = ..., edge: _Optional[_Union[Edge, _Mapping]] = ..., server: _Optional[_Union[Server, _Mapping]] = ..., cuts: _Optional[_Iterable[_Union[ProblemCut, _Mapping]]] = ..., variants: _Optional[_Iterable[_Union[Variant, _Mapping]]] = ..., slo: _Optional[_Union[Slo, _Mapping]] = ..., max_accuracy_loss: _Optional[float] = ..., objective: _Optional[_Union[Objective, _Mapping]] = ..., schema: _Optional[str] = ...) -> None: ...

class Breakdown(_message.Message):
    __slots__ = ("t_edge", "encode_s", "t_up", "rtt_s", "decode_s", "t_server", "t_down", "edge_busy_j", "edge_wait_j", "encode_j", "radio_j", "server_busy_j", "decode_j", "server_idle_j")
    T_EDGE_FIELD_NUMBER: _ClassVar[int]
    ENCODE_S_FIELD_NUMBER: _ClassVar[int]
    T_UP_FIELD_NUMBER: _ClassVar[int]
    RTT_S_FIELD_NUMBER: _ClassVar[int]
    DECODE_S_FIELD_NUMBER: _ClassVar[int]
    T_SERVER_FIELD_NUMBER: _ClassVar[int]
    T_DOWN_FIELD_NUMBER: _ClassVar[int]
    EDGE_BUSY_J_FIELD_NUMBER: _ClassVar[int]
    EDGE_WAIT_J_FIELD_NUMBER: _ClassVar[int]
    ENCODE_J_FIELD_NUMBER: _ClassVar[int]
    RADIO_J_FIELD_NUMBER: _ClassVar[int]
    SERVER_BUSY_J_FIELD_NUMBER: _ClassVar[int]
    DECODE_J_FIELD_NUMBER: _ClassVar[int]
    SERVER_IDLE_J_FIELD_NUMBER: _ClassVar[int]
    t_edge: float
    encode_s: float
    t_up: float
    rtt_s: float
    decode_s: float
    t_server: float
    t_down: float
    edge_busy_j: float
    edge_wait_j: float
    encode_j: float
    radio_j: float
    server_busy_j: float
    decode_j: float
    server_idle_j: float
    def __init__(self, t_edge: _Optional[float] = ..., encode_s: _Optional[float] = ..., t_up: _Optional[float] = ..., rtt_s: _Optional[float] = ..., decode_s: _Optional[float] = ..., t_server: _Optional[float] = ..., t_down: _Optional[float] = ..., edge_busy_j: _Optional[float] = ..., edge_wait_j: _Optional[float] = ..., encode_j: _Optional[float] = ..., radio_j: _Optional[float] = ..., server_busy_j: _Optional[float] = ..., decode_j: _Optional[float] = ..., server_idle_j: _Optional[float] = ...) -> None: ...

class PowerScopes(_message.Message):
    __slots__ = ("edge", "server")
    EDGE_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    edge: str
    server: str
    def __init__(self, edge: _Optional[str] = ..., server: _Optional[str] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("status", "cut", "cut_name", "codec", "variant", "edge_point", "server_point", "edge_clock", "server_clock", "latency_s", "latency_bound_s", "energy_j", "edge_energy_j", "server_energy_j", "breakdown", "power_scopes", "binding", "evaluated", "solve_s", "schema")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    CUT_NAME_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    EDGE_POINT_FIELD_NUMBER: _ClassVar[int]
    SERVER_POINT_FIELD_NUMBER: _ClassVar[int]
    EDGE_CLOCK_FIELD_NUMBER: _ClassVar[int]
    SERVER_CLOCK_FIELD_NUMBER: _ClassVar[int]
    LATENCY_S_FIELD_NUMBER: _ClassVar[int]
    LATENCY_BOUND_S_FIELD_NUMBER: _ClassVar[int]
    ENERGY_J_FIELD_NUMBER: _ClassVar[int]
    EDGE_ENERGY_J_FIELD_NUMBER: _ClassVar[int]
    SERVER_ENERGY_J_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWN_FIELD_NUMBER: _ClassVar[int]
    POWER_SCOPES_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    EVALUATED_FIELD_NUMBER: _ClassVar[int]
    SOLVE_S_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    status: PlanStatus
    cut: int
    cut_name: str
    codec: str
    variant: str
    edge_point: int
    server_point: int
    edge_clock: _devices_pb2.OperatingPoint
    server_clock: _devices_pb2.OperatingPoint
    latency_s: float
    latency_bound_s: float
    energy_j: float
    edge_energy_j: float
    server_energy_j: float
    breakdown: Breakdown
    power_scopes: PowerScopes
    binding: _containers.RepeatedScalarFieldContainer[Constraint]
    evaluated: int
    solve_s: float
    schema: str
    def __init__(self, status: _Optional[_Union[PlanStatus, str]] = ..., cut: _Optional[int] = ..., cut_name: _Optional[str] = ..., codec: _Optional[str] = ..., variant: _Optional[str] = ..., edge_point: _Optional[int] = ..., server_point: _Optional[int] = ..., edge_clock: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ..., server_clock: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ..., latency_s: _Optional[float] = ..., latency_bound_s: _Optional[float] = ..., energy_j: _Optional[float] = ..., edge_energy_j: _Optional[float] = ..., server_energy_j: _Optional[float] = ..., breakdown: _Optional[_Union[Breakdown, _Mapping]] = ..., power_scopes: _Optional[_Union[PowerScopes, _Mapping]] = ..., binding: _Optional[_Iterable[_Union[Constraint, str]]] = ..., evaluated: _Optional[int] = ..., solve_s: _Optional[float] = ..., schema: _Optional[str] = ...) -> None: ...

class Shared(_message.Message):
    __slots__ = ("uplink_bps", "server_utilisation", "server_wait_s", "server_idle_w_counts")
    UPLINK_BPS_FIELD_NUMBER: _ClassVar[int]
    SERVER_UTILISATION_FIELD_NUMBER: _ClassVar[int]
    SERVER_WAIT_S_FIELD_NUMBER: _ClassVar[int]
    SERVER_IDLE_W_COUNTS_FIELD_NUMBER: _ClassVar[int]
    uplink_bps: float
    server_utilisation: float
    server_wait_s: float
    server_idle_w_counts: bool
    def __init__(self, uplink_bps: _Optional[float] = ..., server_utilisation: _Optional[float] = ..., server_wait_s: _Optional[float] = ..., server_idle_w_counts: bool = ...) -> None: ...

class FleetEdge(_message.Message):
    __slots__ = ("name", "problem")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    name: str
    problem: Problem
    def __init__(self, name: _Optional[str] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class Fleet(_message.Message):
    __slots__ = ("edges", "shared", "schema")
    EDGES_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    edges: _containers.RepeatedCompositeFieldContainer[FleetEdge]
    shared: Shared
    schema: str
    def __init__(self, edges: _Optional[_Iterable[_Union[FleetEdge, _Mapping]]] = ..., shared: _Optional[_Union[Shared, _Mapping]] = ..., schema: _Optional[str] = ...) -> None: ...

class FleetEdgePlan(_message.Message):
    __slots__ = ("name", "plan", "uplink_bps")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    UPLINK_BPS_FIELD_NUMBER: _ClassVar[int]
    name: str
    plan: Plan
    uplink_bps: float
    def __init__(self, name: _Optional[str] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., uplink_bps: _Optional[float] = ...) -> None: ...

class RejectedEdge(_message.Message):
    __slots__ = ("name", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class FleetPlan(_message.Message):
    __slots__ = ("status", "server_point", "edges", "power_w", "lower_bound_w", "gap", "rejected", "schema")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SERVER_POINT_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    POWER_W_FIELD_NUMBER: _ClassVar[int]
    LOWER_BOUND_W_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    status: PlanStatus
    server_point: int
    edges: _containers.RepeatedCompositeFieldContainer[FleetEdgePlan]
    power_w: float
    lower_bound_w: float
    gap: float
    rejected: _containers.RepeatedCompositeFieldContainer[RejectedEdge]
    schema: str
    def __init__(self, status: _Optional[_Union[PlanStatus, str]] = ..., server_point: _Optional[int] = ..., edges: _Optional[_Iterable[_Union[FleetEdgePlan, _Mapping]]] = ..., power_w: _Optional[float] = ..., lower_bound_w: _Optional[float] = ..., gap: _Optional[float] = ..., rejected: _Optional[_Iterable[_Union[RejectedEdge, _Mapping]]] = ..., schema: _Optional[str] = ...) -> None: ...

class PoolServer(_message.Message):
    __slots__ = ("name", "kind", "server_utilisation", "server_wait_s", "server_idle_w_counts", "parked_w", "may_park", "may_serve")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SERVER_UTILISATION_FIELD_NUMBER: _ClassVar[int]
    SERVER_WAIT_S_FIELD_NUMBER: _ClassVar[int]
    SERVER_IDLE_W_COUNTS_FIELD_NUMBER: _ClassVar[int]
    PARKED_W_FIELD_NUMBER: _ClassVar[int]
    MAY_PARK_FIELD_NUMBER: _ClassVar[int]
    MAY_SERVE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    server_utilisation: float
    server_wait_s: float
    server_idle_w_counts: bool
    parked_w: float
    may_park: bool
    may_serve: bool
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., server_utilisation: _Optional[float] = ..., server_wait_s: _Optional[float] = ..., server_idle_w_counts: bool = ..., parked_w: _Optional[float] = ..., may_park: bool = ..., may_serve: bool = ...) -> None: ...

class Uplink(_message.Message):
    __slots__ = ("name", "uplink_bps")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UPLINK_BPS_FIELD_NUMBER: _ClassVar[int]
    name: str
    uplink_bps: float
    def __init__(self, name: _Optional[str] = ..., uplink_bps: _Optional[float] = ...) -> None: ...

class KindProblem(_message.Message):
    __slots__ = ("kind", "problem")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    kind: str
    problem: Problem
    def __init__(self, kind: _Optional[str] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("server", "rtt_s", "uplink_bps", "downlink_bps")
    SERVER_FIELD_NUMBER: _ClassVar[int]
    RTT_S_FIELD_NUMBER: _ClassVar[int]
    UPLINK_BPS_FIELD_NUMBER: _ClassVar[int]
    DOWNLINK_BPS_FIELD_NUMBER: _ClassVar[int]
    server: str
    rtt_s: float
    uplink_bps: float
    downlink_bps: float
    def __init__(self, server: _Optional[str] = ..., rtt_s: _Optional[float] = ..., uplink_bps: _Optional[float] = ..., downlink_bps: _Optional[float] = ...) -> None: ...

class PoolEdge(_message.Message):
    __slots__ = ("name", "problems", "uplink", "routes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    UPLINK_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    problems: _containers.RepeatedCompositeFieldContainer[KindProblem]
    uplink: str
    routes: _containers.RepeatedCompositeFieldContainer[Route]
    def __init__(self, name: _Optional[str] = ..., problems: _Optional[_Iterable[_Union[KindProblem, _Mapping]]] = ..., uplink: _Optional[str] = ..., routes: _Optional[_Iterable[_Union[Route, _Mapping]]] = ...) -> None: ...

class Pool(_message.Message):
    __slots__ = ("servers", "edges", "uplinks", "schema")
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    UPLINKS_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    servers: _containers.RepeatedCompositeFieldContainer[PoolServer]
    edges: _containers.RepeatedCompositeFieldContainer[PoolEdge]
    uplinks: _containers.RepeatedCompositeFieldContainer[Uplink]
    schema: str
    def __init__(self, servers: _Optional[_Iterable[_Union[PoolServer, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[PoolEdge, _Mapping]]] = ..., uplinks: _Optional[_Iterable[_Union[Uplink, _Mapping]]] = ..., schema: _Optional[str] = ...) -> None: ...

class PoolServerPlan(_message.Message):
    __slots__ = ("name", "state", "server_point", "server_clock", "edges", "server_utilisation", "power_w", "counted_idle_w")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SERVER_POINT_FIELD_NUMBER: _ClassVar[int]
    SERVER_CLOCK_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    SERVER_UTILISATION_FIELD_NUMBER: _ClassVar[int]
    POWER_W_FIELD_NUMBER: _ClassVar[int]
    COUNTED_IDLE_W_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: ServerState
    server_point: int
    server_clock: _devices_pb2.OperatingPoint
    edges: int
    server_utilisation: float
    power_w: float
    counted_idle_w: float
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[ServerState, str]] = ..., server_point: _Optional[int] = ..., server_clock: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ..., edges: _Optional[int] = ..., server_utilisation: _Optional[float] = ..., power_w: _Optional[float] = ..., counted_idle_w: _Optional[float] = ...) -> None: ...

class PoolEdgePlan(_message.Message):
    __slots__ = ("name", "server", "kind", "plan", "uplink_bps")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    UPLINK_BPS_FIELD_NUMBER: _ClassVar[int]
    name: str
    server: str
    kind: str
    plan: Plan
    uplink_bps: float
    def __init__(self, name: _Optional[str] = ..., server: _Optional[str] = ..., kind: _Optional[str] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., uplink_bps: _Optional[float] = ...) -> None: ...

class PoolPlan(_message.Message):
    __slots__ = ("status", "servers", "edges", "power_w", "lower_bound_w", "gap", "rejected", "schema")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    POWER_W_FIELD_NUMBER: _ClassVar[int]
    LOWER_BOUND_W_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    status: PlanStatus
    servers: _containers.RepeatedCompositeFieldContainer[PoolServerPlan]
    edges: _containers.RepeatedCompositeFieldContainer[PoolEdgePlan]
    power_w: float
    lower_bound_w: float
    gap: float
    rejected: _containers.RepeatedCompositeFieldContainer[RejectedEdge]
    schema: str
    def __init__(self, status: _Optional[_Union[PlanStatus, str]] = ..., servers: _Optional[_Iterable[_Union[PoolServerPlan, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[PoolEdgePlan, _Mapping]]] = ..., power_w: _Optional[float] = ..., lower_bound_w: _Optional[float] = ..., gap: _Optional[float] = ..., rejected: _Optional[_Iterable[_Union[RejectedEdge, _Mapping]]] = ..., schema: _Optional[str] = ...) -> None: ...

class Assignment(_message.Message):
    __slots__ = ("epoch", "network_digest", "policy", "cut", "codec", "variant", "edge_clock", "server_clock")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    NETWORK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    EDGE_CLOCK_FIELD_NUMBER: _ClassVar[int]
    SERVER_CLOCK_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    network_digest: str
    policy: str
    cut: int
    codec: str
    variant: str
    edge_clock: _devices_pb2.OperatingPoint
    server_clock: _devices_pb2.OperatingPoint
    def __init__(self, epoch: _Optional[int] = ..., network_digest: _Optional[str] = ..., policy: _Optional[str] = ..., cut: _Optional[int] = ..., codec: _Optional[str] = ..., variant: _Optional[str] = ..., edge_clock: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ..., server_clock: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ...) -> None: ...

class PlanRequest(_message.Message):
    __slots__ = ("problem",)
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    def __init__(self, problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class PlanReply(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class ParetoRequest(_message.Message):
    __slots__ = ("problem",)
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    def __init__(self, problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class ParetoReply(_message.Message):
    __slots__ = ("plans",)
    PLANS_FIELD_NUMBER: _ClassVar[int]
    plans: _containers.RepeatedCompositeFieldContainer[Plan]
    def __init__(self, plans: _Optional[_Iterable[_Union[Plan, _Mapping]]] = ...) -> None: ...

class PlanFleetRequest(_message.Message):
    __slots__ = ("fleet", "pool")
    FLEET_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    fleet: Fleet
    pool: Pool
    def __init__(self, fleet: _Optional[_Union[Fleet, _Mapping]] = ..., pool: _Optional[_Union[Pool, _Mapping]] = ...) -> None: ...

class PlanFleetReply(_message.Message):
    __slots__ = ("plan", "pool_plan")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    POOL_PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: FleetPlan
    pool_plan: PoolPlan
    def __init__(self, plan: _Optional[_Union[FleetPlan, _Mapping]] = ..., pool_plan: _Optional[_Union[PoolPlan, _Mapping]] = ...) -> None: ...

class PlanSessionRequest(_message.Message):
    __slots__ = ("session_id", "network_digest", "edge", "wires", "link", "slo", "objective", "max_accuracy_loss", "policy", "envelope_bytes", "preview", "tail_method", "factors", "uplinks")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    NETWORK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    WIRES_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    SLO_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    MAX_ACCURACY_LOSS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    TAIL_METHOD_FIELD_NUMBER: _ClassVar[int]
    FACTORS_FIELD_NUMBER: _ClassVar[int]
    UPLINKS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    network_digest: str
    edge: _profiles_pb2.Profile
    wires: _profiles_pb2.WireTable
    link: _profiles_pb2.LinkEstimate
    slo: Slo
    objective: Objective
    max_accuracy_loss: float
    policy: str
    envelope_bytes: int
    preview: bool
    tail_method: str
    factors: StageFactors
    uplinks: UplinkRange
    def __init__(self, session_id: _Optional[str] = ..., network_digest: _Optional[str] = ..., edge: _Optional[_Union[_profiles_pb2.Profile, _Mapping]] = ..., wires: _Optional[_Union[_profiles_pb2.WireTable, _Mapping]] = ..., link: _Optional[_Union[_profiles_pb2.LinkEstimate, _Mapping]] = ..., slo: _Optional[_Union[Slo, _Mapping]] = ..., objective: _Optional[_Union[Objective, _Mapping]] = ..., max_accuracy_loss: _Optional[float] = ..., policy: _Optional[str] = ..., envelope_bytes: _Optional[int] = ..., preview: bool = ..., tail_method: _Optional[str] = ..., factors: _Optional[_Union[StageFactors, _Mapping]] = ..., uplinks: _Optional[_Union[UplinkRange, _Mapping]] = ...) -> None: ...

class UplinkRange(_message.Message):
    __slots__ = ("lowest_bps", "highest_bps")
    LOWEST_BPS_FIELD_NUMBER: _ClassVar[int]
    HIGHEST_BPS_FIELD_NUMBER: _ClassVar[int]
    lowest_bps: float
    highest_bps: float
    def __init__(self, lowest_bps: _Optional[float] = ..., highest_bps: _Optional[float] = ...) -> None: ...

class Band(_message.Message):
    __slots__ = ("lowest_bps", "assignment", "plan")
    LOWEST_BPS_FIELD_NUMBER: _ClassVar[int]
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    lowest_bps: float
    assignment: Assignment
    plan: Plan
    def __init__(self, lowest_bps: _Optional[float] = ..., assignment: _Optional[_Union[Assignment, _Mapping]] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class StageFactors(_message.Message):
    __slots__ = ("head", "encode", "decode", "tail")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    ENCODE_FIELD_NUMBER: _ClassVar[int]
    DECODE_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    head: float
    encode: float
    decode: float
    tail: float
    def __init__(self, head: _Optional[float] = ..., encode: _Optional[float] = ..., decode: _Optional[float] = ..., tail: _Optional[float] = ...) -> None: ...

class PlanSessionReply(_message.Message):
    __slots__ = ("assignment", "plan", "problem", "bands")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    BANDS_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    plan: Plan
    problem: Problem
    bands: _containers.RepeatedCompositeFieldContainer[Band]
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ..., bands: _Optional[_Iterable[_Union[Band, _Mapping]]] = ...) -> None: ...

class ActivateRequest(_message.Message):
    __slots__ = ("session_id", "epoch")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    epoch: int
    def __init__(self, session_id: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class ActivateReply(_message.Message):
    __slots__ = ("achieved",)
    ACHIEVED_FIELD_NUMBER: _ClassVar[int]
    achieved: _devices_pb2.OperatingPoint
    def __init__(self, achieved: _Optional[_Union[_devices_pb2.OperatingPoint, _Mapping]] = ...) -> None: ...

class ReleaseRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class ReleaseReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
