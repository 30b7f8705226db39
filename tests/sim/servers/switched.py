"""A client of Gemini Live that speaks the protocol by hand, while the service misbehaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import Client, Stage

TRANSFER = {"name": "transfer", "parameters": {"type": "OBJECT", "properties": {"to": {"type": "STRING"}}}}
TOOLS = [{"functionDeclarations": [TRANSFER, {"name": "note", "parameters": {"type": "OBJECT"}}]}]
SPEAKS = {"on": "asked_to_speak", "says": "Hello, this is the triage desk of your bank, what can I do for you today?"}
CALLS = {"hears": "ask", "calls": {"transfer": {"to": "advisor"}}}
THEIR_WORDS, MODELS_WORDS = "serverContent.inputTranscription", "serverContent.outputTranscription"
AUDIO, COMPLETE = "serverContent.modelTurn", "serverContent.turnComplete+usageMetadata"


def play(stage: Stage, main: Callable[[], Awaitable[Any]], *switches: str) -> Any:
    """Run; every switch must have been noted in the trace."""
    result = stage.run(main)
    noted = {event.data["switch"] for event in stage.traced("misbehaved")}
    assert noted == set(switches), f"the trace has notes of {sorted(noted)} instead of {sorted(switches)}"
    return result


async def spoken_to(stage: Stage, **setup: Any) -> Client:
    """A connection whose caller has asked and been answered."""
    client = await stage.open(tools=TOOLS, **setup)
    await client.say("ask")
    await client.turn()
    return client


async def resume(stage: Stage, client: Client, *, count: int = 1, close: bool = True, **setup: Any) -> Client:
    """Another connection that asks for the same conversation; it may be closed instead of set up."""
    handle = await client.handle(count)
    if close:
        await client.socket.close()
    second = await stage.dial()
    instructions = setup.pop("instructions", "Role: Triage")
    await second.setup(instructions, sessionResumption={"handle": handle}, **setup)
    return second
