"""The responses of a session: who takes charge of one, and that there is one at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from roomkit_sim.sim.servers.mind import Stimulus, Uses
from roomkit_sim.sim.servers.openai_realtime.conversation import stimuli
from roomkit_sim.sim.servers.openai_realtime.items import Item, checked_item
from roomkit_sim.sim.servers.openai_realtime.refusals import Refusal
from roomkit_sim.sim.servers.openai_realtime.response import Response
from roomkit_sim.sim.servers.openai_realtime.response_config import ResponseConfig, response_config

if TYPE_CHECKING:
    from roomkit_sim.sim.servers.openai_realtime.session import Session

__all__ = ["Responses"]


class Responses:
    """The responses of one session.

    Args:
        session: The connection.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._uses: Uses = {}
        self._has_responded = False
        self._active: Response | None = None
        self._beside: dict[str, Response] = {}
        self._after: deque[Callable[[], None]] = deque()

    @property
    def active(self) -> Response | None:
        """The response that writes to the conversation, if one does."""
        return self._active

    def create(self, overrides: Mapping[str, Any]) -> None:
        """Respond to what is new in the conversation.

        Raises:
            Refusal: The overrides are not allowed, or a response is under way.
        """
        session = self._session
        config = response_config(session.config, overrides, voice_is_locked=session.conversation.has_spoken)
        if config.in_conversation and self._active is not None:
            raise Refusal(
                f"Conversation already has an active response in progress: {self._active.id}. "
                "Wait until the response is finished before creating a new one.",
                "conversation_already_has_active_response",
            )
        news = self._news(config)
        character = session.take_charge(config.instructions, config.voice)
        reasons = stimuli(news, session.conversation.calls, character.name)
        reactions = (session.server.mind.react(character, reason, self._uses) for reason in reasons)
        self._start(Response(session, config, character, next((rule for rule in reactions if rule), None)))

    def greet(self) -> None:
        """Let the mind say what it has to say when a session begins, if anything and if nothing is said already."""
        session = self._session
        config = response_config(session.config, {}, voice_is_locked=False)
        character = session.take_charge(config.instructions, config.voice)
        rule = session.server.mind.react(character, Stimulus(on="connected"), self._uses)
        if rule is not None and self._active is None:
            self._start(Response(session, config, character, rule))

    def cancel(self, id: str | None) -> None:
        """Stop a response, or the one that writes to the conversation.

        Raises:
            Refusal: There is none.
        """
        response = self._active if id is None else self._beside.get(id)
        if id is not None and self._active is not None and self._active.id == id:
            response = self._active
        if response is None:
            raise Refusal("Cancellation failed: no active response found", "response_cancel_not_active")
        response.cut("client_cancelled")

    def interrupt(self) -> None:
        """Stop the response that the caller speaks over."""
        if self._active is not None:
            self._active.cut("turn_detected")

    def when_free(self, action: Callable[[], None]) -> None:
        """Do something when no response writes to the conversation: now, or right after the one that does."""
        if self._active is None:
            action()
        else:
            self._after.append(action)

    def ends(self, response: Response) -> None:
        """A response is about to say that it is done."""
        self._beside.pop(response.id, None)
        if response is self._active:
            self._active = None

    def ended(self) -> None:
        """A response has said that it is done."""
        while self._after and self._active is None:
            self._after.popleft()()
        self._session.listener.wait_for_speech()
        self._session.maybe_close_silently()

    def _news(self, config: ResponseConfig) -> list[Item]:
        session = self._session
        if config.input is None:
            return session.conversation.take_news() if config.in_conversation else list(session.conversation.news)
        return [self._given(given, f"response.input[{index}]") for index, given in enumerate(config.input)]

    def _given(self, given: Mapping[str, Any], path: str) -> Item:
        session = self._session
        if given.get("type") == "item_reference":
            return session.conversation.find(str(given.get("id")), "retrieve")
        return Item(checked_item(given, path, session.ids.new))

    def _start(self, response: Response) -> None:
        if response.config.in_conversation:
            self._active = response
        else:
            self._beside[response.id] = response
        session = self._session
        if not self._has_responded:
            self._has_responded = True
            session.emit("knows", heard=session.conversation.heard)
        session.listener.wait_no_longer()
        response.announce()
        response.task = session.background.start(response.run, f"response on {session.conn}")
