from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.sim.caller.playout import Playout

LOUD = 4000
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["loud", "quiet", "drop"]), st.integers(0, 600), st.integers(1, 12)), max_size=25
)


@given(ACTIONS)
def test_playout_is_what_a_sample_by_sample_model_plays(actions: list[tuple[str, int, int]]) -> None:
    """Positions advance by any step; sound comes in windows of 5 ms (40 samples at 8 kHz)."""
    playout, model, now = Playout(8000), np.zeros(60_000, np.int16), 0
    end = 0
    for kind, step, windows in actions:
        now += step
        if kind == "drop":
            assert playout.drop_unplayed(now) == max(0, end - now)
            model[now:] = 0
            end = min(end, now)
            continue
        piece = np.full(windows * 40, LOUD if kind == "loud" else 0, np.int16)
        placed, audible = playout.append(piece, now)
        assert placed.start_sample == max(end, now)
        assert len(audible) == (kind == "loud")
        model[placed.start_sample : placed.end_sample] = piece
        end = placed.end_sample
    assert np.array_equal(playout.track(len(model)), model)
    for since in (0, now, now + 300):
        later = np.flatnonzero(model[since:])
        assert playout.next_audible(since) == (since + int(later[0]) if len(later) else None)
    assert playout.quiet_since(now, 200) == quiet_in(model, now, 200)


def quiet_in(model: np.ndarray, now: int, length: int) -> int | None:
    """The first position from ``now`` on with ``length`` quiet samples before it and sound before those."""
    if not model.any():
        return None
    heard_from = int(np.flatnonzero(model)[0])
    for position in range(now + bool(model[now]), len(model)):
        if heard_from < position - length + 1 and not model[max(0, position - length) : position].any():
            return position
    raise AssertionError("the model is too short")
