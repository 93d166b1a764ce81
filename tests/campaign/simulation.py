"""A study under a simulated store, with as many workers as a seed says: one seed, one run, always the same.

The seed draws the preset, the leases, the number of workers, and how often each fault comes. Then it chooses at every
statement who goes on, whose process ends, whose connection breaks, which message arrives, and what the clock shows.
"""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar
from unittest.mock import patch

import bohb
from bohb.cli.verify import differences
from bohb.errors import StudyBusy, StudyUnavailable
from bohb.study import quick_tell
from bohb.study.snapshot import Snapshot
from bohb.study.stores import registry
from tests.campaign.ledger import Broken, Ledger
from tests.campaign.simulated_store import Message, Server, SimulatedStore
from tests.campaign.stage import Actor, Killed, Stage

T = TypeVar("T")

TARGET = "simulated://study"
SPACE = {"x": (-1.0, 1.0), "act": ["relu", "tanh"]}
BUDGETS = (1, 3, 9)
PRESETS = ("random", "hyperband", "asha", "fast")
FAULTS = ("kill", "interrupt", "disconnect", "give up", "drop", "deliver twice", "restart", "clock")
PATIENCE = 20_000
"""So many turns are enough for everybody to finish when the faults have ended."""


class Interrupted(BaseException):
    """What Ctrl-C raises, in a process that goes on."""


class World:
    """One run.

    Args:
        seed: What happens.
        make_server: A server, or a broken one.
    """

    def __init__(self, seed: int, make_server: Callable[[], Server] = Server) -> None:
        self.rng = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.stage, self.server = Stage(), make_server()
        self.preset = self.rng.choice(PRESETS)
        self.ledger = Ledger(lease=self.rng.choice([20.0, 100.0, 1000.0]))
        self.num_workers = self.rng.choice([2, 3, 5, 8, 13])
        self.num_turns = self.rng.choice([200, 500, 1500])
        self.rates = {fault: self.rng.choice([0, 0.001, 0.01, 0.03]) for fault in FAULTS}
        self.slowness = self.rng.choice([0.2, 0.5, 0.9])
        self.studies: dict[Actor, bohb.Study] = {}
        self.is_over = False
        self._num_losses = 0

    def run(self) -> Counter[str]:
        """Run, check all promises, and return how often each thing happened.

        Raises:
            Broken: If a promise was broken.
        """
        store = SimulatedStore(self.server, self.stage)
        # The seats of real processes would let the threads wait for each other behind the back of the stage.
        with patch.dict(registry._stores, simulated=store), patch("bohb.study.study.seat", _free_seat):
            try:
                for _ in range(self.num_workers):
                    self._hire()
                for _ in range(self.num_turns):
                    self._turn()
                self._let_finish()
                self._check()
            finally:
                self.stage.clear()
        self.counts.update(f"rows: {row.kind}" for row in self.server.rows)
        return self.counts

    # The director.

    def _hire(self) -> None:
        name = f"worker {self.counts['workers']}"
        self.counts["workers"] += 1
        seed = self.rng.getrandbits(32)
        actor = self.stage.enter(name, lambda: Worker(self, actor, random.Random(seed)).work())

    def _turn(self) -> None:
        """Let one thing happen."""
        self.server.now += self.rng.expovariate(1.0)
        fault = next((name for name in FAULTS if self.rng.random() < self.rates[name]), None)
        if fault is None or not self._do(fault):
            self._go_on()

    def _do(self, fault: str) -> bool:
        """Make a fault happen; return whether there was occasion for it."""
        actor = self.rng.choice(self.stage.actors)
        mail = [message for message in self.server.mail if message.is_commit]
        if fault == "kill":
            self._resume(actor, Killed())
            self.studies.pop(actor, None)
            self._hire()
        elif fault == "interrupt":
            self._resume(actor, Interrupted())
        elif fault == "disconnect":
            self._resume(actor, StudyUnavailable("the connection is lost"))
        elif fault == "give up" and not actor.until():
            self._resume(actor, StudyBusy("the lock is taken"))
        elif fault == "drop" and mail:
            self.server.drop(self.rng.choice(mail))
        elif fault == "deliver twice" and mail:
            self.server.read(self.rng.choice(mail), again=True)
        elif fault == "restart":
            self.server.restart()
        elif fault == "clock":
            self.server.now += self.rng.choice([-3, -1, -0.1, 0.1, 1, 3]) * self.ledger.lease
        else:
            return False
        self.counts[fault] += 1
        return True

    def _go_on(self) -> None:
        """Let the server read a message, or one actor run to its next statement."""
        ready: list[Actor] = [actor for actor in self.stage.actors if actor.until()]
        mail = self.server.mail
        if mail and (not ready or self.rng.random() > self.slowness):
            self._read(self.rng.choice(mail))
        elif ready:
            self._resume(self.rng.choice(ready))
        else:
            raise Broken("all wait, and nothing is on its way")

    def _read(self, message: Message) -> None:
        self.counts["messages"] += 1
        self.server.read(message)

    def _resume(self, actor: Actor, doom: BaseException | None = None) -> None:
        self.counts["statements"] += 1
        self.stage.resume(actor, doom)
        if actor.error is not None:
            raise Broken(f"{actor.name} failed with {actor.error!r}") from actor.error

    def _let_finish(self) -> None:
        """End the faults. Everybody has to finish, and the trials of the dead have to be asked again."""
        self.is_over = True
        self._run_out()
        for message in list(self.server.mail):
            self.server.read(message)
        # The clock may have been set back since a lease began, by less than ends it.
        self.server.now = max([self.server.now, *self.server.times]) + 2 * self.ledger.lease
        actor = self.stage.enter("heir", lambda: Worker(self, actor, self.rng).inherit())
        self._run_out()

    def _run_out(self) -> None:
        for _ in range(PATIENCE):
            if not self.stage.actors:
                return
            self._go_on()
        raise Broken(f"{[actor.name for actor in self.stage.actors]} did not finish")

    def next_loss(self) -> float:
        """Return a loss that no other evaluation has."""
        self._num_losses += 1
        return self._num_losses / 1024

    def _check(self) -> None:
        self.ledger.check(self.server.rows, self.server.times)
        with bohb.Study.open(TARGET) as study:
            fresh = study.snapshot()
        for actor, kept in self.studies.items():
            if _facts(kept.snapshot()) != _facts(fresh):
                raise Broken(f"the memory of {actor.name} is not what a replay gives")
        if found := list(differences(fresh)):
            raise Broken(f"an ask comes out differently: {found[0]}")
        if fresh.pending:
            raise Broken(f"trials that nobody is asked: {fresh.pending}")


