from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.sim.trace.handoff_stages import STAGES
from roomkit_sim.sim.trace.handoffs import handoffs
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.stage_marks import StageWatch, stage_mark

Story = Any  # the class of the fixture
NewStory = Callable[[], Story]


def reached_ms(record: CallRecord, number: int, stage: str) -> float | None:
    """When a watch that hears the events of a call one by one says that a stage is reached."""
    mark = stage_mark(record, number, stage)
    if mark is None:
        return None
    watch = StageWatch(mark)
    reached = [event.t_ns + mark.offset_ns for event in record.events if watch.feed(event)]
    assert len(reached) == 1
    return reached[0] / 1e6


def test_every_stage_of_two_handoffs_is_recognised_where_it_is_read(story: NewStory) -> None:
    told = story()
    told.at(0, "server.audio_started", conn=1, voice="Aoede").at(1500, "server.audio_started", conn=1, voice="Aoede")
    told.handoff(1000).handoff(6000, old=2, new=3, to="agent-third")
    record = told.record()
    for handoff in handoffs(record):
        for stage in STAGES:
            expected = handoff.stages.get(stage)
            found = reached_ms(record, handoff.n, stage)
            assert found == (None if expected is None else expected / 1e6), (handoff.n, stage)


def test_a_handoff_or_a_stage_that_is_not_there_has_no_mark(story: NewStory) -> None:
    record = story().handoff().without("wire.close", conn=1).record()
    assert stage_mark(record, 1, "H6") is None
    assert stage_mark(record, 2, "H2") is None


def test_the_connection_that_opens_before_the_old_one_closes_is_told_from_it(story: NewStory) -> None:
    told = story().handoff().without("wire.close", conn=1).at(2600, "wire.close", conn=1, code=1000, by="client")
    record = told.record()
    assert reached_ms(record, 1, "H7") == 2300
    assert reached_ms(record, 1, "H6") == 2600


def test_a_handoff_in_the_session_has_its_stages_on_the_connection_that_asked(story: NewStory) -> None:
    told = story().said("ask", 100, 1000)
    told.at(0, "wire.dial", conn=1).at(10, "wire.open", conn=1).at(20, "wire.received", conn=1, frame="session.updated")
    told.at(2000, "server.tool_call", conn=1, name="handoff_conversation", args={"target": "agent-advisor"})
    told.at(2010, "runtime.handoff_decided", accepted=True, to="agent-advisor", **{"from": "agent-triage"})
    told.at(2020, "runtime.state", agent="agent-advisor", why="handoff")
    told.at(2100, "wire.received", conn=1, frame="session.updated")
    told.at(2100, "server.persona", conn=1, name="advisor", agent="agent-advisor", voice="Puck")
    told.at(2400, "server.audio_started", conn=1, voice="Puck").voice(2500, 3000, "agent-advisor")
    record = told.record()
    assert [reached_ms(record, 1, stage) for stage in ("H6", "H7", "H8", "H10", "H11")] == [
        None, None, 2100, 2400, 2500,
    ]  # fmt: skip


@pytest.mark.parametrize("stage", ["H6", "H8", "H11"])
def test_what_happens_before_the_handoff_is_asked_for_does_not_count(story: NewStory, stage: str) -> None:
    """A call that goes another way before, as one with an earlier fault does, is recognised all the same."""
    mark = stage_mark(story().handoff().record(), 1, stage)
    assert mark is not None
    other = story().at(5, "wire.received", conn=7, frame="setupComplete").at(6, "wire.close", conn=7)
    other.at(7, "server.audio_started", conn=7).handoff()
    watch = StageWatch(mark)
    reached = [event.t_ns + mark.offset_ns for event in other.record().events if watch.feed(event)]
    assert reached == [handoffs(other.record())[0].stages[stage]]
