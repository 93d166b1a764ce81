"""The examples of plain loops in PyTorch and JAX: real small trainings, resumed and gone on in place."""

from pathlib import Path

import pytest

from tests.integrations.examples import saved_by
from tests.runner.engines import requires

pytestmark = [*requires("trainers", "torch", "jax", "sklearn"), pytest.mark.slow]


@pytest.mark.parametrize("name", ["torch_digits", "jax_digits"])
def test_an_example_saves_in_place_and_by_checkpoints(name: str, tmp_path: Path) -> None:
    assert min(saved_by(name, tmp_path)) > 0
