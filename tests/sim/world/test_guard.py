"""A simulation never touches the real network."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from roomkit_sim.errors import DeadlockError, RealNetworkError
from roomkit_sim.sim.world.guard import no_real_network
from roomkit_sim.sim.world.world import World

NOWHERE = ("127.0.0.1", 9)


def connect_for_real() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.connect(NOWHERE)


def look_up_for_real() -> None:
    socket.getaddrinfo("localhost", 80)


def send_for_real() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", NOWHERE)


def listen_for_real() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))


@pytest.mark.parametrize("touch", [connect_for_real, look_up_for_real, send_for_real, listen_for_real])
def test_a_real_socket_is_refused_at_the_place_itself(touch: object) -> None:
    reached: list[bool] = []

    async def main() -> None:
        touch()  # type: ignore[operator]
        reached.append(True)

    with pytest.raises(RealNetworkError, match=r"touched the real network: socket\.\w+\("):
        World(seed=0).run(main)
    assert reached == []


def test_the_message_names_the_target_and_the_line_of_the_application() -> None:
    async def main() -> None:
        connect_for_real()

    with pytest.raises(RealNetworkError, match=r"'127\.0\.0\.1', 9.*test_guard\.py:\d+ in connect_for_real\(\)"):
        World(seed=0).run(main)


def test_an_application_that_swallows_the_error_is_found_out_at_the_end() -> None:
    went_on: list[bool] = []

    async def main() -> None:
        try:
            connect_for_real()
        except Exception:
            went_on.append(True)

    with pytest.raises(RealNetworkError, match="connect_for_real"):
        World(seed=0).run(main)
    assert went_on == [True]


def test_a_real_socket_is_named_as_the_cause_also_when_the_run_hangs_because_of_it() -> None:
    async def main() -> None:
        try:
            connect_for_real()
        except Exception:
            await asyncio.get_running_loop().create_future()

    with pytest.raises(RealNetworkError, match="connect_for_real") as caught:
        World(seed=0).run(main)
    assert isinstance(caught.value.__cause__, DeadlockError)


def test_threads_that_were_there_before_and_later_code_may_use_the_network() -> None:
    refused: list[BaseException] = []
    go, done = threading.Event(), threading.Event()

    def elsewhere() -> None:
        go.wait()
        try:
            listen_for_real()
        except BaseException as error:
            refused.append(error)
        done.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    with no_real_network():
        go.set()
        done.wait()
    thread.join()
    listen_for_real()
    assert refused == []


def test_a_thread_that_the_simulation_starts_is_refused_the_network() -> None:
    refused: list[BaseException] = []

    def elsewhere() -> None:
        try:
            listen_for_real()
        except RealNetworkError as error:
            refused.append(error)

    def run() -> None:
        with no_real_network():
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()

    with pytest.raises(RealNetworkError):
        run()
    assert len(refused) == 1


def test_a_guard_within_a_guard_does_not_forget_what_the_outer_one_saw() -> None:
    def run() -> None:
        with no_real_network():
            with pytest.raises(RealNetworkError):
                listen_for_real()
            with no_real_network():
                pass

    with pytest.raises(RealNetworkError, match="listen_for_real"):
        run()


def test_the_next_run_does_not_inherit_what_an_earlier_one_touched() -> None:
    async def touch() -> None:
        connect_for_real()

    async def nothing() -> str:
        return "clean"

    with pytest.raises(RealNetworkError):
        World(seed=0).run(touch)
    assert World(seed=0).run(nothing) == "clean"


def test_sockets_that_are_made_but_not_used_are_allowed() -> None:
    async def main() -> None:
        socket.socket().close()

    assert World(seed=0).run(main) is None
