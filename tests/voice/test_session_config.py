from __future__ import annotations

from roomkit_sim.channels.realtime.starting import config_of_metadata, starting_config
from roomkit_sim.voice.realtime.config import SessionConfig

LOOK_UP = {"name": "look_up"}
BOOK = {"name": "book"}
HANDOFF = {"name": "handoff_conversation"}


def test_none_keeps_and_empty_clears():
    base = SessionConfig(system_prompt="p", voice="v", tools=(LOOK_UP,), temperature=0.2)
    assert SessionConfig(voice="", tools=()).over(base) == SessionConfig("p", "", (), 0.2)


def test_metadata_wins_over_the_agent_and_the_agent_over_the_channel():
    own = config_of_metadata({"voice": "own"})
    agent = SessionConfig(system_prompt="agent", voice="agent")
    base = SessionConfig(system_prompt="base", voice="base", temperature=0.7)
    assert starting_config(own, agent, base) == SessionConfig("agent", "own", None, 0.7)


def test_the_agents_tools_stand_beside_the_applications():
    base = SessionConfig(tools=(LOOK_UP,))
    agent = SessionConfig(tools=(HANDOFF,))
    assert starting_config(SessionConfig(), agent, base).tools == (LOOK_UP, HANDOFF)
    assert starting_config(SessionConfig(tools=(BOOK,)), agent, base).tools == (BOOK, HANDOFF)
    assert starting_config(SessionConfig(), SessionConfig(tools=()), base).tools == (LOOK_UP,)


def test_without_an_agent_the_applications_tools_are_all():
    assert starting_config(SessionConfig(), None, SessionConfig(tools=(LOOK_UP,))).tools == (LOOK_UP,)
