"""The child loop around a tiny library, whose behaviour its seed chooses."""

import os
import sys
import time
import types
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path.cwd()))

from benchmarks.peers import __main__ as loop
from benchmarks.peers.task import Asked, Task

SOUND, RAISES, DIES, HANGS, STRAYS = range(5)


class Fake:
    """Random search that raises the budget by one level per failure and by two levels per loss."""

    def __init__(self, task: Task) -> None:
        self.task, self.level, self.open, self.num_asks = task, 0, set[int](), 0

    def ask(self) -> Asked | None:
        sys.stdout.write("a library may print what it likes\n")
        if len(self.open) == self.task.workers:
            return None
        self.num_asks += 1
        if self.num_asks == 3:
            self.misbehave()
        self.open.add(self.num_asks)
        values = dict(self.task.space.sample_configuration())
        if self.num_asks == 3 and self.task.seed == STRAYS:
            values["rate"] = 2.0
        return Asked(self.num_asks, values, self.task.budgets[self.level] * (1 + 1e-9))

    def misbehave(self) -> None:
        if self.task.seed == RAISES:
            raise RuntimeError("the library is broken")
        if self.task.seed == DIES:
            sys.stderr.write("last words\n")
            sys.stderr.flush()
            os._exit(7)
        if self.task.seed == HANGS:
            time.sleep(600)

    def recommend(self) -> dict[str, Any] | None:
        return dict(self.task.space.get_default_configuration()) if self.num_asks else None

    def tell(self, key: int, loss: float) -> None:
        self.open.remove(key)
        self.level += loss != loss

    def lose(self, key: int) -> None:
        self.open.remove(key)
        self.level += 2


if __name__ == "__main__":
    module: Any = types.ModuleType("benchmarks.peers.fake")
    module.Fake = Fake
    sys.modules[module.__name__] = module
    loop.LIBRARIES["fake"] = ("fake", "Fake", ("numpy",))
    sys.argv[1:] = ["fake"]
    loop.main()
