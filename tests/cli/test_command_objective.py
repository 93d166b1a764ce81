"""What a command prints is read as an outcome. `test_run.py` runs commands."""

import numpy as np
import pytest

from bohb.cli.command_objective import read_output


@pytest.mark.parametrize(
    ("out", "loss"),
    [("0.5", 0.5), ("a\n\n -1e-3 \n\n", -1e-3), ('x\n{"loss": 2}\n', 2.0), ("3\n4", 4.0), ("é\n5", 5.0)],
)
def test_the_last_line_is_the_loss(out, loss):
    assert read_output(out, "").loss == loss


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int64, np.uint8])
@pytest.mark.parametrize("value", [0, 3, 200])
def test_a_number_may_be_in_numpys_words(kind, value):
    text = f"np.{kind.__name__}({kind(value)})"
    assert read_output(text, "").loss == value
    assert read_output(f"acc={text}, 3", "", metric="acc").loss == value


AMBIGUOUS = [
    "np.float64(1_000)",
    "np.bool_(1)",
    "np.float64(1) 2",
    "float(1)",
    "1_000",
    "٣",
    "0.٣",
    "true",
    '{"loss": true}',
    '{"loss": 1, "loss": 2}',
    '{"loss": "1"}',
]


@pytest.mark.parametrize("out", AMBIGUOUS)
def test_a_loss_that_somebody_else_would_read_differently_is_a_failure(out):
    """Or would not read at all: the training is not judged by a number that nobody meant."""
    assert "expected the loss" in read_output(out, "").error


@pytest.mark.parametrize("out", ["", "\n", "loss 3", "1,5", "{", "{}", '{"loss": "x"}', "[1]", '{"loss":' * 5000])
def test_other_output_is_a_failure(out):
    outcome = read_output(out, "the end of stderr")
    assert "last line of stdout" in outcome.error
    assert outcome.info["stderr"] == "the end of stderr"
