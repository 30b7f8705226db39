"""The conversation of one connection: its items, in order. Nobody else ever sees it: a new connection starts empty."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.sim.servers.mind import Stimulus
from roomkit_sim.sim.servers.openai_realtime.items import Item
from roomkit_sim.sim.servers.openai_realtime.refusals import Refusal
from roomkit_sim.sim.servers.words import tokens_of
from roomkit_sim.sim.trace.tool_results import unwrapped

__all__ = ["Call", "Conversation", "result_of", "stimuli"]


@dataclass
class Call:
    """A function call that stands in the conversation.

    Args:
        name: Of the function.
        persona: Who made it; nothing when the client put it there.
        answered: Whether there is an output for it.
    """

    name: str
    persona: str | None
    answered: bool = False


@dataclass
class Conversation:
    """Items, in order.

    Args:
        items: All of them.
        calls: Calls by their ids. An id that is used twice means the later call.
        news: What was added since the model was last asked to respond.
        has_spoken: Whether the model has ever answered with audio, which fixes the voice.
    """

    items: list[Item] = field(default_factory=list)
    calls: dict[str, Call] = field(default_factory=dict)
    news: list[Item] = field(default_factory=list)
    has_spoken: bool = False

    def add(self, item: Item, after: str | None = None, persona: str | None = None) -> str | None:
        """Put an item in.

        Args:
            item: The item.
            after: The id of the item that it follows; ``root`` is the beginning, nothing the end.
            persona: Who makes the call that the item is.

        Returns:
            The id of the item before it.

        Raises:
            Refusal: There is no item with the id ``after``, its own id is taken, or it answers a call that is not open.
        """
        if any(item.id == other.id for other in self.items):
            raise Refusal(f"Item with ID '{item.id}' already exists.", "item_create_duplicate_item_id", "item.id")
        at = self._place_after(after)
        if item.type == "function_call":
            self.calls[item.body["call_id"]] = Call(item.body["name"], persona)
        elif item.type == "function_call_output":
            self._answer(item.body["call_id"])
        self.items.insert(at, item)
        self.news.append(item)
        return self.items[at - 1].id if at else None

    def previous(self, item: Item) -> str | None:
        """The id of the item before this one."""
        at = next((index for index, other in enumerate(self.items) if other is item), 0)
        return self.items[at - 1].id if at else None

    def find(self, id: str, doing: str) -> Item:
        """An item.

        Args:
            id: Its id.
            doing: What for: ``retrieve``, ``delete`` or ``truncate``.

        Raises:
            Refusal: There is none.
        """
        found = next((item for item in self.items if item.id == id), None)
        if found is None:
            what = {"retrieve": "retrieving", "delete": "deleting", "truncate": "truncating"}[doing]
            message = f"Error {what} item: the item with id '{id}' does not exist."
            raise Refusal(message, f"item_{doing}_invalid_item_id", "item_id")
        return found

    def delete(self, id: str) -> None:
        """Take an item out.

        Raises:
            Refusal: There is none with this id.
        """
        item = self.find(id, "delete")
        self.items = [other for other in self.items if other is not item]
        self.news = [other for other in self.news if other is not item]
        if item.type == "function_call":
            self.calls.pop(item.body["call_id"], None)

    def truncate(self, id: str, content_index: int, audio_end_ms: int) -> Item:
        """Shorten the model's speech to what was heard of it, and forget the rest with its transcript.

        Raises:
            Refusal: There is no such speech, or it is shorter already.
        """
        item = self.find(id, "truncate")
        content = item.body.get("content") or []
        if not item.is_of_assistant or not item.audio_ms:
            raise Refusal("Only model output audio messages can be truncated", "invalid_value", "item_id")
        if content_index != 0:
            raise Refusal(f"Content part {content_index} does not exist.", "invalid_value", "content_index")
        if audio_end_ms > item.audio_ms:
            message = f"Audio content of {item.audio_ms}ms is already shorter than {audio_end_ms}ms"
            raise Refusal(message, "invalid_value", "audio_end_ms")
        tokens = tokens_of(item.spoken)
        item.spoken = "".join(tokens[: round(len(tokens) * audio_end_ms / item.audio_ms)])
        item.audio_ms = audio_end_ms
        item.body["content"] = [{**part, "transcript": None} for part in content]
        return item

    def take_news(self) -> list[Item]:
        """What was added since the last time."""
        news, self.news = self.news, []
        return news

    @property
    def heard(self) -> str:
        """All words of the caller that the model knows of."""
        return " ".join(item.words for item in self.items if item.body.get("role") == "user").strip()

    def prompt_tokens(self) -> tuple[int, int]:
        """About what the conversation costs as a prompt: text and audio tokens."""
        text = sum(len(item.words) // 4 + 2 for item in self.items)
        return text, sum(item.audio_ms for item in self.items) // 100

    def _place_after(self, after: str | None) -> int:
        if after is None:
            return len(self.items)
        if after == "root":
            return 0
        for index, item in enumerate(self.items):
            if item.id == after:
                return index + 1
        message = f"Error inserting item: the previous item with id '{after}' does not exist."
        raise Refusal(message, "item_create_invalid_previous_item_id", "previous_item_id")

    def _answer(self, call_id: str) -> None:
        call = self.calls.get(call_id)
        if call is None:
            raise Refusal(
                f"Tool call ID '{call_id}' not found in conversation.", "invalid_tool_call_id", "item.call_id"
            )
        if call.answered:
            raise Refusal(f"Tool call ID '{call_id}' has an output already.", "invalid_tool_call_id", "item.call_id")
        call.answered = True


def result_of(output: str) -> Any:
    """The result that a function call output holds: its JSON, or the text itself."""
    try:
        return unwrapped(json.loads(output))
    except (ValueError, RecursionError):
        return output


def stimuli(news: Sequence[Item], calls: dict[str, Call], persona: str) -> tuple[Stimulus, ...]:
    """What a response is to, by what came last; the first to which the mind has a rule counts.

    Args:
        news: Items since the last response.
        calls: Calls by id.
        persona: Who is in charge now.
    """
    heard = [item for item in news if not item.is_of_assistant]
    if not heard:
        return (Stimulus(on="asked_to_speak"),)
    last = heard[-1]
    if last.stimulus is not None:
        return (last.stimulus,)
    if last.type == "function_call_output":
        outputs = [item.body for item in heard if item.type == "function_call_output"]
        results = Stimulus(on="tool_result", text="\n".join(json.dumps(result_of(item["output"])) for item in outputs))
        if calls[last.body["call_id"]].persona == persona:
            return (results,)
        # Another made the call, which was a handoff; whoever is asked now was not waiting for its result.
        return results, Stimulus(on="asked_to_speak")
    return (Stimulus(on="asked_to_speak", text=" ".join(_last_texts(news))),)


def _last_texts(news: Sequence[Item]) -> list[str]:
    """The texts at the end, without the history before them."""
    texts: list[str] = []
    for item in reversed(news):
        if item.type != "message" or item.is_of_assistant or item.stimulus is not None:
            break
        texts.insert(0, item.words)
    return texts
