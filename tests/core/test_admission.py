"""Who may bring how much into a room: rate limits, and senders that are not certain."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.core.clock import use_clock
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.core.inbound_rate import InboundRate
from roomkit_sim.errors import ConfigurationError
from roomkit_sim.identity.base import IdentityResolver
from roomkit_sim.models import (
    ChannelType,
    FrameworkEvent,
    HookTrigger,
    IdentificationStatus,
    Identity,
    IdentityHookResult,
    InboundMessage,
    InboundResult,
    RateLimit,
    TextContent,
)
from roomkit_sim.models.identity import IdentityResult

SECOND = 1_000_000_000
ANN, BOB = Identity(id="ann"), Identity(id="bob")


class HandClock:
    """Moved by the test."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic_ns(self) -> int:
        return round(self.seconds * SECOND)


class Resolver(IdentityResolver):
    """Always finds the same."""

    def __init__(self, status: IdentificationStatus, *candidates: Identity) -> None:
        self.found = IdentityResult(status=status, candidates=list(candidates))
        self.asked = 0

    async def resolve(self, message: InboundMessage) -> IdentityResult:
        self.asked += 1
        return self.found


async def kit_with(make_probe: Any, **settings: Any) -> RoomKit:
    kit = RoomKit(**settings)
    kit.register_channel(make_probe("people"))
    await kit.create_room("r")
    await kit.attach_channel("r", "people")
    return kit


async def send(kit: RoomKit, sender: str = "ann") -> InboundResult:
    message = InboundMessage(channel_id="people", sender_id=sender, content=TextContent(body="hello"))
    return await kit.process_inbound(message, room_id="r")


# Rate


async def test_messages_above_the_limit_are_blocked_until_the_window_has_passed(make_probe: Any) -> None:
    clock = HandClock()
    with use_clock(clock):
        kit = await kit_with(make_probe, inbound_rate_limit=RateLimit(max_per_second=2))
        answers = [await send(kit) for _ in range(3)]
        assert [answer.reason for answer in answers] == [None, None, "rate_limited"]
        assert await kit.store.count_events("r") == 3, "the channel's notice and two messages"
        clock.seconds = 1.0
        assert not (await send(kit)).blocked


async def test_one_sender_does_not_use_up_the_limit_of_another(make_probe: Any) -> None:
    kit = await kit_with(make_probe, inbound_rate_limit=RateLimit(max_per_hour=1))
    assert not (await send(kit, "ann")).blocked
    assert (await send(kit, "ann")).reason == "rate_limited"
    assert not (await send(kit, "bob")).blocked


async def test_cues_of_the_framework_are_neither_counted_nor_asked_who_they_are(make_probe: Any) -> None:
    resolver = Resolver(IdentificationStatus.UNKNOWN)
    kit = await kit_with(make_probe, identity_resolver=resolver, inbound_rate_limit=RateLimit(max_per_hour=1))
    for _ in range(2):
        cue = InboundMessage(
            channel_id="people", sender_id="system", content=TextContent(body="greet"), metadata={"greeting_cue": True}
        )
        assert not (await kit.process_inbound(cue, room_id="r")).blocked
    assert resolver.asked == 0


async def test_without_a_limit_everything_passes(make_probe: Any) -> None:
    kit = await kit_with(make_probe)
    assert not any([(await send(kit)).blocked for _ in range(200)])


@given(
    limits=st.tuples(st.none() | st.integers(1, 5), st.none() | st.integers(1, 20)),
    gaps=st.lists(st.integers(0, 2 * SECOND), max_size=60),
)
def test_no_window_ever_holds_more_than_its_limit(limits: tuple[int | None, int | None], gaps: list[int]) -> None:
    per_second, per_minute = limits
    rate = InboundRate(RateLimit(max_per_second=per_second, max_per_minute=per_minute))
    passed, now_ns = [], 0
    for gap in gaps:
        now_ns += gap
        admitted = rate.admits("people", "ann", now_ns)
        crowded = [
            most is not None and sum(t > now_ns - window_ns for t in passed) >= most
            for most, window_ns in ((per_second, SECOND), (per_minute, 60 * SECOND))
        ]
        assert admitted == (not any(crowded))
        passed += [now_ns] if admitted else []


def test_a_limit_below_one_in_a_second_is_one_in_more_seconds() -> None:
    rate = InboundRate(RateLimit(max_per_second=0.5))
    assert [rate.admits("p", "a", at * SECOND) for at in (0, 1, 2, 3)] == [True, False, True, False]


def test_a_limit_of_nothing_lets_nothing_pass() -> None:
    assert not InboundRate(RateLimit(max_per_minute=0)).admits("p", "a", 0)