def _free_seat() -> AbstractContextManager[bool]:
    return nullcontext(True)


def _facts(snapshot: Snapshot) -> tuple[object, ...]:
    return snapshot.events, snapshot.results, snapshot.pending, snapshot.incumbent, snapshot.times


class Worker:
    """A process that works on the study, and writes down what its calls returned."""

    def __init__(self, world: World, actor: Actor, rng: random.Random) -> None:
        self._world, self._actor, self._rng = world, actor, rng
        self._ledger, self._counts = world.ledger, world.counts

    def work(self) -> None:
        """Open the study; ask and tell until the faults are over."""
        study, trial = self._open(), None
        while not self._world.is_over:
            try:
                trial = self._evaluate(study, trial or self._ask(study))
            except Interrupted:
                trial = None

    def inherit(self) -> None:
        """Ask and tell until nothing is pending, when all leases are over."""
        study = self._open()
        for _ in range(len(study.pending) + 3):
            self._tell(study, self._ask(study))

    def _open(self) -> bohb.Study:
        options: dict[str, Any] = {"seed": 0, "preset": self._world.preset, "lease": self._ledger.lease}
        while True:
            try:
                study = self._insist(lambda: bohb.Study.open(TARGET, SPACE, bohb.ladder(BUDGETS), **options))
            except Interrupted:
                continue
            self._world.studies[self._actor] = study
            return study

    def _evaluate(self, study: bohb.Study, trial: bohb.Trial) -> bohb.Trial | None:
        """Evaluate a trial; return the next one, if the study says at once what it is."""
        for _ in range(self._rng.randrange(4)):
            self._insist(self._world.stage.pause)  # here the time passes
            if self._insist(lambda: study.heartbeat(trial)):
                self._ledger.renewed[trial.id] += 1
        if trial.budget > BUDGETS[0] and self._rng.random() < 0.3:
            self._report(study, trial)
        acts = [self._tell, self._proceed, self._tell_again, self._release, self._leave]
        act: Callable[[bohb.Study, bohb.Trial], bohb.Trial | None] = self._rng.choices(acts, [12, 4, 2, 1, 1])[0]
        return act(study, trial)

    def _ask(self, study: bohb.Study) -> bohb.Trial:
        trial = self._insist(study.ask)
        self._ledger.asked.append(trial.id)
        self._counts["asks"] += 1
        return trial

    def _report(self, study: bohb.Study, trial: bohb.Trial) -> None:
        loss = self._world.next_loss()
        self._insist(lambda: study.report(trial, BUDGETS[0], loss))
        self._ledger.reported[trial.id] = loss

    def _tell(self, study: bohb.Study, trial: bohb.Trial) -> None:
        loss = self._world.next_loss()
        if self._rng.random() < 0.2:
            self._insist(lambda: quick_tell.tell(TARGET, trial.id, loss))
        else:
            self._insist(lambda: study.tell(trial, loss))
        self._told(trial, loss)

    def _proceed(self, study: bohb.Study, trial: bohb.Trial) -> bohb.Trial | None:
        loss = self._world.next_loss()
        following = self._insist(lambda: study.proceed(trial, loss))
        self._told(trial, loss)
        if following is not None:
            self._ledger.asked.append(following.id)
        return following

    def _told(self, trial: bohb.Trial, loss: float) -> None:
        self._ledger.told[trial.id] = loss
        self._counts["tells"] += 1

    def _tell_again(self, study: bohb.Study, trial: bohb.Trial) -> None:
        self._tell(study, trial)
        self._insist(lambda: study.tell(trial, self._ledger.told[trial.id]))

    def _release(self, study: bohb.Study, trial: bohb.Trial) -> None:
        self._ledger.given_back.add(trial.id)
        self._insist(lambda: study.release(trial))

    def _leave(self, study: bohb.Study, trial: bohb.Trial) -> None:
        """Forget that the trial was asked, as a worker does that crashes between two calls."""

    def _insist(self, call: Callable[[], T]) -> T:
        """Call until the store answers, as the documentation tells a user to."""
        while True:
            try:
                return call()
            except (StudyBusy, StudyUnavailable):
                self._counts["repeated calls"] += 1
