"""Named streams of randomness."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.sim.world.seeds import SeedTree

names = st.lists(st.text(max_size=5), min_size=1, max_size=4)


def test_a_stream_is_the_same_for_the_same_seed_and_names() -> None:
    drawn = [SeedTree(7).stream("line.loss", "call").random() for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_drawing_from_one_stream_does_not_move_another() -> None:
    alone, together = SeedTree(7), SeedTree(7)
    busy = together.stream("line.jitter")
    wanted, given_ = alone.stream("line.loss"), together.stream("line.loss")
    for _ in range(100):
        busy.random()
        assert wanted.random() == given_.random()


@given(st.integers(), names, names)
def test_other_names_are_other_streams(seed: int, one: list[str], other: list[str]) -> None:
    tree = SeedTree(seed)
    assert (tree.number(*one) == tree.number(*other)) == (one == other)


def test_names_are_not_run_together() -> None:
    tree = SeedTree(0)
    assert len({tree.number("ab", "c"), tree.number("a", "bc"), tree.number("abc")}) == 3


@given(st.integers(), st.integers(), names)
def test_other_seeds_are_other_streams(one: int, other: int, path: list[str]) -> None:
    assert (SeedTree(one).number(*path) == SeedTree(other).number(*path)) == (one == other)


@pytest.mark.parametrize("size", [0, 1, 4, 16])
def test_a_bytes_source_gives_so_many_bytes_and_goes_on(size: int) -> None:
    source = SeedTree(3).bytes_source("entropy")
    first, second = source(size), source(size)
    assert len(first) == len(second) == size
    assert size < 4 or first != second


def test_a_generator_of_arrays_is_repeatable() -> None:
    first, second = (SeedTree(3).generator("line.noise", "call").integers(0, 1 << 30, 50) for _ in range(2))
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("seed", [0, -1, 10**40, 10**200])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    assert 0 <= SeedTree(seed).stream("x").random() < 1
