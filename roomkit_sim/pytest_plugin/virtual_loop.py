"""Runs async tests marked ``sim``, and those below ``scenarios/``, in a simulated world; no others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from roomkit_sim.sim.world.world import World

SCENARIOS_FOLDER = "scenarios"
DEFAULT_BUDGET_MS = 3_600_000
_world: pytest.StashKey[World] = pytest.StashKey()
_running: list[World] = []
"""The world of the test that is being set up or run; tests of one process run one after the other."""


@pytest.hookimpl(trylast=True, optionalhook=True)
def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop of one async test. pytest-asyncio asks for every one of them and takes no empty answer."""
    if _is_simulated(item):
        return {"sim": lambda: _running[-1].loop_factory()}
    return {"asyncio": asyncio.new_event_loop}


def _is_simulated(item: pytest.Item) -> bool:
    if item.get_closest_marker("sim") is not None:
        return True
    return item.path.is_relative_to(item.config.rootpath / SCENARIOS_FOLDER)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Make the world of a simulated async test."""
    if not _is_simulated(item) or not asyncio.iscoroutinefunction(getattr(item, "obj", None)):
        return (yield)
    from roomkit_sim.sim.world.world import World

    marker = item.get_closest_marker("sim")
    settings = marker.kwargs if marker is not None else {}
    unknown = [name for name in settings if name not in ("seed", "budget_ms")]
    if unknown or (marker is not None and marker.args):
        raise pytest.UsageError(f"{item.nodeid}: mark sim takes seed= and budget_ms= only")
    budget_ms = int(settings.get("budget_ms", DEFAULT_BUDGET_MS))
    item.stash[_world] = World(seed=int(settings.get("seed", 0)), budget_ns=budget_ms * 1_000_000)
    _running.append(item.stash[_world])
    try:
        return (yield)
    finally:
        _running.pop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Seeded entropy and no real network while a simulated test runs."""
    if _world not in item.stash:
        return (yield)
    world = item.stash[_world]
    with world.installed():
        result = yield
    if world.unhandled:
        pytest.fail("in the background: " + "; ".join(world.unhandled), pytrace=False)
    return result


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    """The simulated world of an async test that is marked ``sim`` or stands below ``scenarios/``."""
    if _world not in request.node.stash:
        pytest.fail("the fixture 'world' is for async tests that are marked @pytest.mark.sim", pytrace=False)
    simulated: World = request.node.stash[_world]
    return simulated
