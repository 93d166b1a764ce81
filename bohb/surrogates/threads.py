"""One thread for linear algebra while a model works.

BLAS libraries start a thread for every core. The matrices of an ask are too small to gain from that, and where other
work keeps the cores busy, the threads wait for one another: an ask then takes up to a hundred times as long.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import Any

from bohb.surrogates.lazy_scipy import scipy_part


@contextmanager
def one_blas_thread(*parts: str) -> Iterator[None]:
    """Limit the BLAS libraries that are loaded to one thread, and restore their own limits at the end.

    The limits are those of the process, and only the thread of Python that set them can restore them. So while one is
    inside, others wait: without a limit the last digits of a sum are others, and the same search may ask another trial.

    Args:
        parts: The submodules of scipy that the block uses. They are loaded first, so that their library is limited too.
    """
    for part in parts:
        scipy_part(part)
    with _turn.lock, _libraries(scipy_part.cache_info().currsize).limit(limits=1, user_api="blas"):
        yield


class _Turn:
    """The lock of the thread that is inside. A forked process gets a new one: that thread is not there."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.lock = RLock()


_turn = _Turn()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_turn.renew)


@cache
def _libraries(num_parts: int) -> Any:
    """Find the loaded libraries. That takes a millisecond, and there are new ones only with new parts of scipy."""
    del num_parts
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
