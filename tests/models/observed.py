"""Observations for the tests of models."""

import inspect

import numpy as np
from hypothesis import strategies as st
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from bohb.models import Observations
from bohb.record import Configurations, Record
from bohb.space import Space
from tests.record.bare import bare_result, bare_trial


def observed(vectors, tells, *, num_levels=1, pending=()):
    """Return observations of `(n, d)` vectors, after `tells` of (level, configuration id, loss), one after each ask."""
    recorder = Recorder(vectors, num_levels)
    for level, config_id, loss in tells:
        recorder.ask(level, config_id)
        recorder.tell(level, config_id, loss)
    for config_id in pending:
        recorder.ask(num_levels - 1, config_id)
    return recorder.observations


class Recorder:
    """A record with its configurations, and the observations that derive from it."""

    def __init__(self, vectors, num_levels=1):
        self.record = Record(range(1, num_levels + 1))
        self.configs = Configurations(vectors.shape[1])
        self.observations = Observations(self.record, self.configs)
        for vector in vectors:
            self.add(vector)

    def add(self, vector):
        """Add a configuration."""
        self.configs.add({}, vector)

    def ask(self, level, config_id):
        """Record the start of a trial."""
        self.record.ask(level, bare_trial(config_id), in_bracket=True)

    def tell(self, level, config_id, loss):
        """Record the result of a trial."""
        self.record.tell(level, bare_result(config_id, loss))


def sampled(space, losses, *, seed=0):
    """Return observations at one level: one random configuration of the space for each loss."""
    vectors, _ = space.sample(np.random.default_rng(seed), len(losses))
    return observed(vectors, [(0, i, loss) for i, loss in enumerate(losses)])


def floats(num):
    """Return a space of `num` floats."""
    return Space({f"x{i}": (0.0, 1.0) for i in range(num)})


def statsmodels_kde(points, kinds, bw="normal_reference"):
    """Return statsmodels' estimate. From version 0.15 on it requires a generator, although exact fits never use it."""
    known = "rng" in inspect.signature(KDEMultivariate).parameters
    with np.errstate(all="ignore"):  # the search for the best bandwidth also tries invalid ones
        return KDEMultivariate(points, kinds, bw=bw, **({"rng": np.random.default_rng(0)} if known else {}))


LOSSES = st.one_of(st.integers(0, 3).map(float), st.floats(-1e6, 1e6), st.just(float("inf")))


@st.composite
def tell_lists(draw, *, num_levels=3, max_configs=25, min_size=0, losses=LOSSES):
    """Draw (level, configuration id, loss) in any order, each pair of level and configuration at most once."""
    keys = st.tuples(st.integers(0, num_levels - 1), st.integers(0, max_configs - 1))
    where = draw(st.lists(keys, unique=True, min_size=min_size, max_size=60))
    return [(*key, draw(losses)) for key in where]
