"""What travels between the runner and its workers."""

import pickle
import threading

import pytest

import bohb
from bohb.runner.workers.pickling import pack, pack_reply, unpack_reply


class TwoArguments(Exception):
    """Can be pickled, but not unpickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one + two)


def test_a_value_that_cannot_be_pickled_is_refused_with_advice() -> None:
    with pytest.raises(bohb.SettingError, match=r"expected an objective that can be sent .*; create locks"):
        pack(threading.Lock(), "an objective")


def test_a_function_by_value_keeps_its_file_for_tracebacks() -> None:
    function = pickle.loads(pack(lambda: 1, "a function"))
    assert function() == 1
    assert function.__code__.co_filename == __file__


@pytest.mark.parametrize(("kind", "value"), [("result", {"loss": 1}), ("error", "text")])
def test_a_reply_arrives_as_it_was_sent(kind: str, value: object) -> None:
    sent, packed = pack_reply(kind, value, True)
    assert (sent, pickle.loads(packed)) == (kind, (kind, value, True))


@pytest.mark.parametrize(("kind", "value"), [("result", threading.Lock()), ("error", TwoArguments(1, 2))])
def test_a_reply_that_cannot_be_sent_is_an_error_that_says_so(kind: str, value: object) -> None:
    sent, packed = pack_reply(kind, value, False)
    got_kind, error, flag = pickle.loads(packed)
    assert (sent, got_kind, flag) == ("error", "error", False)
    assert str(error).startswith(f"the {kind} of the call cannot be pickled:")


class Unloadable:
    """Can be pickled, and raises where it is unpickled."""

    def __init__(self, error: str) -> None:
        self.error = error

    def __reduce__(self) -> tuple[object, ...]:
        return exec, (f"raise {self.error}('not here')",)


@pytest.mark.parametrize("error", ["ValueError", "EOFError", "OSError", "ImportError"])
def test_a_reply_that_cannot_be_loaded_is_an_error_that_says_so(error: str) -> None:
    """Also if the error looks like that of a pipe: the worker was not lost."""
    kind, packed = pack_reply("result", Unloadable(error), False)
    assert kind == "result"
    kind, value, is_littered = unpack_reply(packed, True)
    assert (kind, is_littered) == ("error", True)
    assert str(value).startswith("the result of the call cannot be unpickled:")
    assert f"{error}: not here" in str(value)
    with bohb.runner.ProcessExecutor(workers=1) as executor:
        with pytest.raises(RuntimeError, match="cannot be unpickled"):
            executor.submit(Unloadable, error).result()
        assert executor.submit(pow, 2, 5).result() == 32
