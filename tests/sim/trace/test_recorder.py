"""The recorder: order, time, listeners."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from roomkit_sim.sim.trace.events import TraceEvent, sources
from roomkit_sim.sim.trace.recorder import Recorder


class Clock:
    now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def test_events_carry_the_call_the_time_and_a_number_of_their_own() -> None:
    clock = Clock()
    recorder = Recorder("call-1", clock)
    first = recorder.emit("caller", "step", n=1)
    clock.now_ns = 7
    second = recorder.emit("line", "connected")
    assert first == TraceEvent(0, 0, "call-1", "caller", "step", {"n": 1})
    assert second == TraceEvent(7, 1, "call-1", "line", "connected", {})
    assert recorder.events == [first, second]
    assert second.name == "line.connected"


def test_what_happens_at_one_instant_keeps_its_order() -> None:
    recorder = Recorder("call", Clock())
    for number in range(100):
        recorder.emit("world", "seed", number=number)
    assert [event.seq for event in recorder.events] == list(range(100))
    assert [event.data["number"] for event in recorder.events] == list(range(100))


def test_data_may_be_named_like_the_parameters_of_emit() -> None:
    event = Recorder("call", Clock()).emit("server", "tool_call", src="a", kind="b")
    assert event.data == {"src": "a", "kind": "b"}


def test_listeners_hear_of_what_comes_and_not_of_what_was() -> None:
    recorder = Recorder("call", Clock())
    heard: list[TraceEvent] = []
    recorder.emit("caller", "before")
    stop = recorder.listen(heard.append)
    recorder.emit("caller", "while")
    stop()
    recorder.emit("caller", "after")
    assert [event.kind for event in heard] == ["while"]


def test_a_listener_may_stop_listening_while_it_is_told_and_others_are_still_told() -> None:
    recorder = Recorder("call", Clock())
    heard: list[TraceEvent] = []

    def once(event: TraceEvent) -> None:
        stop()

    stop = recorder.listen(once)
    recorder.listen(heard.append)
    recorder.emit("caller", "one")
    recorder.emit("caller", "two")
    assert [event.kind for event in heard] == ["one", "two"]


def test_a_listener_may_record_something_itself() -> None:
    recorder = Recorder("call", Clock())

    def answer(event: TraceEvent) -> None:
        if event.kind == "question":
            recorder.emit("world", "answer")

    recorder.listen(answer)
    recorder.emit("world", "question")
    assert [(event.seq, event.kind) for event in recorder.events] == [(0, "question"), (1, "answer")]


def test_an_event_cannot_be_changed() -> None:
    event = Recorder("call", Clock()).emit("caller", "step")
    with pytest.raises(FrozenInstanceError):
        event.t_ns = 5  # type: ignore[misc]


def test_later_changes_of_what_was_recorded_do_not_reach_the_trace() -> None:
    recorder = Recorder("call", Clock())
    arguments = {"target": "advisor", "list": [1, 2]}
    recorder.emit("server", "tool_call", args=arguments)  # type: ignore[arg-type]
    arguments["target"] = "somebody else"
    arguments["list"].append(3)  # type: ignore[attr-defined]
    assert recorder.events[0].data["args"] == {"target": "advisor", "list": [1, 2]}


def test_the_sources_are_those_of_the_contract() -> None:
    assert sources() == ("caller", "line", "wire", "server", "runtime", "world")
