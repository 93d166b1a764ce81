"""An optimizer of another library, in a process and an environment of its own; knows none of the libraries.

Messages are JSON lines over pipes, see `benchmarks.peers.__main__`. If the child raises an error, dies or stops
answering, this side raises `PeerBroke`, which the suite records as a failure of the peer.
"""

import json
import math
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, Constant, OrdinalHyperparameter

from benchmarks.optimizers.optimizer import Job
from bohb import Ladder

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
TAIL = 4000


class PeerBroke(RuntimeError):
    """A peer raised an error, died or stopped answering. The message has its traceback or the end of its output."""


class Peer:
    """A library in a child process.

    Args:
        command: Starts the child, which reads messages on its standard input.
        space: The parameters and their conditions.
        ladder: The budgets, each `eta` times the one before.
        seed: The seed of all randomness.
        workers: The number of evaluations at the same time.
        total: The budget of the whole search, in full trainings.
        patience: The number of seconds without an answer after which the child counts as hung.

    Raises:
        PeerBroke: If the library cannot take the task.
    """

    def __init__(
        self,
        command: Sequence[str],
        space: ConfigurationSpace,
        ladder: Ladder,
        seed: int,
        workers: int,
        total: float,
        *,
        patience: float = 300.0,
    ) -> None:
        self.seconds = 0.0
        self.version: Mapping[str, str] = {}
        self.space, self.patience = space, patience
        self._budgets = {float(cost): budget for cost, budget in zip(ladder.costs, ladder, strict=True)}
        self._broken: str | None = None
        self._buffer = b""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._child = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, env=_environment()
        )
        task: dict[str, Any] = {"seed": seed, "workers": workers, "total": total, "eta": _eta(ladder)}
        task |= {"description": space.to_serialized_dict(), "budgets": list(self._budgets)}
        answer = self._call(task)
        self.version, self._recommends = answer["versions"], answer.get("recommends", False)

    def ask(self) -> Job | None:
        """Return the next evaluation, or None if the library waits for a result.

        Raises:
            PeerBroke: If the library breaks.
        """
        job = self._call({"do": "ask"})["job"]
        if job is None:
            return None
        key, config, budget = job
        return Job(key, self._decode(config), self._budgets[budget])

    def tell(self, job: Job, loss: float) -> None:
        """Report a loss; NaN means that the training failed.

        Raises:
            PeerBroke: If the library breaks.
        """
        self._call({"do": "tell", "key": job.key, "loss": loss if math.isfinite(loss) else None})

    def lose(self, job: Job) -> None:
        """Report a lost worker.

        Raises:
            PeerBroke: If the library breaks.
        """
        self._call({"do": "lose", "key": job.key})

    def recommend(self) -> Mapping[str, Any] | None:
        """Return the configuration that the library recommends, or None if it recommends none of its own.

        Raises:
            PeerBroke: If the library breaks.
        """
        if not self._recommends:
            return None
        seconds = self.seconds
        config = self._call({"do": "recommend"})["config"]
        self.seconds = seconds  # nobody waits for it during a search
        return None if config is None else self._decode(config)

    def close(self) -> None:
        """End the child."""
        self._broken = self._broken or "it was closed"
        if self._child.stdin and not self._child.stdin.closed:
            self._child.stdin.close()
        try:
            self._child.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout:
            self._child.stdout.close()
        self._stderr.close()

    def _decode(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values in their own units, and choices as the objects of the space."""
        return {name: _value(self.space[name], number) for name, number in config.items()}

    def _call(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message and returns the answer."""
        if self._broken is not None:
            raise PeerBroke(self._broken)
        try:
            answer = self._exchange(message)
        except (OSError, EOFError, ValueError) as error:
            raise self._break(f"{error}\n{self._tail()}") from error
        if "error" in answer:
            raise self._break(answer["error"])
        self.seconds += answer.get("seconds", 0.0)
        return answer

    def _exchange(self, message: Mapping[str, Any]) -> dict[str, Any]:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(message, allow_nan=False).encode() + b"\n")
        self._child.stdin.flush()
        answer: dict[str, Any] = json.loads(self._read_line())
        return answer

    def _read_line(self) -> bytes:
        """Return the next line of the child.

        Raises:
            EOFError: If the child ended.
            TimeoutError: If it does not answer for too long.
        """
        assert self._child.stdout is not None
        deadline = time.monotonic() + self.patience
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._child.stdout], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise TimeoutError(f"no answer for {self.patience:g} s")
            read = os.read(self._child.stdout.fileno(), 1 << 16)
            if not read:
                raise EOFError(f"the process ended with status {self._child.wait(timeout=10)}")
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _break(self, reason: str) -> PeerBroke:
        """End the child for good. Every later call raises the reason."""
        reason = self._broken = reason.strip()
        self._child.kill()
        self.close()
        return PeerBroke(reason)

    def _tail(self) -> str:
        """Return the end of what the child printed."""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(size - TAIL, 0))
        return self._stderr.read().decode(errors="replace")


def _value(parameter: Any, number: float) -> Any:
    """Return the value that `benchmarks.peers.task.encode` turned into this number."""
    if isinstance(parameter, CategoricalHyperparameter):
        return parameter.choices[int(number)]
    if isinstance(parameter, OrdinalHyperparameter):
        return parameter.sequence[int(number)]
    if isinstance(parameter, Constant):
        return parameter.value
    return number


def _eta(ladder: Ladder) -> float:
    """Return the factor between neighbouring budgets."""
    return float(ladder.eta) if ladder.eta is not None else ladder.costs[1] / ladder.costs[0]


def _environment() -> dict[str, str]:
    """Return the environment: one thread for linear algebra, no warnings, a fixed hash seed, none of our paths."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    return kept | dict.fromkeys(THREADS, "1") | {"PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"}
