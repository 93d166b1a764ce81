"""The benchmark of a shared study: what it measures, and what it makes of the figures."""

import math
from functools import partial

from benchmarks import contention
from benchmarks.contention import Figures, measure_ours, new_file, targets

ALONE = Figures("sqlite", 1, 50.0, 20.0, 1.0, (1.0, 2.0), (0.0, 0.1), 1.0)
MANY = Figures("sqlite", 8, 90.0, 21.0, 1.1, (2.0, 9.0), (1.0, 8.0), 1.0)
OTHER = Figures("Optuna journal", 8, 30.0, 5.0, 1.0, (math.nan, math.nan), (math.nan, math.nan), math.nan)


def test_processes_share_a_study_and_report_what_they_waited_for(tmp_path):
    """Each ask and each tell is one transaction at least."""
    alone, many = measure_ours(partial(new_file, tmp_path), None, 2, 6)
    assert (alone.store, alone.processes) == ("sqlite", 1)
    assert (many.store, many.processes) == ("sqlite", 2)
    assert alone.tries == 1.0
    assert many.tries >= 1.0
    assert all(figures.rate > 0 and figures.cpu > 0 and figures.hold[0] > 0 for figures in (alone, many))
    assert "tries an ask" in str(many)


def test_figures_become_targets():
    """The control is slower than another library."""
    found = {target.name: target for target in targets([ALONE, MANY], [OTHER])}
    assert [target.value for target in found.values()] == [1.8, 2.0, 8.0, 3.0]
    assert all(target.is_met for target in found.values())
    slow = Figures("sqlite", 8, 20.0, 21.0, 1.1, (2.0, 9.0), (1.0, 11.0), 1.0)
    assert [target.is_met for target in targets([ALONE, slow], [OTHER])] == [False, True, False, False]


def test_other_libraries_show_no_lock():
    assert "tries" not in str(OTHER)


def test_without_optuna_nothing_is_compared(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    assert list(contention.measure_optuna(str, None, 2, 1)) == []
    assert "not compared" in capsys.readouterr().out
