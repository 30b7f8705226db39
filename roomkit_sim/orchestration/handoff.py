"""Handoffs: the tool, the handler, and what agents are told."""

from roomkit_sim.orchestration.handler import HandoffHandler, PreparedHandoff
from roomkit_sim.orchestration.memory import HandoffMemoryProvider
from roomkit_sim.orchestration.models import HandoffRequest, HandoffResult
from roomkit_sim.orchestration.setup import setup_handoff
from roomkit_sim.orchestration.tools import HANDOFF_TOOL, build_handoff_tool

__all__ = [
    "HANDOFF_TOOL",
    "HandoffHandler",
    "HandoffMemoryProvider",
    "HandoffRequest",
    "HandoffResult",
    "PreparedHandoff",
    "build_handoff_tool",
    "setup_handoff",
]
