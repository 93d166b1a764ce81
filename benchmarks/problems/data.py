"""The folder with published training results, which is not part of this repository."""

import os
from pathlib import Path

VARIABLE = "BOHB_BENCHDATA"


class DataMissing(FileNotFoundError):
    """The folder with the data of the real problems, or a file in it, is missing."""


def find(data: Path | str | None, *parts: str) -> Path:
    """Return the path of a file or folder of the data.

    Args:
        data: The folder; None takes it from the environment.
        parts: The way from there.

    Raises:
        DataMissing: If no folder is given, or the file is not in it.
    """
    given = data if data is not None else os.environ.get(VARIABLE)
    if not given:
        raise DataMissing(
            "expected the folder of the benchmark data, got none; "
            f"set the environment variable {VARIABLE} or pass --data"
        )
    path = Path(given, *parts)
    if not path.exists():
        raise DataMissing(
            f"expected {'/'.join(parts)} in the benchmark data, but {path} does not exist; "
            f"point {VARIABLE} or --data to the folder that holds forests/ and yahpo/"
        )
    return path
