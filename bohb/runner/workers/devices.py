"""Share out a machine: which GPUs a worker sees, and how many threads its numeric libraries start.

Environment variables control both; they must be set before the libraries are loaded.
"""

import os
import subprocess
from collections.abc import Sequence

from bohb.errors import SettingError

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def num_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share_threads(workers: int) -> dict[str, str]:
    """Return the variables that give each worker its share of the cores; those that the user set stay as they are."""
    share = str(max(1, num_cores() // workers))
    return {name: share for name in THREAD_VARIABLES if name not in os.environ}


def visible_gpus() -> list[str]:
    """Return the devices in `CUDA_VISIBLE_DEVICES` if it is set, else those that `nvidia-smi` lists."""
    variable = os.environ.get("CUDA_VISIBLE_DEVICES")
    if variable is None:
        return _listed_gpus()
    names = [name.strip() for name in variable.split(",")]
    # CUDA reads the list up to the first entry that is not a device.
    end = next((i for i, name in enumerate(names) if name in ("", "-1", "NoDevFiles")), len(names))
    return names[:end]


def share_gpus(workers: int | None, gpus_per_trial: int, gpus: Sequence[int | str] | None) -> list[str]:
    """Return the value of `CUDA_VISIBLE_DEVICES` for each worker; no device is in two of them.

    Args:
        workers: The number of workers; None for as many as the devices allow.
        gpus_per_trial: The number of devices of each worker, at least 1.
        gpus: The devices, as indices or UUIDs; None for those that CUDA sees now.

    Raises:
        SettingError: If there are too few devices, or one is named twice.
    """
    names = visible_gpus() if gpus is None else [str(gpu).strip() for gpu in gpus]
    if len(set(names)) < len(names) or any(name in ("", "-1") or "," in name for name in names):
        raise SettingError(f"expected different GPUs as indices or UUIDs, got {names}")
    number = len(names) // gpus_per_trial if workers is None else workers
    if number < 1 or number * gpus_per_trial > len(names):
        raise SettingError(
            f"expected {max(number, 1)} x {gpus_per_trial} GPUs, for {max(number, 1)} trials at a time, got "
            f"{len(names)}: {names}; use fewer workers, or name the devices with gpus="
        )
    return [",".join(names[i * gpus_per_trial : (i + 1) * gpus_per_trial]) for i in range(number)]


def _listed_gpus() -> list[str]:
    command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    return listing.stdout.split()
