"""Handles and what they stand for."""

from __future__ import annotations

import pytest

from roomkit_sim.sim.servers.gemini_live.client_frames import Setup, Violation
from roomkit_sim.sim.servers.gemini_live.conversation import Conversation, ResumptionStore

MODEL = "models/gemini-live"


def test_a_handle_gives_the_conversation_of_its_moment_and_can_be_used_again() -> None:
    store, talk = ResumptionStore(), Conversation(MODEL, turns=[("user", "one")], uses={("triage", 0): 1})
    handle = store.issue(talk)
    talk.turns.append(("user", "two"))
    resumed = store.find(Setup(MODEL, handle=handle)).conversation
    assert (resumed.turns, resumed.uses) == ([("user", "one")], {("triage", 0): 1})
    resumed.turns.append(("user", "other"))
    assert store.find(Setup(MODEL, handle=handle)).conversation.turns == [("user", "one")]


def test_every_handle_is_another_also_after_all_have_expired() -> None:
    store = ResumptionStore()
    old = store.issue(Conversation(MODEL, turns=[("user", "old")]))
    store.forget_all()
    new = store.issue(Conversation(MODEL, turns=[("user", "new")]))
    assert old != new
    with pytest.raises(Violation, match="Invalid session handle"):
        store.find(Setup(MODEL, handle=old))


@pytest.mark.parametrize(("handle", "model", "code"), [("handle-9", MODEL, 1008), ("handle-1", "models/other", 1007)])
def test_unknown_and_foreign_handles_are_refused(handle: str, model: str, code: int) -> None:
    store = ResumptionStore()
    store.issue(Conversation(MODEL))
    with pytest.raises(Violation) as caught:
        store.find(Setup(model, handle=handle))
    assert caught.value.code == code
