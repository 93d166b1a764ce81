"""A search whose events lie with the trials of a host: each trial of the host holds those that it caused.

Several processes may work on one study of the host, and none of them is in charge. Each reads what the others did, and
applies it to its own history. The host has no order of events, so an entry has the length of the history in which it
was made. With one process, this order is exact: whoever reads all trials anew has the same history, to the last event.
With several, an event that another one has overtaken is applied outside the brackets, or is left out.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from bohb.errors import ConfigError, SpaceExhausted, StateError
from bohb.optimizer.events import Joined, from_json, to_json
from bohb.optimizer.optimizer import Optimizer
from bohb.trials import Failure, Trial

Entry = tuple[int, str, Mapping[str, Any]]
"""How many events there were before, the kind of the event, and its facts."""


class ScatteredSearch(Optimizer):
    """An optimizer that writes down its events by the number of the host's trial, and reads those of others.

    Attributes:
        key: The name of the search among those of the host.
        settled: The numbers of the host's trials that are over and read.
    """

    def __init__(self, key: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key
        self.settled: set[int] = set()
        self._asked: dict[int, list[int | None]] = {}  # the ids of our trials by the number of the host's
        self._overtaken: dict[int, Mapping[str, Any]] = {}  # what was asked by the number of the host's trial
        self._num_read: dict[int, int] = {}
        self._number_of: dict[int, list[int]] = {}  # the host's trials of a configuration

    # What happens here.

    def start(self, number: int, fixed: Mapping[str, Any]) -> Trial | None:
        """Return our trial for a new one of the host; None if there is nothing for it.

        Args:
            number: The number of the host's trial.
            fixed: The values of parameters that the host's user enqueued.
        """
        with suppress(SpaceExhausted, ConfigError):
            trial = self._ask_enqueued(fixed) if fixed else self.ask()
            self._own(number, trial)
            return trial
        return None

    def _ask_enqueued(self, fixed: Mapping[str, Any]) -> Trial:
        """Ask a given configuration. What was forgotten comes first, and has to wait for another trial."""
        if any(each.config == fixed for each in self._history.record.pending.forgotten):
            config = fixed
        else:
            self.enqueue(fixed)
            config = self._history.configs[self._history.queue[-1].config_id]
        others = []
        while (trial := self.ask()).config != config:
            others.append(trial)
        for other in others:
            self.forget(other)
        return trial

    def reach(self, number: int, value: float) -> Trial | None:
        """Tell the value of the running trial, and return the next one if it goes on in place."""
        following = self.proceed(self._running_id(number), value)
        if following is not None:
            self._own(number, following)
        return following

    def end(self, number: int, outcome: float | Failure, final: float | None) -> None:
        """Tell the last outcome of a trial of the host.

        Args:
            number: The number of the host's trial.
            outcome: The outcome of our running trial.
            final: The value of the whole training, if it is over.
        """
        trial = self.trial(self._running_id(number))
        self.tell(trial, outcome)
        if final is not None and self._history.result(trial.config_id, len(self.ladder) - 1) is None:
            self.observe(trial.config, self.ladder[-1], final)

    def knows(self, number: int) -> bool:
        """Whether anything was asked for a trial of the host, as far as was read."""
        return number in self._asked

    def running(self, number: int) -> Trial | None:
        """Return our running trial of a trial of the host."""
        last = self._last(number)
        return None if last is None or last in self._history.answers else self._history.trials[last]

    def before(self, number: int, config_id: int) -> int | None:
        """Return the number of the host's last earlier trial with the same configuration."""
        return max((known for known in self._number_of.get(config_id, ()) if known < number), default=None)

    def written_since(self, number: int, num_events: int) -> list[Entry]:
        """Return the entries for the trial of the host that caused the events since `num_events`."""
        entries = [self._entry(place, self.events[place]) for place in range(num_events, len(self.events))]
        self._num_read[number] = self._num_read.get(number, 0) + len(entries)
        return entries

    def _entry(self, place: int, event: Any) -> Entry:
        kind, facts = to_json(event, self.space)
        if isinstance(event, Joined):  # ids of configurations differ between processes
            facts = facts | {"config": self.space.pack(self._history.configs[event.config_id])}
        return place, kind, facts

    def _own(self, number: int, trial: Trial) -> None:
        self._asked.setdefault(number, []).append(trial.id)
        self._number_of.setdefault(trial.config_id, []).append(number)

    def _last(self, number: int) -> int | None:
        return self._asked[number][-1] if number in self._asked else None

    def _running_id(self, number: int) -> int:
        trial = self.running(number)
        assert trial is not None
        return trial.id

    # What happened elsewhere, or before.

    def read(self, entries: Mapping[int, Sequence[Entry]]) -> None:
        """Apply the entries of trials that are not applied yet.

        Args:
            entries: All entries of each trial of the host, by its number.
        """
        new = [
            (place, number, kind, facts)
            for number, known in entries.items()
            for place, kind, facts in known[self._num_read.get(number, 0) :]
        ]
        for _, number, kind, facts in sorted(new, key=lambda entry: entry[:2]):
            self._num_read[number] = self._num_read.get(number, 0) + 1
            self._replay(number, kind, facts)

    def lose(self, number: int) -> None:
        """Forget the running trial of a trial of the host that nobody works on any more."""
        trial = self.running(number)
        if trial is not None:
            self.forget(trial)

    def _replay(self, number: int, kind: str, facts: Mapping[str, Any]) -> None:
        if kind == "asked":
            self._asked.setdefault(number, []).append(self._replay_ask(number, facts))
            return
        if kind == "told":
            self._replay_told(number, facts)
            return
        if kind == "joined":
            facts = {**facts, "config_id": self._config_id(facts)}
        self._try(kind, facts)

    def _replay_told(self, number: int, facts: Mapping[str, Any]) -> None:
        if self.running(number) is not None:
            self._try("told", {**facts, "id": self._last(number)})
        elif self._last(number) is None:  # the result counts all the same, if it is the first one there
            self._try("observed", {**facts, **self._overtaken[number]})

    def _replay_ask(self, number: int, facts: Mapping[str, Any]) -> int | None:
        """Apply that a trial was asked, under our own ids; return its id, or None if another one is there already."""
        own_id, config_id = len(self._history.trials), self._config_id(facts)
        why = {name: value for name, value in facts["why"].items() if name != "reissue_of"}
        repeated = self._forgotten(config_id, facts["budget"])
        why |= {} if repeated is None else {"reissue_of": repeated.id}
        ids = {"id": own_id, "config_id": config_id, "previous": self._previous(facts, config_id), "why": why}
        inside = {**facts, **ids}
        if self._try("asked", inside) or self._try("asked", inside | {"bracket": None, "rung": None}):
            self._number_of.setdefault(config_id, []).append(number)
            return own_id
        self._overtaken[number] = {name: facts[name] for name in ("config", "budget")}
        return None

    def _try(self, kind: str, facts: Mapping[str, Any]) -> bool:
        """Apply an event, if it can follow ours."""
        try:
            self.apply(from_json(kind, facts, self.space, self.ladder))
        except StateError:
            return False
        return True

    def _config_id(self, facts: Mapping[str, Any]) -> int:
        known = self._history.configs.find(self.space.encode(self.space.unpack(facts["config"])))
        return len(self._history.configs) if known is None else known

    def _forgotten(self, config_id: int, budget: Any) -> Trial | None:
        forgotten = self._history.record.pending.forgotten
        return next((each for each in forgotten if each.config_id == config_id and each.budget == budget), None)

    def _previous(self, facts: Mapping[str, Any], config_id: int) -> int | None:
        """Return the id of the trial that this one continues, if it has the same id here."""
        previous, trials = facts["previous"], self._history.trials
        is_here = previous is not None and previous < len(trials) and trials[previous].config_id == config_id
        return previous if is_here else None
