"""What a command prints is read as an outcome. `test_run.py` runs commands."""

import pytest

from bohb.cli.command_objective import read_output


@pytest.mark.parametrize(
    ("out", "loss"),
    [("0.5", 0.5), ("a\n\n -1e-3 \n\n", -1e-3), ('x\n{"loss": 2}\n', 2.0), ("3\n4", 4.0), ("é\n5", 5.0)],
)
def test_the_last_line_is_the_loss(out, loss):
    assert read_output(out, "").loss == loss


@pytest.mark.parametrize("out", ["", "\n", "loss 3", "1,5", "{", "{}", '{"loss": "x"}', "[1]", '{"loss":' * 5000])
def test_other_output_is_a_failure(out):
    outcome = read_output(out, "the end of stderr")
    assert "last line of stdout" in outcome.error
    assert outcome.info["stderr"] == "the end of stderr"
