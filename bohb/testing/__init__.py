"""Tests that anyone can run on their own parts: subclass a contract in your test suite.

This package needs pytest. `bohb` itself never imports it.
"""

import pytest

pytest.register_assert_rewrite("bohb.testing.executors", "bohb.testing.lost_workers", "bohb.testing.stores")
