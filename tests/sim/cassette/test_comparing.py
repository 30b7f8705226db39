"""The first difference of two cassettes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from roomkit_sim.sim.cassette.comparing import compare
from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.world.world import World
from tests.sim.cassette.exchange import dial, hear, microphone, record, say
from tests.sim.cassette.test_folding import cassette_of, spoken


def call(*, session: str = "s1", voice: str = "Kore", rounds: int = 1, sound: bytes = b"abcd") -> Cassette:
    async def service(socket: Any) -> None:
        await say(socket, type="session.created", session={"id": session})
        for _ in range(rounds):
            await hear(socket)
            await say(socket, type="session.updated", response={"id": session, "item_id": f"{session}-i"})
        await socket.wait_closed()

    async def client(world: World) -> None:
        async with dial() as socket:
            await hear(socket)
            for _ in range(rounds):
                await say(socket, type="session.update", session={"voice": voice})
                await hear(socket)
            await say(socket, **microphone(sound))

    return record(service, client)[1]


def test_ids_are_compared_by_their_order() -> None:
    assert compare(call(session="s1"), call(session="s2")) == []


def test_the_first_message_that_differs_is_shown_with_both_sides() -> None:
    text = "\n".join(compare(call(), call(voice="Puck")))
    assert text.startswith("message 2 of connection 1 differs")
    assert "differs  sent.session.voice" in text
    assert '"Kore"' in text
    assert '"Puck"' in text


def test_a_message_that_only_one_has_is_shown() -> None:
    text = "\n".join(compare(call(), call(rounds=2)))
    assert text.startswith("message 4 of connection 1 differs")


def test_other_sound_is_told_with_the_second_at_which_it_begins() -> None:
    same, other = call(sound=b"abcd" * 6000), call(sound=b"abcd" * 3000 + b"abce" * 3000)
    assert compare(same, other) == [
        "the caller's sound on connection 1 differs from 0.25 s on (0.50 s and 0.50 s long)"
    ]


def test_a_connection_that_only_one_has_is_told() -> None:
    one = cassette_of([spoken("sent", 0)])
    two = replace(one, connections=(*one.connections, replace(one.connections[0], number=2)))
    assert compare(one, two) == ["only the second has connection 2, dialled 0.000 s after the first dial"]


def test_other_addresses_are_told() -> None:
    one = cassette_of([])
    other = replace(one, connections=(replace(one.connections[0], status=403),))
    assert compare(one, other)[0] == "connection 1 was dialled or answered otherwise"
