"""One thread for linear algebra while a model works.

BLAS libraries start a thread for every core. The matrices of an ask are too small to gain from that, and where other
work keeps the cores busy, the threads wait for one another: an ask then takes up to a hundred times as long.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from bohb.surrogates.lazy_scipy import scipy_part


@contextmanager
def one_blas_thread(*parts: str) -> Iterator[None]:
    """Limit the BLAS libraries that are loaded to one thread, and restore their own limits at the end.

    The limits are those of the process. So while one thread of Python is inside, others leave them alone: each would
    restore what it found, and the last one would find the limit of the first.

    Args:
        parts: The submodules of scipy that the block uses. They are loaded first, so that their library is limited too.
    """
    for part in parts:
        scipy_part(part)
    if not _INSIDE.acquire(blocking=False):
        yield
        return
    try:
        with _libraries(scipy_part.cache_info().currsize).limit(limits=1, user_api="blas"):
            yield
    finally:
        _INSIDE.release()


_INSIDE = Lock()
"""Held by the thread that has set the limits."""


@cache
def _libraries(num_parts: int) -> Any:
    """Find the loaded libraries. That takes a millisecond, and there are new ones only with new parts of scipy."""
    del num_parts
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
