"""Milliseconds on the client's side are no difference where a call was recorded in real time; all else is."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.sim.cassette.tolerance import with_tolerance


def truncate(played_ms: Any, **others: Any) -> dict[str, Any]:
    return {"type": "conversation.item.truncate", "itemId": "item_1", "audioEndMs": played_ms, **others}


def resume(handle: str) -> dict[str, Any]:
    return {"setup": {"model": "m", "sessionResumption": {"handle": handle}}}


@pytest.mark.parametrize(
    ("recorded", "actual"),
    [
        (truncate(894), truncate(896)),
        (truncate(894), truncate(644)),
        (resume("<handle-2>"), resume("<handle-1>")),
        (resume("<handle-2>"), resume("<handle-3>")),
    ],
)
def test_chance_is_no_difference(recorded: Any, actual: Any) -> None:
    assert with_tolerance(recorded, actual) == recorded


@pytest.mark.parametrize(
    ("recorded", "actual"),
    [
        (truncate(894), truncate(1145)),
        (truncate(894), truncate("896")),
        (truncate(894), truncate(896, itemId="item_2")),
        (truncate(894), {"type": "conversation.item.truncate", "itemId": "item_1"}),
        (resume("<handle-3>"), resume("<handle-1>")),
        (resume("<handle-1>"), resume("another")),
        (resume("<handle-1>"), {"setup": {"model": "m"}}),
        ({"toolResponse": {"audioEndMs": 3}}, {"toolResponse": {"audioEndMs": 4}}),
        ({"handle": "<handle-1>"}, None),
    ],
)
def test_everything_else_is_one(recorded: Any, actual: Any) -> None:
    assert with_tolerance(recorded, actual) != recorded
