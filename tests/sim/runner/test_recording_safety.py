"""A recording survives what happens to the process; a replay reaches nobody; what was said can be left out."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roomkit_sim.sim import Call, PhoneLine, Run, simulate
from roomkit_sim.sim.cassette.library import Library, open_cassette
from roomkit_sim.sim.cassette.showing import show
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.scenario.mode import Mode
from tests.sim.runner.finance_line import ROOT, SCENARIOS, application, short_call

RECORDS_ANEW = """
import sys, time
from pathlib import Path
from tests.sim.runner.finance_line import application
from tests.sim.runner.test_recording_safety import play

connect = application()

async def answer(line):
    call = await connect(line)
    print("in the call", flush=True)
    time.sleep(600)
    return call

play(Path(sys.argv[1]), app=answer, recording="all")
"""

SAVES_FOR_EVER = """
import sys
from pathlib import Path
from roomkit_sim.sim.cassette.library import Library
from tests.sim.cassette.test_library import NEW, OLD

library = Library(Path(sys.argv[1]))
library.save("test", "call", OLD)
for number in range(1, 1_000_000):
    print(number, flush=True)
    library.save("test", "call", NEW if number % 2 else OLD)
"""


def play(folder: Path, *, app: Answer | None = None, **mode: Any) -> Run:
    return simulate(short_call(), app=app or application(), base_dir=SCENARIOS, mode=Mode(recordings=folder, **mode))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def started(program: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def killed_after(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    for told in process.stdout:
        if told.strip() == line:
            break
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()


def test_a_process_that_is_killed_while_it_records_leaves_the_previous_cassette(tmp_path: Path) -> None:
    play(tmp_path, recording="all")
    before = files(tmp_path)
    killed_after(started(RECORDS_ANEW, tmp_path), "in the call")
    assert files(tmp_path) == before
    assert play(tmp_path, against="replay").passed


@pytest.mark.parametrize("saves", [1, 2, 5, 9])
def test_a_process_that_is_killed_while_it_writes_leaves_the_old_cassette_or_the_new(
    saves: int, tmp_path: Path
) -> None:
    from tests.sim.cassette.test_library import NEW, OLD

    killed_after(started(SAVES_FOR_EVER, tmp_path), str(saves))
    assert Library(tmp_path).load("test", "call") in (OLD, NEW)
    # Nor is a lock left behind, or anything that a next recording stumbles over.
    Library(tmp_path).save("test", "call", NEW)
    assert Library(tmp_path).load("test", "call") == NEW


@pytest.mark.parametrize("clock", ["virtual", "real"])
def test_a_replay_reaches_nobody(clock: Any, tmp_path: Path) -> None:
    play(tmp_path, recording="all")
    connect, refused = application(), []

    async def answer(line: PhoneLine) -> Call:
        call = await connect(line)
        with pytest.raises(OSError, match=r"192\.0\.2\.1") as caught:
            await asyncio.open_connection("192.0.2.1", 443)
        refused.append(caught.value)
        return call

    assert play(tmp_path, app=answer, against="replay", clock=clock).passed
    assert len(refused) == 1


def test_a_replay_in_virtual_time_opens_no_socket_beside_the_loop(tmp_path: Path) -> None:
    play(tmp_path, recording="all")
    connect = application()

    async def answer(line: PhoneLine) -> Call:
        socket.create_connection(("192.0.2.1", 443), timeout=1)
        return await connect(line)

    run = play(tmp_path, app=answer, against="replay")
    [found] = [finding for finding in run.findings if finding.code == "APP004"]
    assert "192.0.2.1" in found.message


def test_a_call_whose_words_were_replaced_by_hashes_happens_again(tmp_path: Path) -> None:
    (tmp_path / "scrubbing.toml").write_text('transcripts = "hash"\n')
    original = play(tmp_path, recording="all")
    [path] = tmp_path.rglob("cassette.jsonl")
    text = path.read_text()
    assert "<words-" in text
    for words in ("would", "portfolio.", "am your advisor"):
        assert words not in text.replace('"wants advice"', "")
    assert any("<words-" in line for line in show(open_cassette(path)))
    again = play(tmp_path, against="replay")
    assert again.passed
    assert again.record.agent_audio.tobytes() == original.record.agent_audio.tobytes()
    assert [item.handoff.stages for item in again.handoffs] == [item.handoff.stages for item in original.handoffs]


def test_a_call_whose_caller_is_kept_as_loudness_alone_happens_again(tmp_path: Path) -> None:
    (tmp_path / "scrubbing.toml").write_text('microphone = "levels"\n')
    original = play(tmp_path, recording="all")
    connections = open_cassette(next(tmp_path.rglob("cassette.jsonl"))).connections
    assert [way for one in connections for way, track in one.tracks.items() if track.pcm is not None] == ["received"]
    assert connections[0].tracks["sent"].levels
    again = play(tmp_path, against="replay")
    assert again.passed
    assert [item.handoff.stages for item in again.handoffs] == [item.handoff.stages for item in original.handoffs]
