"""Results from and for other programs: one format a file.

Every function takes a study or an optimizer. What is written comes from one read transaction of the study.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bohb.exchange.deepcave import write_deepcave
    from bohb.exchange.hpbandster import Imported, import_hpbandster, write_hpbandster
    from bohb.exchange.optuna import write_optuna
    from bohb.exchange.optuna_import import import_optuna
    from bohb.exchange.tables import write_csv, write_json

__all__ = [
    "Imported",
    "import_hpbandster",
    "import_optuna",
    "write_csv",
    "write_deepcave",
    "write_hpbandster",
    "write_json",
    "write_optuna",
]

_HOME_OF = {
    "Imported": "bohb.exchange.hpbandster",
    "import_hpbandster": "bohb.exchange.hpbandster",
    "import_optuna": "bohb.exchange.optuna_import",
    "write_csv": "bohb.exchange.tables",
    "write_deepcave": "bohb.exchange.deepcave",
    "write_hpbandster": "bohb.exchange.hpbandster",
    "write_json": "bohb.exchange.tables",
    "write_optuna": "bohb.exchange.optuna",
}


def __getattr__(name: str) -> Any:
    """Load a format on first use: `bohb tell` needs none of them."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bohb.exchange' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)
