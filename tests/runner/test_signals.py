"""Every signal has a name that a message can show."""

import signal

import pytest

from bohb.runner.signals import name_of
from tests.cli.shell import bohb, lines, make


@pytest.mark.parametrize("number", range(1, signal.SIGRTMAX + 1))
def test_every_signal_has_a_name(number):
    named = number in set(signal.Signals)
    assert name_of(number) == (signal.Signals(number).name if named else f"signal {number}")


def test_a_command_that_a_nameless_signal_ended_is_lost(tmp_path):
    """It says nothing of the configuration, which is asked again."""
    number = signal.SIGRTMIN + 6
    words = ["sh", "-c", f"test -e {tmp_path}/again && echo 1 && exit; touch {tmp_path}/again; kill -{number} $$"]
    done = bohb("run", make(tmp_path, preset="fast"), "--max-trials", 1, "--retries", 1, "--json", "--", *words)
    assert [result["loss"] for result in lines(done.stdout)] == [1]
    assert f"was given back: WorkerLost: the command was ended by signal {number}" in done.stderr
