"""A process that adds events as fast as it can and says which were acknowledged; and how tests start it.

As a program: ``burst.py URL ROOM WRITERS EVENTS``; each acknowledged event is a line ``INDEX ID``.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from roomkit_sim.models import ChannelType, EventSource, RoomEvent, TextContent
from roomkit_sim.store.sql import SQLStore

ROOT = Path(__file__).parents[3]


def event(body: str = "hello", **fields: object) -> RoomEvent:
    source = EventSource(channel_id="chat", channel_type=ChannelType.WEBSOCKET, participant_id="ann")
    return RoomEvent.model_validate({"room_id": "r", "source": source, "content": TextContent(body=body), **fields})


def start(url: str, room: str, writers: int, events: int) -> subprocess.Popen[str]:
    """Start the program; it waits for a line on its standard input, so that several can begin together."""
    command = [sys.executable, __file__, url, room, str(writers), str(events)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment, cwd=ROOT)


async def _write(url: str, room: str, writers: int, events: int) -> None:
    async with SQLStore(url) as store:
        await asyncio.gather(*(_one_writer(store, room, events) for _ in range(writers)))


async def _one_writer(store: SQLStore, room: str, events: int) -> None:
    for number in range(events):
        stored = await store.add_event_auto_index(room, event(str(number)))
        os.write(1, f"{stored.index} {stored.id}\n".encode())  # one call: a line is written whole or not at all


if __name__ == "__main__":
    sys.stdin.readline()
    asyncio.run(_write(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
