"""The harness against applications and runtimes that are broken on purpose: each is caught, by a code of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from roomkit_sim import Agent, RealtimeVoiceChannel
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.realtime.held_audio import HeldAudio
from roomkit_sim.sim import Call, PhoneLine, Run, simulate
from roomkit_sim.sim.checks.findings import Severity
from tests.sim.runner.finance_line import SCENARIOS, agents, application

RunWith = Callable[..., Run]


def codes(run: Run) -> list[str]:
    return list(dict.fromkeys(finding.code for finding in run.findings))


def test_sound_application_passes(run_with: RunWith) -> None:
    run = run_with(application())
    assert codes(run) == []
    assert run.passed


def test_caller_audio_that_is_dropped_during_the_reconnect_is_caught(
    run_with: RunWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HeldAudio, "keep", lambda self, pcm: self.hold())
    run = run_with(application())
    assert codes(run) == ["INV004"]


def test_caller_audio_that_is_sent_twice_is_caught(run_with: RunWith) -> None:
    class Stutters(GeminiLiveProvider):
        async def send_audio(self, session: Any, audio: bytes) -> None:
            await super().send_audio(session, audio)
            self.count = getattr(self, "count", 0) + 1
            if self.count in (30, 31, 32):
                await super().send_audio(session, audio)

    assert codes(run_with(application(provider=Stutters))) == ["INV005"]


def test_session_that_is_not_reconfigured_is_caught(run_with: RunWith) -> None:
    class Forgets(RealtimeVoiceChannel):
        async def reconfigure_session(self, *args: Any, **settings: Any) -> None:
            return None

    found = codes(run_with(application(channel=Forgets)))
    assert "INV003" in found
    assert "ROUTE005" in found


def test_state_that_is_not_stored_is_caught(run_with: RunWith, monkeypatch: pytest.MonkeyPatch) -> None:
    from roomkit_sim.orchestration.handler import HandoffHandler

    store = HandoffHandler._store

    async def only_seed(self: Any, room_id: str, state: Any, why: str, *more: Any) -> None:
        if why != "handoff":
            await store(self, room_id, state, why, *more)

    monkeypatch.setattr(HandoffHandler, "_store", only_seed)
    found = codes(run_with(application()))
    assert "PHASE002" in found


def test_wrong_sample_rate_towards_the_provider_is_caught(run_with: RunWith) -> None:
    def channel(*args: Any, **settings: Any) -> RealtimeVoiceChannel:
        class Careless(RealtimeVoiceChannel):
            def _on_caller_audio(self, session: Any, frame: Any) -> None:
                frame.sample_rate = 16000
                super()._on_caller_audio(session, frame)

        return Careless(*args, **settings)

    script = [
        {"say": {"id": "ask-advice", "text": "Hello, I would like some advice about my portfolio."}},
        {"wait": {"for": "agent_speech", "persona": "advisor", "within_ms": 3000}},
        {"wait": {"for": "agent_silence", "ms": 600}},
        "hang_up",
    ]
    caller = {"sample_rate_hz": 8000, "script": script}
    assert run_with(application(), caller=caller).passed
    found = codes(run_with(application(channel=channel), caller=caller))
    assert "AUDIO001" in found
    assert "CALLER001" in found


def test_agents_with_one_prompt_are_invalid(run_with: RunWith) -> None:
    def nameless() -> list[Agent]:
        return [Agent("agent-triage", voice="Aoede"), Agent("agent-advisor", voice="Charon")]

    run = run_with(application(make_agents=nameless))
    assert codes(run)[0] == "INVALID001"
    assert run.calls[0].verdict == "invalid"


def test_tool_that_the_session_does_not_declare_is_invalid(run_with: RunWith) -> None:
    mind = {
        "triage": {
            "when": "Role: Triage receptionist",
            "rules": [{"hears": "ask-advice", "calls": {"transfer": {"to": "advisor"}}}],
        },
        "advisor": {"when": "Role: Portfolio advisor"},
    }
    run = run_with(application(), mind=mind)
    (finding,) = [finding for finding in run.findings if finding.code == "INVALID003"]
    assert finding.severity is Severity.INVALID
    assert "handoff_conversation" in finding.message


def test_two_agents_who_speak_at_once_are_caught(run_with: RunWith) -> None:
    from roomkit_sim.sim.audio.timbre import speak

    def talk_over(handler: Any, channel: RealtimeVoiceChannel) -> None:
        send = channel.transport.send_audio

        async def mixed(session: Any, audio: bytes) -> None:
            import numpy as np

            samples = np.frombuffer(audio, dtype="<i2").astype(np.int32)
            other = speak("and I talk at the very same time as you do", "Aoede", 16000).astype(np.int32)
            position = mixed.position  # type: ignore[attr-defined]
            part = other[position : position + len(samples)]
            samples[: len(part)] += part
            mixed.position += len(part)  # type: ignore[attr-defined]
            await send(session, (samples // 2).astype("<i2").tobytes())

        mixed.position = 0  # type: ignore[attr-defined]
        channel.transport.send_audio = mixed  # type: ignore[method-assign]

    assert "INV001" in codes(run_with(application(after_install=talk_over)))


def test_application_that_raises_is_a_finding_with_its_place(run_with: RunWith) -> None:
    async def answer(line: PhoneLine) -> Call:
        raise KeyError("no such customer")

    run = run_with(answer)
    (finding,) = [finding for finding in run.findings if finding.code == "APP001"]
    assert "no such customer" in finding.message
    assert "\nat tests/sim/runner/test_broken_applications.py:" in finding.message


def test_application_that_returns_nothing_is_told_what_to_return(run_with: RunWith) -> None:
    async def answer(line: PhoneLine) -> Any:
        return None

    (finding,) = [finding for finding in run_with(answer).findings if finding.code == "APP001"]
    assert "Call(kit, session)" in finding.message


def test_application_that_waits_for_ever_is_stopped_and_its_task_named(run_with: RunWith) -> None:
    async def answer(line: PhoneLine) -> Call:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    (finding,) = [finding for finding in run_with(answer).findings if finding.code == "APP003"]
    assert "call short-call: test_broken_applications.py" in finding.message


def test_call_that_hangs_uses_up_its_budget_and_keeps_its_record(run_with: RunWith) -> None:
    script = [{"wait": {"for": "agent_speech", "within_ms": 900_000}}, "hang_up"]
    mind = {"triage": {"when": "Role: Triage receptionist"}}
    run = run_with(application(), caller={"script": script}, mind=mind, expect={}, budget_ms=5_000)
    (finding,) = [finding for finding in run.findings if finding.code == "APP003"]
    assert "5 s of virtual time" in finding.message
    assert "caller of short-call" in finding.message
    assert [finding.code for finding in run.findings] == ["APP003"]
    assert len(run.record.caller_audio) == pytest.approx(5 * 16000, abs=320)


def test_real_socket_is_caught_even_if_the_application_swallows_the_error(run_with: RunWith) -> None:
    sound = application()

    async def answer(line: PhoneLine) -> Any:
        with suppress(Exception):
            socket.create_connection(("192.0.2.1", 80), timeout=0.01)
        return await sound(line)

    (finding,) = [finding for finding in run_with(answer).findings if finding.code == "APP004"]
    assert "192.0.2.1" in finding.message
    assert "test_broken_applications.py" in finding.message
    assert "in answer()" in finding.message


def test_failure_in_the_background_is_a_finding(run_with: RunWith) -> None:
    sound = application()

    async def fails() -> None:
        raise RuntimeError("nobody looks")

    async def answer(line: PhoneLine) -> Any:
        task = asyncio.create_task(fails())
        del task
        return await sound(line)

    (finding,) = [finding for finding in run_with(answer).findings if finding.code == "APP005"]
    assert "nobody looks" in finding.message


def test_application_that_hangs_up_early_is_caught(run_with: RunWith) -> None:
    sound = application()

    async def answer(line: PhoneLine) -> Any:
        call = await sound(line)
        channel: Any = call.kit.channels["voice"]  # type: ignore[attr-defined]
        asyncio.get_running_loop().call_later(
            1.0,
            lambda: asyncio.ensure_future(channel.end_session(call.session)),  # type: ignore[attr-defined]
        )
        return call

    assert "CALLER002" in codes(run_with(answer))


def test_agents_whose_voices_are_the_same_are_still_told_apart_by_time(run_with: RunWith) -> None:
    def one_voice() -> list[Agent]:
        triage = agents()[0]
        return [triage, Agent("agent-advisor", role="Portfolio advisor", voice=triage.voice)]

    run = run_with(application(make_agents=one_voice))
    assert codes(run) == []
    assert run.handoffs[0].handoff.completed


def test_application_whose_caller_is_never_heard_is_caught_even_if_the_caller_only_listens(run_with: RunWith) -> None:
    class Deaf(RealtimeVoiceChannel):
        def _on_caller_audio(self, session: Any, frame: Any) -> None:
            return None

    script = [{"wait": {"for": "time", "ms": 3000}}, "hang_up"]
    mind = {"triage": {"when": "Role: Triage receptionist"}}
    run = run_with(application(channel=Deaf), caller={"script": script}, mind=mind, expect={})
    assert codes(run) == ["INV004"]


@pytest.mark.parametrize("error", [asyncio.CancelledError("gone"), SystemExit(3)])
def test_application_that_raises_what_is_no_exception_fails_its_call_only(
    run_with: RunWith, error: BaseException
) -> None:
    async def answer(line: PhoneLine) -> Call:
        raise error

    run = run_with(answer)
    assert "APP001" in codes(run)
    assert type(error).__name__ in next(f.message for f in run.findings if f.code == "APP001")


def test_handoff_that_cannot_take_effect_says_why(run_with: RunWith) -> None:
    def forget_to_attach(handler: Any, channel: RealtimeVoiceChannel) -> None:
        async def fails(*args: Any, **settings: Any) -> None:
            raise RuntimeError("nobody listens on channel 7")

        handler._announce = fails

    run = run_with(application(after_install=forget_to_attach))
    (finding,) = [finding for finding in run.findings if finding.code == "ROUTE003"]
    assert "nobody listens on channel 7" in finding.actual


def test_voice_that_is_not_switched_is_caught(run_with: RunWith) -> None:
    class KeepsVoice(RealtimeVoiceChannel):
        async def reconfigure_session(self, session: Any, **settings: Any) -> None:
            await super().reconfigure_session(session, **{**settings, "voice": None})

    assert codes(run_with(application(channel=KeepsVoice))) == ["INV008"]


def test_model_that_is_not_released_for_a_person_is_caught(run_with: RunWith) -> None:
    class Clings(RealtimeVoiceChannel):
        async def release_provider(self, session: Any) -> None:
            return None

    ask = {"target": "human", "reason": "asks", "summary": "wants a person"}
    rule = {"hears": "ask-advice", "calls": {"handoff_conversation": ask}, "hallucinate": True}
    say = {"say": {"id": "ask-advice", "text": "Hello, I would like some advice about my portfolio."}}
    wait = {"wait": {"for": "time", "ms": 4000}}
    changes = {
        "mind": {"triage": {"when": "Role: Triage receptionist", "rules": [rule]}},
        "caller": {"script": [{"wait": {"for": "time", "ms": 1000}}, say, wait, "hang_up"]},
        "expect": {"route": ["agent-triage", "human"]},
    }
    assert codes(run_with(application(), **changes)) == []
    assert codes(run_with(application(channel=Clings), **changes)) == ["INV007"]


def test_real_network_from_a_thread_of_the_application_is_caught(run_with: RunWith) -> None:
    sound = application()

    def connect() -> None:
        with suppress(Exception):
            socket.create_connection(("192.0.2.1", 80), timeout=0.01)

    async def answer(line: PhoneLine) -> Any:
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()
        return await sound(line)

    assert "APP004" in codes(run_with(answer))


def test_application_in_which_time_stands_still_is_stopped(run_with: RunWith) -> None:
    async def answer(line: PhoneLine) -> Call:
        while True:  # noqa: ASYNC110 - what is tested
            await asyncio.sleep(0)

    (finding,) = [finding for finding in run_with(answer).findings if finding.code == "APP003"]
    assert "time stands still" in finding.message
    assert "test_broken_applications.py" in finding.message


def test_task_that_refuses_to_be_cancelled_hides_nothing(run_with: RunWith) -> None:
    sound = application()

    async def stubborn() -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1)

    async def fails() -> None:
        raise ValueError("nobody looks")

    async def answer(line: PhoneLine) -> Any:
        tasks = [asyncio.create_task(stubborn()), asyncio.create_task(fails())]
        line.transport.keep = tasks[:1]  # type: ignore[attr-defined]
        return await sound(line)

    assert {"APP003", "APP005"} <= set(codes(run_with(answer)))


def test_application_that_greets_twice_is_caught(run_with: RunWith) -> None:
    def greet_too(handler: Any, channel: RealtimeVoiceChannel) -> None:
        ask = handler.realtime.ask_to_speak

        async def twice(room_id: str, text: str) -> None:
            await ask(room_id, text)
            await ask(room_id, text)

        handler.realtime.ask_to_speak = twice

    assert "INV009" in codes(run_with(application(after_install=greet_too)))


def test_line_that_plays_on_when_the_caller_interrupts_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from roomkit_sim.channels.realtime.audio_path import AudioPath

    scenario = SCENARIOS / "finance" / "barge-in.scenario.yaml"
    assert codes(simulate(scenario)) == []
    monkeypatch.setattr(AudioPath, "interrupt", lambda self, live: 0.0)
    assert "AUDIO003" in codes(simulate(scenario))
