"""The items that a response is made of, while they come: speech, writing, function calls.

Each is announced, produced and closed. Closing says what has come so far; an item that was cut is ``incomplete``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.servers.openai_realtime.items import Item
from roomkit_sim.sim.servers.openai_realtime.server_events import (
    argument_pieces,
    audio_delta,
    written_arguments,
)
from roomkit_sim.sim.servers.pacing import paced
from roomkit_sim.sim.servers.words import timed, tokens_of

if TYPE_CHECKING:
    from roomkit_sim.sim.servers.openai_realtime.response import Response

__all__ = ["FunctionCall", "OutputItem", "Speech", "Writing"]

TRANSCRIPT_AHEAD_MS = 400
TOKENS_PER_SECOND_OF_AUDIO = 20


class OutputItem:
    """One item of a response.

    Args:
        response: The response.
        body: What the item is, without its id.
    """

    announces_previous = False
    """Whether ``conversation.item.done`` names the item before; the service does so for writing only."""

    def __init__(self, response: Response, body: Mapping[str, Any]) -> None:
        self.response = response
        self.session = response.session
        self.index = len(response.output)
        self.item = Item({"id": self.session.ids.new("item"), **body})
        self._previous: str | None = None

    @property
    def place(self) -> dict[str, Any]:
        """Where a piece of the item belongs."""
        return {"response_id": self.response.id, "item_id": self.item.id, "output_index": self.index}

    def announce(self) -> None:
        """Say that the item comes."""
        where = {"response_id": self.response.id, "output_index": self.index}
        self.session.send("response.output_item.added", **where, item=self.item.body)
        if self.response.config.in_conversation:
            persona = self.response.character.name
            self._previous = self.session.conversation.add(self.item, persona=persona)
            self.session.send("conversation.item.added", previous_item_id=self._previous, item=self.item.body)

    async def produce(self) -> None:
        """Let it come."""

    def close(self, status: str) -> None:
        """Say what it has become."""
        self.item.body["status"] = status
        if self.response.config.in_conversation:
            previous = self._previous if self.announces_previous else None
            self.session.send("conversation.item.done", previous_item_id=previous, item=self.item.body)
        where = {"response_id": self.response.id, "output_index": self.index}
        self.session.send("response.output_item.done", **where, item=self.item.body)


_MESSAGE = {"type": "message", "status": "in_progress", "role": "assistant", "content": []}


class Speech(OutputItem):
    """Words that are spoken, in real pace and a little ahead of it.

    Args:
        response: The response.
        text: The words.
    """

    def __init__(self, response: Response, text: str) -> None:
        super().__init__(response, _MESSAGE)
        self._text = text
        self._place = {**self.place, "content_index": 0}

    async def produce(self) -> None:
        """Speak."""
        session, config, latency = self.session, self.response.config, self.session.latency
        session.send("response.content_part.added", **self._place, part={"type": "audio", "transcript": ""})
        await asyncio.sleep(latency.speak_ms / 1000)
        voice = session.spoken_voice(config.voice)
        audio = config.format.encode(speak(self._text, voice, config.format.rate_hz).tobytes())
        length_s = len(audio) / config.format.bytes_per_second
        words = timed(tokens_of(" ".join(self._text.split())), length_s * 1000, TRANSCRIPT_AHEAD_MS)
        session.emit("said", text=self._text, voice=voice, ms=int(length_s * 1000))
        started = session.reserve_speech(length_s)
        pieces = paced(
            audio,
            words,
            bytes_per_second=config.format.bytes_per_second,
            chunk_ms=latency.chunk_ms,
            lead_ms=latency.lead_ms,
        )
        sent = 0
        for piece in pieces:
            await _until(started + piece.at_ms / 1000)
            for word in piece.words:
                self.item.spoken += word
                session.send_delta("response.output_audio_transcript.delta", self._place, word)
            first, sent = not sent, sent + len(piece.audio)
            # Counted before it goes: what is under way when the response is cut was sent.
            self.item.audio_ms = round(sent * 1000 / config.format.bytes_per_second)
            session.conversation.has_spoken = True
            session.send_text(
                audio_delta(session.ids.new("event"), self.response.id, self.item.id, self.index, piece.audio)
            )
            if first:
                session.emit("audio_started", voice=voice)

    def close(self, status: str) -> None:
        """Say what was spoken, which may not be all."""
        self.response.audio_tokens += self.item.audio_ms * TOKENS_PER_SECOND_OF_AUDIO // 1000
        part = {"transcript": self.item.spoken}
        self.session.send("response.output_audio.done", **self._place)
        self.session.send("response.output_audio_transcript.done", **self._place, **part)
        self.session.send("response.content_part.done", **self._place, part={"type": "audio", **part})
        self.item.body["content"] = [{"type": "output_audio", **part}]
        super().close(status)


class Writing(OutputItem):
    """Words that are written.

    Args:
        response: The response.
        text: The words.
    """

    announces_previous = True

    def __init__(self, response: Response, text: str) -> None:
        super().__init__(response, _MESSAGE)
        self._text = text
        self._written = ""
        self._place = {**self.place, "content_index": 0}

    async def produce(self) -> None:
        """Write."""
        self.session.emit("said", text=self._text, voice="", ms=0)
        self.session.send("response.content_part.added", **self._place, part={"type": "text", "text": ""})
        for token in tokens_of(self._text):
            self._written += token
            self.session.send_delta("response.output_text.delta", self._place, token)

    def close(self, status: str) -> None:
        """Say what was written, which may not be all."""
        part = {"text": self._written}
        self.session.send("response.output_text.done", **self._place, **part)
        self.session.send("response.content_part.done", **self._place, part={"type": "text", **part})
        self.item.body["content"] = [{"type": "output_text", **part}]
        super().close(status)


class FunctionCall(OutputItem):
    """A call of one of the session's functions. It is written at once, so it is never cut.

    Args:
        response: The response.
        name: The function.
        arguments: Its arguments.
    """

    def __init__(self, response: Response, name: str, arguments: Mapping[str, Any]) -> None:
        self.call_id = response.session.new_call_id()
        body = {"type": "function_call", "status": "in_progress", "name": name, "call_id": self.call_id}
        super().__init__(response, {**body, "arguments": ""})
        self._arguments = arguments
        self._written = ""

    async def produce(self) -> None:
        """Write the call."""
        place = {**self.place, "call_id": self.call_id}
        for piece in argument_pieces(written_arguments(self._arguments)):
            self._written += piece
            self.session.send_delta("response.function_call_arguments.delta", place, piece)

    def close(self, status: str) -> None:
        """Say what the call is."""
        body, place = self.item.body, {**self.place, "call_id": self.call_id}
        body["arguments"] = self._written
        self.session.send("response.function_call_arguments.done", **place, name=body["name"], arguments=self._written)
        self.session.emit("tool_call", id=self.call_id, name=body["name"], args=dict(self._arguments))
        super().close(status)


async def _until(when: float) -> None:
    delay = when - asyncio.get_running_loop().time()
    if delay > 0:
        await asyncio.sleep(delay)
