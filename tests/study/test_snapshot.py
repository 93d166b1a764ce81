"""A snapshot is of one moment, and times are those of the store."""

import bohb
from tests.study.common import loss_of, open_new


def test_a_snapshot_is_of_one_moment(target):
    """What other processes add later does not change it, and its parts agree with one another."""
    with open_new(target) as study, open_new(target) as other:
        for _ in range(12):
            study.tell(trial := study.ask(), loss_of(trial))
        study.ask()
        now, state = study.snapshot(), study.to_state()
        other.tell(trial := other.ask(), -1.0)
        assert len(study.results) == 13
    assert now.space.to_json() == state["space"]
    assert now.ladder.to_json() == state["ladder"]
    assert (now.preset, now.seed) == (state["preset"], state["seed"])
    assert len(now.events) == len(state["events"])
    assert now.incumbent in now.results
    assert len(now.results) == 12
    assert [trial_id for trial_id, times in now.times.items() if times.told is None] == [t.id for t in now.pending]
    assert [trial_id for trial_id, times in now.times.items() if times.told is not None] == list(range(12))


def test_times_come_from_the_store(study, clock):
    """The study that asked and told knows them, and so does one that reads the log."""
    start = clock.now
    first, second = study.ask(), study.ask()
    clock.now += 10
    study.tell(second, 0.5)
    clock.now += 10
    study.tell(second, 0.5)
    with bohb.Study.open(study.target) as other:
        assert study.times == other.times == {first.id: (start, None), second.id: (start, start + 10)}
