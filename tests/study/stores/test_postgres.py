"""The PostgreSQL store keeps the contract of a store, and says what is wrong with a server."""

import pytest

from bohb.errors import StudyUnavailable
from bohb.study.stores.registry import open_log
from bohb.testing.stores import StoreContract


class TestPostgres(StoreContract):
    @pytest.fixture
    def target(self, database):
        return database


def test_a_missing_server_is_named_without_the_password():
    with pytest.raises(StudyUnavailable, match=r"127\.0\.0\.1") as caught:
        open_log("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)
