"""A Gemini Live server (BidiGenerateContent), as the official SDK sees it."""

from roomkit_sim.sim.servers.gemini_live.server import GeminiLiveServer

__all__ = ["GeminiLiveServer"]
