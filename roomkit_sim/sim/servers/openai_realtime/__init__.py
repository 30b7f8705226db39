"""An OpenAI Realtime server (GA interface), as the official SDK sees it."""

from roomkit_sim.sim.servers.openai_realtime.server import OpenAIRealtimeServer

__all__ = ["OpenAIRealtimeServer"]
