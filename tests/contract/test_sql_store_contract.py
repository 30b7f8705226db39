"""The SQL store keeps the contract of stores on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from roomkit_sim.store.base import ConversationStore
from roomkit_sim.store.sql import SQLStore
from roomkit_sim.testing.postgres import PostgresServer
from roomkit_sim.testing.store_contract import StoreContract


class TestSQLStoreInAFile(StoreContract):
    @pytest.fixture(autouse=True)
    def empty_database(self, tmp_path: Path) -> None:
        self.url = f"sqlite:///{tmp_path}/rooms.db"

    def make_store(self) -> ConversationStore:
        return SQLStore(self.url)


class TestSQLStoreOnPostgreSQL(StoreContract):
    @pytest.fixture(autouse=True)
    def empty_database(self, postgres_server: PostgresServer) -> None:
        self.url = postgres_server.new_database()

    def make_store(self) -> ConversationStore:
        return SQLStore(self.url)
