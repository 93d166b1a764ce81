"""A search as a frame of pandas: a row a result, with typed columns."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bohb._frame import load_pandas
from bohb._text import brief
from bohb.errors import SettingError
from bohb.optimizer import Optimizer
from bohb.study.snapshot import Snapshot
from bohb.study.study import Study

if TYPE_CHECKING:
    import pandas as pd


def to_frame(search: Any, *, curves: bool = False) -> "pd.DataFrame":
    """Return the results of a search as a frame.

    The columns are `trial`, `config_id`, `config.NAME` for each parameter, `budget`, `loss`, `metric.NAME`, `status`,
    `origin`, `repeat` if there are repetitions, `bracket`, `rung`, `previous`, `checkpoint`, `used` and `cost` if they
    were told, `seconds`, `asked_at`, `finished_at`, `error` and `info.NAME`. A number is a number, a choice a category
    among all choices, an ordered one an ordered category; what is inactive or was not told is missing. The loss of a
    failure is infinite.

    Args:
        search: An optimizer, a study, a snapshot of one, a state as `to_state` returns it, or such a frame.
        curves: Whether each point of a learning curve has a row, instead of each result; `is_result` then marks the
            last point of each, which is the result itself.

    Raises:
        SettingError: If it is none of these, or pandas is not installed.
        StateError: If the state is damaged, or of a search with parts of its own.
    """
    source = Optimizer.from_state(search) if isinstance(search, Mapping) else search
    if isinstance(source, Optimizer | Study | Snapshot):
        return source.to_frame(curves=curves)
    if isinstance(source, load_pandas().DataFrame):
        frame: pd.DataFrame = source
        return frame
    raise SettingError(f"expected an optimizer, a study, a snapshot, a state or a frame, got {brief(search)}")
