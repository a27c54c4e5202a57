"""Problems, fleets, plans and sessions: dataclasses to protobuf and back."""

from __future__ import annotations

from joulecut_core.fleets import Fleet, FleetPlan
from joulecut_core.plans import Plan
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import Pool
from joulecut_core.problems import Problem
from joulecut_proto.messages import Converter
from joulecut_proto.planning_messages import SessionReply, SessionRequest
from joulecut_proto.v1 import planning_pb2

PROBLEM = Converter(Problem, planning_pb2.Problem, checks_itself=True)
PLAN = Converter(Plan, planning_pb2.Plan)
FLEET = Converter(Fleet, planning_pb2.Fleet, checks_itself=True)
FLEET_PLAN = Converter(FleetPlan, planning_pb2.FleetPlan)
POOL = Converter(Pool, planning_pb2.Pool, checks_itself=True)
POOL_PLAN = Converter(PoolPlan, planning_pb2.PoolPlan)
SESSION_REQUEST = Converter(SessionRequest, planning_pb2.PlanSessionRequest)
SESSION_REPLY = Converter(SessionReply, planning_pb2.PlanSessionReply)
