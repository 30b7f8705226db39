"""The stores of the project keep the contract that third-party stores are held to."""

from __future__ import annotations

import pytest

from roomkit_sim.store.base import ConversationStore
from roomkit_sim.store.memory import InMemoryStore
from roomkit_sim.testing.store_contract import StoreContract


class TestInMemoryStore(StoreContract):
    def make_store(self) -> ConversationStore:
        return InMemoryStore()


def test_the_contract_asks_for_a_store() -> None:
    with pytest.raises(TypeError, match="make_store"):
        StoreContract()  # type: ignore[abstract]