def test_senders_that_are_never_heard_again_are_forgotten() -> None:
    rate = InboundRate(RateLimit(max_per_second=1))
    for number in range(20_000):
        rate.admits("p", f"sender {number}", number)
    assert len(rate._came) == 10_000


# Identity


async def test_a_hook_names_a_sender_of_whom_the_resolver_is_not_certain(make_probe: Any) -> None:
    kit = await kit_with(make_probe, identity_resolver=Resolver(IdentificationStatus.AMBIGUOUS, ANN, BOB))

    @kit.identity_hook(HookTrigger.ON_IDENTITY_AMBIGUOUS)
    async def choose(event: Any, context: Any, found: IdentityResult) -> IdentityHookResult:
        assert context.room.id == "r"
        return IdentityHookResult(status=IdentificationStatus.IDENTIFIED, identity=found.candidates[1])

    result = await send(kit)
    assert result.event is not None
    assert result.event.metadata["identity_id"] == "bob"


@pytest.mark.parametrize("status", [IdentificationStatus.REJECTED, IdentificationStatus.CHALLENGE_SENT])
async def test_a_hook_keeps_an_unknown_sender_out(status: IdentificationStatus, make_probe: Any) -> None:
    kit = await kit_with(make_probe, identity_resolver=Resolver(IdentificationStatus.UNKNOWN))

    @kit.identity_hook(HookTrigger.ON_IDENTITY_UNKNOWN)
    async def refuse(event: Any, context: Any, found: Any) -> IdentityHookResult:
        return IdentityHookResult(status=status, reason="who are you?")

    result = await send(kit)
    assert (result.blocked, result.reason, result.event) == (True, "who are you?", None)
    assert await kit.store.count_events("r") == 1, "the channel's notice alone"


async def test_hooks_of_the_other_kind_and_hooks_without_an_answer_decide_nothing(make_probe: Any) -> None:
    kit = await kit_with(make_probe, identity_resolver=Resolver(IdentificationStatus.UNKNOWN))
    asked: list[str] = []

    @kit.identity_hook(HookTrigger.ON_IDENTITY_AMBIGUOUS)
    async def other(event: Any, context: Any, found: Any) -> IdentityHookResult:
        raise AssertionError("not this one")

    @kit.identity_hook(HookTrigger.ON_IDENTITY_UNKNOWN)
    async def silent(event: Any, context: Any, found: Any) -> None:
        asked.append("silent")

    assert not (await send(kit)).blocked
    assert asked == ["silent"]


@pytest.mark.parametrize("how", ["raises", "hangs"])
async def test_a_hook_that_fails_is_reported_and_the_message_goes_on(how: str, make_probe: Any) -> None:
    resolver = Resolver(IdentificationStatus.UNKNOWN)
    kit = await kit_with(make_probe, identity_resolver=resolver, identity_timeout=0.01)
    errors: list[FrameworkEvent] = []
    kit.on("error")(errors.append)

    @kit.identity_hook(HookTrigger.ON_IDENTITY_UNKNOWN)
    async def broken(event: Any, context: Any, found: Any) -> None:
        if how == "raises":
            raise LookupError("no such directory")
        await asyncio.Event().wait()

    assert not (await send(kit)).blocked
    assert [error.data["where"] for error in errors] == ["identity hook (on_identity_unknown)"]


async def test_only_channels_of_the_given_types_are_asked_about(make_probe: Any) -> None:
    resolver = Resolver(IdentificationStatus.UNKNOWN)
    kit = await kit_with(make_probe, identity_resolver=resolver, identity_channel_types={ChannelType.SMS})
    await send(kit)
    assert resolver.asked == 0


def test_an_identity_hook_for_another_moment_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no identity hook"):
        RoomKit().identity_hook(HookTrigger.ON_HANDOFF)


# What the kit holds for the application


class Part:
    """A provider that can be closed."""

    def __init__(self, error: Exception | None = None) -> None:
        self.closed, self.error = 0, error

    async def close(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


async def test_recogniser_synthesiser_and_backend_of_the_kit_are_closed_with_it() -> None:
    stt, tts, voice = Part(OSError("stuck")), Part(), Part()
    kit = RoomKit(stt=stt, tts=tts, voice=voice)  # type: ignore[arg-type]
    errors: list[FrameworkEvent] = []
    kit.on("error")(errors.append)
    assert (kit.stt, kit.tts, kit.voice) == (stt, tts, voice)
    await kit.close()
    assert (stt.closed, tts.closed, voice.closed) == (1, 1, 1)
    assert [error.data["where"] for error in errors] == ["closing stt"]
