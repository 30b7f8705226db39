"""Run with `make bench`."""

from __future__ import annotations

import os
import platform

from benchmarks import call, floor, runtime, shares, startup

SECONDS = 60
ROUNDS = 3


def main() -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; best of {ROUNDS}, alternating\n")
    speed_of_a_call()
    print("\nwhere the time of the call goes (profiled)")
    for name, share in shares.shares(lambda: call.run_call(20)):
        print(f"  {share:6.1%}  {name}")
    print(f"\npeak memory of one {SECONDS} s call with its record: {call.peak_memory_mb(SECONDS):.0f} MB")
    given, without = startup.plugin_ms(9)
    added = f"{given:.0f} ms with the plugin, {without:.0f} ms with -p no:roomkit_sim"
    print(f"\nan unrelated pytest run: {added}: {given - without:+.0f} ms (under 50)")
    print(f"pytest scenarios -n 2: {startup.scenarios_s():.1f} s (under 60)")
    cost_of_the_runtime()


def cost_of_the_runtime() -> None:
    events, handoffs, messages = runtime.run()
    print(f"\nthe runtime alone, CPU time; {events} framework events a handoff; to the fewest rooms (0.8 to 1.2)")
    for rooms, handoff, message in zip(runtime.ROOMS, handoffs, messages, strict=True):
        print(
            f"  {rooms:6} rooms alive: handoff {handoff * 1e6:5.0f} us {handoff / handoffs[0]:5.2f}   "
            f"messages with their answers {1 / message:5.0f} a second {messages[0] / message:5.2f}"
        )


def speed_of_a_call() -> None:
    floor.run(2)
    call.run_call(2)
    floors, calls, wholes = [], [], []
    for _ in range(ROUNDS):
        floors.append(floor.run(SECONDS))
        calls.append(call.run_call(SECONDS))
        wholes.append(call.run_whole(SECONDS))
    bare, alone, whole = (SECONDS / min(walls) for walls in (floors, calls, wholes))
    # One process, one thread, nothing waits: CPU seconds are wall seconds on a core of its own, and bear noise better.
    print(f"{SECONDS} s full-duplex call, 20 ms frames both ways     sim s / CPU s   of the floor")
    for name, speed in (
        ("floor: websockets + json, same loop and frames", bare),
        ("call over google-genai (at least 0.20)", alone),
        ("call, accounting of its sound, checks", whole),
    ):
        print(f"  {name:<46} {speed:14.0f} {speed / bare:14.2f}")


if __name__ == "__main__":
    main()
