"""The latencies of a handoff: definitions, and that the parts make up the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.sim.metrics.latencies import ADDITIVE, METRIC_VERSION, Latencies, latencies_of

NAMES = [f"H{number}" for number in range(12)]
WHOLE = {name: number * number * 10_000_000 for number, name in enumerate(NAMES)}
USED = {"H0", "H2", "H3", "H4", "H6", "H8", "H9", "H11"}
"""The stages between which the additive latencies lie."""

times = st.integers(0, 10**13)
some_stages = st.dictionaries(st.sampled_from(NAMES), times)
all_stages = st.fixed_dictionaries(dict.fromkeys(NAMES, times))


def test_each_latency_is_the_difference_that_defines_it() -> None:
    # H(n) is at 10 n^2 milliseconds, so every difference is another.
    assert latencies_of(WHOLE).as_dict() == {
        "ear_ms": 1210,
        "gap_ms": 1210 - 250,
        "decide_ms": 40,
        "legality_ms": 50,
        "commit_ms": 70,
        "teardown_ms": 200,
        "reconnect_ms": 280,
        "rehydrate_ms": 170,
        "first_voice_ms": 400,
        "split_brain_ms": 480,
        "unattributed_ms": 0,
    }


@given(some_stages)
def test_the_stages_and_what_is_unattributed_make_up_what_the_ear_hears(stages: dict[str, int]) -> None:
    found = latencies_of(stages)
    if found.ear_ms is None:
        assert found.unattributed_ms is None
    else:
        assert found.unattributed_ms is not None
        parts = [value for value in found.stages.values() if value is not None]
        assert sum(parts) + found.unattributed_ms == pytest.approx(found.ear_ms, abs=2e-3)


@given(all_stages)
def test_when_no_stage_is_missing_nothing_is_unattributed(stages: dict[str, int]) -> None:
    # In whatever order the stages happened: a negative part is shown, not hidden in the rest.
    assert latencies_of(stages).unattributed_ms == pytest.approx(0, abs=2e-3)


@given(st.lists(st.integers(0, 10**11), min_size=12, max_size=12))
def test_stages_in_order_leave_exactly_nothing_over(gaps: list[int]) -> None:
    at, stages = 0, {}
    for name, gap in zip(NAMES, gaps, strict=True):
        at += gap
        stages[name] = at
    found = latencies_of(stages)
    assert found.unattributed_ms == 0
    assert all(value is not None and value >= 0 for value in found.as_dict().values())


@pytest.mark.parametrize(
    ("missing", "lost"),
    [
        ("H0", {"ear_ms", "decide_ms", "unattributed_ms"}),
        ("H1", set()),
        ("H2", {"decide_ms", "legality_ms"}),
        ("H3", {"legality_ms", "commit_ms"}),
        ("H4", {"commit_ms", "teardown_ms", "split_brain_ms"}),
        ("H5", set()),
        ("H6", {"teardown_ms"}),
        ("H7", set()),
        ("H8", {"reconnect_ms", "rehydrate_ms", "split_brain_ms"}),
        ("H9", {"rehydrate_ms", "first_voice_ms"}),
        ("H10", set()),
        ("H11", {"ear_ms", "gap_ms", "first_voice_ms", "unattributed_ms"}),
    ],
)
def test_a_latency_whose_stage_is_missing_is_missing_and_never_zero(missing: str, lost: set[str]) -> None:
    found = latencies_of({name: at for name, at in WHOLE.items() if name != missing}).as_dict()
    assert {name for name, value in found.items() if value is None} == lost


@pytest.mark.parametrize("missing", sorted(USED - {"H0", "H6", "H11"}))
def test_the_time_around_a_missing_stage_is_unattributed(missing: str) -> None:
    whole = latencies_of(WHOLE)
    found = latencies_of({name: at for name, at in WHOLE.items() if name != missing})
    gone = [name for name in ADDITIVE if getattr(found, name) is None]
    assert len(gone) == 2
    assert found.unattributed_ms == pytest.approx(sum(getattr(whole, name) for name in gone))


@given(some_stages)
def test_no_latency_is_made_up(stages: dict[str, int]) -> None:
    found = latencies_of(stages)
    if not {"H0", "H11"} <= stages.keys():
        assert found.ear_ms is found.unattributed_ms is None
    known = sum(value is not None for value in found.stages.values())
    assert known <= max(0, len(USED & stages.keys()) - 1)


@pytest.mark.parametrize("old_closed", [None, "H9"])
def test_closing_the_old_connection_costs_nothing_unless_the_new_one_waits_for_it(old_closed: str | None) -> None:
    stages = {name: at for name, at in WHOLE.items() if name != "H6"}
    if old_closed is not None:
        stages["H6"] = stages[old_closed]
    found = latencies_of(stages)
    assert found.teardown_ms is None
    assert found.reconnect_ms == (WHOLE["H8"] - WHOLE["H4"]) / 1e6
    assert found.unattributed_ms == 0


def test_nothing_is_known_of_no_stages() -> None:
    assert latencies_of({}) == Latencies()
    assert set(Latencies().as_dict().values()) == {None}


@pytest.mark.parametrize(
    ("stages", "gap"),
    [
        ({"H0": 1, "H5": 3, "H11": 10}, 7),
        ({"H0": 3, "H5": 1, "H11": 10}, 7),
        ({"H0": 3, "H11": 10}, 7),
        ({"H5": 3, "H11": 10}, 7),
        ({"H0": 1, "H5": 10, "H11": 10}, 0),
        ({"H11": 10}, None),
        ({"H0": 1, "H5": 3}, None),
    ],
)
def test_the_gap_begins_when_the_last_of_caller_and_old_agent_is_silent(
    stages: dict[str, int], gap: int | None
) -> None:
    assert latencies_of({name: at * 1_000_000 for name, at in stages.items()}).gap_ms == gap


@given(times, times)
def test_split_brain_has_no_sign(state: int, wire: int) -> None:
    assert latencies_of({"H4": state, "H8": wire}).split_brain_ms == abs(state - wire) / 1e6


def test_the_version_of_the_definitions_is_stated() -> None:
    assert METRIC_VERSION == "2"
