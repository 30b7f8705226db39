"""Text models over HTTP: Gemini's ``generateContent`` and OpenAI's chat completions, as the official SDKs see them."""

from roomkit_sim.sim.servers.http_models.answers import ModelAnswer, ModelCall, ModelRefusal, ModelRequest
from roomkit_sim.sim.servers.http_models.server import HttpModelServer

__all__ = ["HttpModelServer", "ModelAnswer", "ModelCall", "ModelRefusal", "ModelRequest"]
