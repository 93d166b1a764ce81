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


@pytest.mark.parametrize("more", ["", ", device='cuda:0'", ", dtype=torch.float64", ", grad_fn=<NllLossBackward0>"])
def test_a_number_may_be_in_torchs_words(more):
    text = f"tensor(0.2500{more})"
    assert read_output(text, "").loss == 0.25
    assert read_output(f"epoch 3: acc={text}, lr=3", "", metric="acc").loss == 0.25


PRINTED = [
    "Epoch 3: 100%|###| 5/5 [00:01<00:00, v_num=0, acc={}]",
    "epoch 3 (acc={})",
    "The best has acc={}.",
    '"acc={}"',
    "{{'lr': 3, acc={}}}",
    "acc={}|lr=3",
    "\x1b[1macc={}\x1b[0m",
    "\x1b[2K\racc = \x1b[32m{}\x1b[0m, lr=3",
]


@pytest.mark.parametrize("value", ["0.93", "1.", "-3e-05", "7", "np.float32(0.5)", "tensor(0.5)"])
@pytest.mark.parametrize("line", PRINTED)
def test_a_metric_is_found_in_what_trainers_print_for_people(line, value):
    number = value.partition("(")[2].rstrip(")") or value
    assert read_output(line.format(value), "", metric="acc").loss == float(number)


@pytest.mark.parametrize("prefix", ["val_", "val-", "val.", "val/", "train/val/"])
def test_a_metric_is_not_another_one_whose_name_ends_alike(prefix):
    """Trackers name metrics `train/acc` and `val/acc`."""
    assert read_output(f"acc=0.5\n{prefix}acc=0.9", "", metric="acc").loss == 0.5
    assert "no line has acc=" in read_output(f"{prefix}acc=0.9", "", metric="acc").error
    assert read_output(f"acc=0.5 {prefix}acc=0.9", "", metric=f"{prefix}acc").loss == 0.9


@pytest.mark.parametrize("value", ["93%", "0.9/1", "0.9s", "=0.9", "(0.9)", "None", "1_0", "float(0.9)", "[0.9"])
def test_a_metric_that_somebody_else_would_read_differently_is_a_failure(value):
    assert "expected a line acc=0.93" in read_output(f"acc={value}", "", metric="acc").error


def test_a_loss_may_be_in_colour():
    assert read_output("\x1b[32m0.5\x1b[0m\n", "").loss == 0.5
    assert read_output('\x1b[1m{"loss": 0.5}\x1b[0m\n', "").loss == 0.5


AMBIGUOUS = [
    "tensor(0.5) 2",
    "tensor([0.5, 0.6])",
    "tensor(1_000)",
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
