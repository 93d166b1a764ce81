"""What models see, made by hand."""

import inspect

import numpy as np
from hypothesis import strategies as st
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from bohb.models import Observations
from bohb.record import Configurations, Record
from bohb.space import Space
from tests.record.bare import bare_result, bare_trial


def told(vectors, tells, *, num_levels=1, pending=()):
    """Observations of `(n, d)` vectors: `tells` are (level, configuration id, loss) in the order in which they came."""
    world = World(vectors, num_levels)
    for tell in tells:
        world.tell(*tell)
    for config_id in pending:
        world.ask(num_levels - 1, config_id)
    return world.observations


class World:
    """A record with its configurations, and the observations that follow from it."""

    def __init__(self, vectors, num_levels=1):
        self.record = Record(range(1, num_levels + 1))
        self.configs = Configurations(vectors.shape[1])
        self.observations = Observations(self.record, self.configs)
        for vector in vectors:
            self.add(vector)

    def add(self, vector):
        """A new configuration."""
        self.configs.add({}, vector)

    def ask(self, level, config_id):
        """An evaluation begins."""
        self.record.pending.ask(level, bare_trial(config_id), in_bracket=True)

    def tell(self, level, config_id, loss):
        """An evaluation ends."""
        self.record.tell(level, bare_result(config_id, loss))


def sampled(space, losses, *, seed=0):
    """Observations at one level: as many random configurations of the space as there are losses."""
    vectors, _ = space.sample(np.random.default_rng(seed), len(losses))
    return told(vectors, [(0, i, loss) for i, loss in enumerate(losses)])


def floats(num):
    """A space of so many floats."""
    return Space({f"x{i}": (0.0, 1.0) for i in range(num)})


def statsmodels_kde(points, kinds, bw="normal_reference"):
    """statsmodels' estimate; from 0.15 on it asks for a generator, although exact fits never draw from it."""
    known = "rng" in inspect.signature(KDEMultivariate).parameters
    with np.errstate(all="ignore"):  # the search for the best bandwidth also tries impossible ones
        return KDEMultivariate(points, kinds, bw=bw, **({"rng": np.random.default_rng(0)} if known else {}))


LOSSES = st.one_of(st.integers(0, 3).map(float), st.floats(-1e6, 1e6), st.just(float("inf")))


@st.composite
def tellings(draw, *, num_levels=3, max_configs=25, min_size=0, losses=LOSSES):
    """(level, configuration id, loss) in any order, each level and configuration at most once."""
    keys = st.tuples(st.integers(0, num_levels - 1), st.integers(0, max_configs - 1))
    where = draw(st.lists(keys, unique=True, min_size=min_size, max_size=60))
    return [(*key, draw(losses)) for key in where]
