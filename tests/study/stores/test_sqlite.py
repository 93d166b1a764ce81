"""The SQLite store keeps the contract of a store. Damage, kills and a full disk have tests of their own."""

import pytest

from bohb.testing.stores import StoreContract


class TestSQLite(StoreContract):
    @pytest.fixture
    def target(self, tmp_path):
        return str(tmp_path / "study.db")
