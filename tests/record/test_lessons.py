"""An ask learns at most one thing that it could do without, and what it learned depends on the record alone."""

from hypothesis import given
from hypothesis import strategies as st

from bohb.facts import Lesson
from bohb.record.lessons import Lessons

NAMES = ("first", "second")

sizes = st.tuples(st.integers(0, 9), st.integers(0, 9))
asks = st.tuples(sizes, st.booleans(), st.booleans())
"""How many results are to be learned from, whether the ask may learn, and whether it comes to anything."""


def ask(lessons, due, may_learn):
    lessons.begin(may_learn=may_learn)
    return {
        name: lessons.learn(name, size, lambda size=size: f"from {size}") for name, size in zip(NAMES, due, strict=True)
    }


@given(st.lists(asks))
def test_an_ask_learns_at_most_one_thing_that_it_could_do_without(history):
    lessons, recorded = Lessons(), {}
    for due, may_learn, is_recorded in history:
        used = ask(lessons, due, may_learn)
        assert all(lesson.value == f"from {lesson.size}" for lesson in used.values())
        stale = {
            name for name, size in zip(NAMES, due, strict=True) if name in recorded and recorded[name].size != size
        }
        missing = set(NAMES) - recorded.keys()
        assert missing <= lessons.new.keys() <= missing | stale
        assert len(lessons.new) <= max(len(missing), 1)
        assert lessons.new.keys() == missing or may_learn
        assert not (may_learn and stale and not lessons.new)
        assert {name: lesson for name, lesson in used.items() if name not in lessons.new}.items() <= recorded.items()
        if is_recorded:
            recorded |= lessons.new
            lessons.keep(lessons.new)


@given(st.lists(asks))
def test_whoever_read_the_record_learns_the_same(history):
    """Advice that came to nothing changes nothing for later asks."""
    lessons, recorded = Lessons(), {}
    for due, may_learn, is_recorded in history:
        used = ask(lessons, due, may_learn)
        reader = Lessons()
        reader.keep(recorded)
        assert (ask(reader, due, may_learn), reader.new) == (used, lessons.new)
        if is_recorded:
            recorded |= lessons.new
            lessons.keep(lessons.new)


def test_nothing_is_computed_twice_for_advice_that_came_to_nothing():
    lessons, computed = Lessons(), []
    for _ in range(2):
        lessons.begin(may_learn=True)
        lesson = lessons.learn("first", 4, lambda: computed.append(4) or "value")
        assert lesson == Lesson(4, "value")
    assert computed == [4]
