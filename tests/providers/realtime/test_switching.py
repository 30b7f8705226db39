"""How connections follow each other, whatever the service."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.errors import ProviderConnectionError
from roomkit_sim.providers.realtime.events import AudioOut, GoAway, LiveEvent, ResponseEnded
from roomkit_sim.providers.realtime.reconnect_policy import Dial
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.voice.base import VoiceSession
from tests.providers.realtime.fake_session import FakeCall, FakeConnection

pytestmark = pytest.mark.sim

MINUTE_NS = 60_000_000_000


async def no_answer(settings: LiveSettings, handle: str | None, timeout_s: float) -> FakeConnection:
    """A dial, as providers fail when nothing comes in time."""
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.Event().wait()
    except TimeoutError as error:
        raise ProviderConnectionError("no answer in time", retryable=True) from error
    raise AssertionError


async def test_a_close_that_is_announced_while_the_last_one_is_still_being_forestalled_is_forestalled_too() -> None:
    class SlowToLearn(FakeCall):
        async def stepped(self, session: VoiceSession, step: Any, detail: str) -> None:
            await super().stepped(session, step, detail)
            if step == "fresh" and len(self.connections) == 2:
                self.connections[1].says.put_nowait(GoAway(MINUTE_NS))
                await asyncio.sleep(1.0)

    call = SlowToLearn()
    await call.session.open()
    call.connections[0].says.put_nowait(GoAway(MINUTE_NS))
    await asyncio.sleep(5.0)
    assert call.steps == ["opened", "go_away", "reconnecting", "fresh", "go_away", "reconnecting", "fresh"]
    assert [connection.closed for connection in call.connections] == [True, True, False]


async def test_a_close_that_is_announced_twice_makes_one_reconnect() -> None:
    call = FakeCall()
    await call.session.open()
    for _ in range(2):
        call.connections[0].says.put_nowait(GoAway(MINUTE_NS))
    await asyncio.sleep(5.0)
    assert len(call.connections) == 2


async def test_a_dial_that_is_cancelled_twice_leaves_no_connection_open() -> None:
    async def dial_too_late_to_stop(settings: LiveSettings, handle: str | None, timeout_s: float) -> FakeConnection:
        connection = await call.dial(settings, handle, timeout_s)
        if len(call.connections) == 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.sleep(1.0)
        return connection

    call = FakeCall(dial_too_late_to_stop)
    await call.session.open()
    changing = asyncio.create_task(call.session.reconfigure(LiveSettings(voice="other")))
    for _ in range(2):
        await asyncio.sleep(0.1)
        changing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await changing
    await call.session.close()
    assert [connection.closed for connection in call.connections] == [True, True]


async def test_a_first_connection_that_nobody_learns_of_is_closed() -> None:
    class Deaf(FakeCall):
        async def stepped(self, session: VoiceSession, step: Any, detail: str) -> None:
            raise RuntimeError("deaf")

    call = Deaf()
    with pytest.raises(RuntimeError):
        await call.session.open()
    assert call.connections[0].closed


class Breaks(FakeCall):
    """Whoever is told of audio fails."""

    async def happened(self, session: VoiceSession, event: LiveEvent) -> None:
        if isinstance(event, AudioOut):
            raise LookupError("no such rate")
        await super().happened(session, event)


async def test_a_defect_of_whoever_reads_is_reported_by_its_name_and_the_call_goes_on() -> None:
    call = Breaks()
    await call.session.open()
    call.connections[0].says.put_nowait(AudioOut(b"\0\0", 1))
    await asyncio.sleep(1.0)
    ((code, message),) = call.errors
    assert code == "internal_error"
    assert "LookupError: no such rate" in message
    assert call.steps == ["opened", "lost", "reconnecting", "fresh"]
    await call.session.send_audio(b"\1\0")
    assert call.connections[1].audio == b"\1\0"


async def test_a_defect_that_repeats_ends_the_call() -> None:
    call = Breaks()
    await call.session.open()
    for number in range(3):
        call.connections[number].says.put_nowait(AudioOut(b"\0\0", 1))
        await asyncio.sleep(1.0)
    assert (len(call.connections), call.steps[-1], call.session.ended) == (3, "closed", True)
    assert all("LookupError: no such rate" in message for _, message in call.errors)
    assert all(connection.closed for connection in call.connections)


async def test_defects_do_not_add_up_where_an_answer_came_through_between_them() -> None:
    call = Breaks()
    await call.session.open()
    for number in range(6):
        call.connections[number].says.put_nowait(ResponseEnded())
        call.connections[number].says.put_nowait(AudioOut(b"\0\0", 1))
        await asyncio.sleep(1.0)
    assert (len(call.connections), call.session.ended) == (7, False)


async def test_a_dial_that_nobody_answers_is_repeated_once_at_once_when_a_session_changes() -> None:
    class Unanswered(FakeCall):
        async def dial(self, settings: LiveSettings, handle: str | None, timeout_s: float) -> FakeConnection:
            connection = await super().dial(settings, handle, timeout_s)
            return await no_answer(settings, handle, timeout_s) if len(self.connections) > 1 else connection

    call = Unanswered(timing=LiveTiming(settle_s=0.0))
    await call.session.open()
    began = asyncio.get_running_loop().time()
    with pytest.raises(ProviderConnectionError, match="no answer in time"):
        await call.session.reconfigure(LiveSettings(voice="other"))
    assert [connection.timeout_s for connection in call.connections] == [10.0, 3.0, 7.0]
    assert asyncio.get_running_loop().time() - began == pytest.approx(10.0)
    assert call.steps == ["opened", "reconnecting", "reconnecting"]


async def test_a_service_that_is_always_slow_is_changed_to_all_the_same() -> None:
    class Slow(FakeCall):
        async def dial(self, settings: LiveSettings, handle: str | None, timeout_s: float) -> FakeConnection:
            if len(self.connections) > 0 and timeout_s < 5.0:
                await no_answer(settings, handle, timeout_s)
            await asyncio.sleep(5.0)
            return await super().dial(settings, handle, timeout_s)

    call = Slow()
    await call.session.open()
    await call.session.reconfigure(LiveSettings(voice="other"))
    assert call.connections[-1].settings.voice == "other"
    assert call.steps == ["opened", "reconnecting", "reconnecting", "fresh"]


@pytest.mark.parametrize("connect_s", [1.0, 3.0, 4.0])
async def test_no_dial_takes_longer_than_a_connection_may(connect_s: float) -> None:
    timing = LiveTiming(connect_timeout_s=connect_s)
    waits = [timing.timeout_s(Dial(None, 0.0, 1, deadline=deadline)) for deadline in ("short", "rest", "whole")]
    assert waits == [min(3.0, connect_s), min(3.0, connect_s), connect_s]


async def test_after_a_loss_a_service_that_is_slow_again_and_again_gets_more_time() -> None:
    class Slow(FakeCall):
        async def dial(self, settings: LiveSettings, handle: str | None, timeout_s: float) -> FakeConnection:
            connection = await super().dial(settings, handle, timeout_s)
            slow = len(self.connections) > 1 and timeout_s < 8.0
            return await no_answer(settings, handle, timeout_s) if slow else connection

    call = Slow()
    await call.session.open()
    call.connections[0].says.put_nowait(ProviderConnectionError("gone", retryable=True))
    await asyncio.sleep(20.0)
    assert [connection.timeout_s for connection in call.connections] == [10.0, 3.0, 7.0, 10.0]
    assert call.steps[-1] == "fresh"
