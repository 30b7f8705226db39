"""Run with `make bench`; `make parity` and `make lossy` run one part each."""

from __future__ import annotations

import os
import platform
import sys
from functools import partial

from benchmarks import call, floor, handoff_gap, lossy, parity, replay, runtime, shares, startup

SECONDS = 60
ROUNDS = 3


SEEDS = 10


def main() -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; best of {ROUNDS}, alternating\n")
    speed_of_a_call()
    for provider in call.APPS:
        print(f"\nwhere the time of the call goes, {provider} (profiled)")
        for name, share in shares.shares(partial(call.run_call, provider, 20)):
            print(f"  {share:6.1%}  {name}")
    print()
    for provider in call.APPS:
        peak = call.peak_memory_mb(provider, SECONDS)
        print(f"peak memory of one {SECONDS} s call with its record, {provider}: {peak:.0f} MB")
    gap_of_a_handoff()
    speed_of_a_replay()
    given, without = startup.plugin_ms(9)
    added = f"{given:.0f} ms with the plugin, {without:.0f} ms with -p no:roomkit_sim"
    print(f"\nan unrelated pytest run: {added}: {given - without:+.0f} ms (under 50)")
    print(f"pytest scenarios -n 2: {startup.scenarios_s():.1f} s (under 60)")
    print(f"fault matrix of the two-agent scenario -n 2: {startup.matrix_s():.0f} s (under 180)")
    cost_of_the_runtime()


def gap_of_a_handoff() -> None:
    print(f"\ngap heard by the caller at a handoff, same network, median of {SEEDS} seeds, virtual ms")
    for provider in handoff_gap.PROVIDERS:
        overlapping, one_by_one = handoff_gap.compare(provider, SEEDS)
        print(
            f"  {provider:<16} make-before-break {overlapping:5.0f}   plain reconnect {one_by_one:5.0f}   "
            f"ratio {overlapping / one_by_one:.3f}, {one_by_one - overlapping:+.0f} ms without overlap"
        )


def speed_of_a_replay() -> None:
    print("\na call with our own server and its replay, CPU time (replay at least as fast: 1.00 or less)")
    for provider in call.APPS:
        faked, replayed = replay.compare(provider, ROUNDS)
        print(
            f"  {provider:<16} call {faked * 1000:5.0f} ms   replay {replayed * 1000:5.0f} ms   {replayed / faked:5.2f}"
        )


def cost_of_the_runtime() -> None:
    events, handoffs, messages = runtime.run()
    print(f"\nthe runtime alone, CPU time; {events} framework events a handoff; to the fewest rooms (0.8 to 1.2)")
    for rooms, handoff, message in zip(runtime.ROOMS, handoffs, messages, strict=True):
        print(
            f"  {rooms:6} rooms alive: handoff {handoff * 1e6:5.0f} us {handoff / handoffs[0]:5.2f}   "
            f"messages with their answers {1 / message:5.0f} a second {messages[0] / message:5.2f}"
        )


def speed_of_a_call() -> None:
    # One process, one thread, nothing waits: CPU seconds are wall seconds on a core of its own, and bear noise better.
    print(f"{SECONDS} s full-duplex call, 20 ms frames both ways               sim s / CPU s   of the floor")
    for provider in call.APPS:
        floor.run(provider, 2)
        call.run_call(provider, 2)
        floors, calls, wholes = [], [], []
        for _ in range(ROUNDS):
            floors.append(floor.run(provider, SECONDS))
            calls.append(call.run_call(provider, SECONDS))
            wholes.append(call.run_whole(provider, SECONDS))
        bare, alone, whole = (SECONDS / min(walls) for walls in (floors, calls, wholes))
        for name, speed in (
            ("floor: websockets + json, same loop and frames", bare),
            ("call over the SDK (at least 0.20)", alone),
            ("call, accounting of its sound, checks", whole),
        ):
            print(f"  {provider:<16}{name:<46} {speed:10.0f} {speed / bare:14.2f}")


PARTS = {
    "all": main,
    "parity": parity.main,
    "lossy": lossy.main,
    "gap": gap_of_a_handoff,
    "speed": speed_of_a_call,
    "replay": speed_of_a_replay,
}


if __name__ == "__main__":
    PARTS[sys.argv[1] if len(sys.argv) > 1 else "all"]()
