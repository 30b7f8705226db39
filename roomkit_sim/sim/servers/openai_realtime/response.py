"""One response of the model: thinking, then speech or writing, then function calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from roomkit_sim.sim.scenario.mind import Rule
from roomkit_sim.sim.servers.mind import Character, why_not_callable
from roomkit_sim.sim.servers.model_wrongs import as_acted_on, as_called
from roomkit_sim.sim.servers.openai_realtime.output import FunctionCall, OutputItem, Speech, Writing
from roomkit_sim.sim.servers.openai_realtime.response_config import ResponseConfig
from roomkit_sim.sim.servers.openai_realtime.server_events import response_body, usage

if TYPE_CHECKING:
    from roomkit_sim.sim.servers.openai_realtime.session import Session

__all__ = ["Response"]

RATE_LIMITS = [
    {"name": "requests", "limit": 5000, "remaining": 4999, "reset_seconds": 0.012},
    {"name": "tokens", "limit": 400_000, "remaining": 395_000, "reset_seconds": 0.75},
]


class Response:
    """One response. What tools answer does not continue it: the client asks for another one.

    Args:
        session: The connection.
        config: What it is made with.
        character: Who is in charge.
        rule: What the model does; nothing makes a response without output.
    """

    def __init__(self, session: Session, config: ResponseConfig, character: Character, rule: Rule | None) -> None:
        self.session = session
        self.config = config
        self.character = character
        self.id = session.ids.new("resp")
        self.output: list[OutputItem] = []
        self.audio_tokens = 0
        self.task: asyncio.Task[None] | None = None
        self._rule = rule
        self._prompt_tokens = session.conversation.prompt_tokens()
        self._open: OutputItem | None = None
        self._is_done = False

    def announce(self) -> None:
        """Say that it begins."""
        session = self.session
        session.send("response.created", response=self._body("in_progress"))
        if session.server.reports_rate_limits:
            session.send("rate_limits.updated", rate_limits=RATE_LIMITS)
        if session.goes_wrong("openai.unknown_event"):
            session.send("response.mood.delta", response_id=self.id, delta={"mood": "calm"})

    async def run(self) -> None:
        """Respond, to the end."""
        waits_ms = 0 if self._rule is None else self._rule.waits_ms
        await asyncio.sleep((self.session.latency.think_ms + waits_ms) / 1000)
        if self._rule is not None:
            await self._follow(self._rule)
        self._end("completed")

    def cut(self, reason: str) -> None:
        """End it now.

        Args:
            reason: ``turn_detected`` or ``client_cancelled``.
        """
        if self._is_done:
            return
        assert self.task is not None
        # Nothing of the task runs any more: it waits somewhere, and between its waits it cannot be met.
        self.task.cancel()
        self.session.silence()
        cut, self._open = self._open, None
        # Calls that were made stay open: the service has no way to take one back.
        self.session.emit("interrupted", calls=[])
        if cut is not None:
            cut.close("incomplete")
        self._end("cancelled", reason)

    async def _follow(self, rule: Rule) -> None:
        goes_wrong = self.session.goes_wrong
        rule = as_acted_on(rule, goes_wrong)
        if rule.says:
            await self._say(rule.says)
        if not rule.calls:
            return
        why_not = why_not_callable(rule, self.config.functions)
        if why_not is not None:
            character = self.character
            self.session.emit("mind_refused", why=why_not, persona=character.name, rule=character.number_of(rule))
            await self._say(f"I cannot do that. {why_not}")
            return
        for name, arguments in as_called(rule.calls, self.config.functions, goes_wrong):
            await self._put_out(FunctionCall(self, name, arguments))

    async def _say(self, text: str) -> None:
        await self._put_out(Speech(self, text) if self.config.is_spoken else Writing(self, text))

    async def _put_out(self, item: OutputItem) -> None:
        self._open = item
        self.output.append(item)
        item.announce()
        await item.produce()
        self._open = None
        item.close("completed")

    def _end(self, status: str, reason: str | None = None) -> None:
        """Report the end. Before the report goes, the session is free for the next response."""
        if self._is_done:
            return
        self._is_done = True
        details = None if reason is None else {"type": status, "reason": reason}
        self.session.responses.ends(self)
        self.session.send("response.done", response=self._body(status, details))
        self.session.responses.ended()

    def _body(self, status: str, details: dict[str, str] | None = None) -> dict[str, object]:
        is_over = status != "in_progress"
        text_out = sum(len(output.item.words) // 4 + 2 for output in self.output)
        return response_body(
            self.id,
            status,
            self.config.body,
            conversation_id=self.session.conversation_id if self.config.in_conversation else None,
            details=details,
            output=[output.item.body for output in self.output] if is_over else (),
            usage=usage(*self._prompt_tokens, text_out, self.audio_tokens) if is_over else None,
        )
