"""Pictures: every search can be drawn, what is drawn is what was told, and names are text."""

import io
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import bohb
from bohb import plots
from bohb._frame import frame_of
from bohb.errors import SettingError
from bohb.optimizer.tally import tally_of
from bohb.plots import axes, theme
from bohb.plots.shown import best_so_far, shown_of, spent
from tests.strategies import LADDERS, SPACES, loss_of, make

TIMELESS = ["progress", "rungs", "curves", "parallel", "importance", "lineage"]


def searched(space: str = "mixed", ladder: str = "geometric", num: int = 60, **options: Any) -> bohb.Optimizer:
    opt = make("hyperband", space=space, ladder=ladder, **options)
    for _ in range(num):
        try:
            trial = opt.ask()
        except bohb.SpaceExhausted:
            break
        opt.tell(trial, loss_of(trial), checkpoint=f"c{trial.id}")
    return opt


def texts(picture: Any) -> str:
    return json.dumps(json.loads(picture.to_json())["data"])


@pytest.mark.parametrize("name", TIMELESS)
@pytest.mark.parametrize("ladder", sorted(LADDERS))
@pytest.mark.parametrize("space", sorted(SPACES))
def test_every_search_has_every_picture(name: str, space: str, ladder: str) -> None:
    opt = searched(space, ladder)
    if name == "importance" and sum(not result.is_failure for result in opt.results) < 10:
        pytest.skip("too few results for a forest")
    picture = getattr(plots, name)(opt)
    assert len(picture.data) > 0
    assert picture.layout.title.text


@pytest.mark.parametrize("name", ["progress", "rungs", "curves"])
def test_failures_alone_can_be_drawn(name: str) -> None:
    opt = make("hyperband")
    for _ in range(3):
        opt.tell(opt.ask(), bohb.Failure("no memory"))
    points = [value for trace in getattr(plots, name)(opt).data if trace.type == "scatter" for value in trace.y]
    assert not np.isfinite(points).any()


def test_the_picture_of_importance_says_how_few_results_are_of_the_budget() -> None:
    opt = searched(num=80)
    full = sum(result.budget == 27 and not result.is_failure for result in opt.results)
    finite = sum(not result.is_failure for result in opt.results)
    assert f"{full} of the {finite} results are of this budget" in theme.notes_of(plots.importance(opt))


@pytest.mark.parametrize("model", ["forest", "process"])
@pytest.mark.parametrize("names", ["rate", "act", "size", "decay", ["rate", "units"], ["act", "dropout"]])
def test_every_parameter_has_a_response(names: Any, model: str) -> None:
    picture = plots.response(searched(num=80), names, model=model)
    assert len(picture.data) > 1


def test_all_sources_of_a_search_have_the_same_picture() -> None:
    opt = searched()
    expected = plots.progress(opt).to_json()
    assert plots.progress(opt.to_frame()).to_json() == expected
    assert plots.progress(opt.to_state()).to_json() == expected


def test_the_incumbent_of_the_picture_is_that_of_the_search() -> None:
    opt = searched(num=120)
    shown = shown_of(opt)
    assert [shown.frame["trial"][row] for row in best_so_far(shown)] == [one.trial.id for one in opt.trajectory()]


def test_the_budget_spent_is_that_of_the_runner() -> None:
    opt = searched(num=120)
    expected = np.cumsum([bohb.runner.cost(opt, result.trial) for result in opt.results])
    assert spent(shown_of(opt)) == pytest.approx(expected)


def test_what_was_observed_or_reported_is_free() -> None:
    opt = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3, 9], seed=0, preset="hyperband")
    opt.observe({"x": 0.5}, 9, 0.5)
    for _ in range(40):
        trial = opt.ask()
        if trial.budget > 1 and trial.previous is None:
            opt.report(trial, 1, trial.config["x"])
        opt.tell(trial, trial.config["x"])
    assert {"observed", "reported"} < {str(result.trial.origin) for result in opt.results}
    assert spent(shown_of(opt))[-1] == pytest.approx(tally_of(opt).spent)


def test_rungs_count_every_configuration_once_at_each_budget() -> None:
    opt = searched(num=120)
    counts = np.sum([trace.y for trace in plots.rungs(opt).data if trace.type == "bar"], axis=0)
    expected = [sum(result.budget == budget for result in opt.results) for budget in opt.ladder]
    assert list(counts) == expected


def test_budgets_that_agree_have_a_tau_of_one() -> None:
    opt = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, preset="hyperband")
    for _ in range(40):
        trial = opt.ask()
        opt.tell(trial, trial.config["x"] + 1 / trial.budget)
    [tau] = [trace for trace in plots.rungs(opt).data if trace.name == "Kendall's tau"]
    assert list(tau.y) == [1.0]


@pytest.mark.parametrize("num", [0, 1, 5, 12])
def test_what_is_said_below_the_title_has_lines_that_fit_and_room_for_them(num: int) -> None:
    notes = [f"note {number} says <b>something</b>" for number in range(num)]
    at_once, later = theme.figure("Title", notes), theme.figure("Title", notes[:1])
    for note in notes[1:]:
        theme.add_note(later, note)
    assert theme.notes_of(later) == theme.notes_of(at_once) == "; ".join(notes)
    lines = (at_once.layout.title.subtitle.text or "").split("<br>")
    assert "<" not in "".join(lines)
    assert max(map(len, lines)) <= 100 + num * len("&lt;&gt;&lt;&gt;")
    room = theme.figure("Title").layout.margin.t + 16 * (len(lines) - 1)
    assert at_once.layout.margin.t == later.layout.margin.t == room


def test_several_searches_of_one_name_are_one_line_with_a_band() -> None:
    searches = [searched("float", seed=seed, num=100) for seed in range(4)]
    picture = plots.progress(*searches, names=["ours", "ours", "ours", "<b>theirs</b>"])
    assert [trace.name for trace in picture.data if trace.name] == ["ours (3)", "&lt;b&gt;theirs&lt;/b&gt;"]
    assert len(picture.data) == 4


def test_a_timeline_has_no_two_trials_in_one_row_at_once(tmp_path: Any) -> None:
    with bohb.Study.open(tmp_path / "s.db", {"x": (0.0, 1.0)}, [1, 3], seed=0) as study:
        for _ in range(8):
            trials = [study.ask() for _ in range(3)]
            study.release(trials.pop())
            for trial in reversed(trials):
                study.tell(trial, 0.5 if trial.id % 3 else ValueError("<script>"))
        picture = plots.timeline(study)
        bars = [trace for trace in picture.data if trace.type == "bar"]
        spans = sorted(
            (row, begin, begin + length)
            for trace in bars
            for row, begin, length in zip(trace.y, trace.base, trace.x, strict=True)
        )
        assert len(spans) == len(study.results)
        assert all(a[0] < b[0] or a[2] <= b[1] + 1e-9 for a, b in pairwise(spans))
        lost = next(trace for trace in picture.data if trace.name == "lost, asked again")
        assert len(lost.x) > 0
        assert "<script>" not in texts(picture)
        plots.progress(study, x="seconds")


@pytest.mark.parametrize(
    ("seconds", "unit", "size"), [(2, "s", 1), (40, "min", 60), (4000, "h", 3600), (90000, "d", 86400)]
)
def test_long_searches_have_times_in_long_units(seconds: int, unit: str, size: int) -> None:
    opt = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0, preset="random")
    for number in range(10):
        trial = opt.ask()
        opt.tell(trial, trial.config["x"], seconds=seconds, finished_at=1e9 + seconds * (number + 1))
    timeline, progress = plots.timeline(opt), plots.progress(opt, x="seconds")
    assert timeline.layout.xaxis.title.text.endswith(f"({unit})")
    assert progress.layout.xaxis.title.text == f"time ({unit})"
    assert sum(timeline.data[0].x) == pytest.approx(10 * seconds / size)
    assert max(progress.data[0].x) == pytest.approx(10 * seconds / size)


def test_without_times_there_is_no_timeline() -> None:
    with pytest.raises(SettingError, match="times of the trials"):
        plots.timeline(searched())
    with pytest.raises(SettingError, match="times of the trials"):
        plots.progress(searched(), x="seconds")


@pytest.mark.parametrize("name", [*TIMELESS, "response"])
def test_names_of_users_are_text_and_not_markup(name: str) -> None:
    evil = "<b>&"
    opt = bohb.Optimizer({evil: (0.0, 1.0), "b": [evil, "y"]}, [1, 3], seed=0, preset="hyperband")
    for _ in range(30):
        trial = opt.ask()
        opt.tell(trial, trial.config[evil])
    own = {"response": ([evil, "b"],), "lineage": ("b",)}.get(name, ())
    found = json.loads(getattr(plots, name)(opt, *own).to_json())
    for axis in found["data"][0].get("dimensions", []):
        axis.pop("ticktext")  # plotly shows these as they are
    assert "<b>" not in json.dumps(found)
    assert "&lt;b&gt;&amp;" in json.dumps(found) or name in ("rungs", "progress", "curves")


@pytest.mark.parametrize("name", ["parallel", "importance", "response", "lineage"])
def test_long_names_and_values_are_short_at_the_axes_and_whole_under_the_pointer(name: str) -> None:
    """And names that differ in their middle only are still two."""
    one, other = ("x" * 40 + middle + "x" * 40 for middle in "ab")
    values = [f"{'v' * 50}{number}{'v' * 50}" for number in range(3)]
    opt = bohb.Optimizer({one: (0.0, 1.0), other: values}, [1, 3], seed=0, preset="hyperband")
    for _ in range(40):
        trial = opt.ask()
        opt.tell(trial, trial.config[one] + values.index(trial.config[other]))
    picture = getattr(plots, name)(opt, *{"response": ([one, other],), "lineage": (other,)}.get(name, ()))
    layout = json.loads(picture.to_json())["layout"]
    axes = [layout[each] for each in layout if each[1:5] == "axis"]
    axes += [
        axis for trace in picture.data if trace.type == "parcoords" for axis in trace.to_plotly_json()["dimensions"]
    ]
    shown = [text for axis in axes for text in [*axis.get("ticktext", []), axis.get("title", {}).get("text", "")]]
    shown += [axis["label"] for axis in axes if "label" in axis]
    assert " ... " in "".join(shown)
    assert max(map(len, shown)) <= 2 * 25 + len(" x ")
    if name == "importance":
        assert {str(y) for trace in picture.data for y in trace.y} >= {one, other}
    if name in ("response", "lineage"):
        assert any(value in json.dumps(picture.to_plotly_json()["data"], default=list) for value in values)


def test_long_names_leave_room_beside_the_legend() -> None:
    """Of searches and of budgets; two names that differ in their middle only are still two lines."""
    names = ["a" * 60 + middle + "a" * 60 for middle in "xyy"]
    lines = plots.progress(*(searched("float", num=60, seed=seed) for seed in range(3)), names=names).data
    assert max(len(trace.name or "") for trace in lines) <= 45
    assert len([trace for trace in lines if trace.name]) == 2
    budgets = bohb.ladder([{"n" * 70: 1}, {"n" * 70: 3}], costs=[1, 3])
    opt = bohb.Optimizer({"x": (0.0, 1.0)}, budgets, seed=0, preset="hyperband")
    for _ in range(20):
        trial = opt.ask()
        opt.tell(trial, trial.config["x"], seconds=1, finished_at=1e9 + trial.id)
    for name in ("progress", "timeline", "rungs", "curves"):
        picture = getattr(plots, name)(opt)
        ticks = [tick for axis in picture.select_xaxes() for tick in axis.ticktext or ()]
        assert max(map(len, [*(trace.name or "" for trace in picture.data), *ticks])) <= 45


def with_outliers(num: int, outliers: list[float], sign: float = 1.0, start: float = 0.0) -> pd.DataFrame:
    """A search with ordinary losses, and some that diverged."""
    opt = searched("float", num=num)
    results = [replace(one, loss=start + 1 + one.loss) for one in opt.results if not one.is_failure]
    losses = [*outliers, *(one.loss for one in results[len(outliers) :])]
    results = [replace(one, loss=loss) for one, loss in zip(results, losses, strict=True)]
    return frame_of(opt.space, opt.ladder, results, objectives={"y": "maximize"} if sign < 0 else None)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("start", [0.0, -1000.0])
@pytest.mark.parametrize("name", ["progress", "rungs", "curves"])
def test_a_few_trainings_that_diverged_do_not_flatten_all_others(name: str, start: float, sign: float) -> None:
    picture = getattr(plots, name)(with_outliers(60, [1e12, 1e9], sign, start))
    axis = picture.layout.yaxis2 if name == "rungs" else picture.layout.yaxis
    low, high = axis.range
    ordinary = getattr(plots, name)(with_outliers(60, [], sign, start))
    inside = [y for trace in ordinary.data if trace.type == "scatter" and trace.yaxis != "y3" for y in trace.y]
    finite = np.array([y for y in inside if np.isfinite(y)])
    assert axis.type != "log"
    assert low <= finite.min() <= finite.max() <= high
    assert high - low < 1.2 * (finite.max() - finite.min())
    assert "2 results are far worse" in theme.notes_of(picture)
    assert "far worse" not in theme.notes_of(ordinary)


@given(st.lists(st.floats(-1e308, 1e308), min_size=1, max_size=40), st.sampled_from([1.0, -1.0]))
def test_the_best_and_nine_of_ten_values_are_always_on_the_axis(values: list[float], sign: float) -> None:
    told = sign * np.array(values)
    is_near = axes.near(told, sign)
    assert is_near.sum() >= 0.9 * len(values)
    assert (sign * told[is_near]).max() <= (sign * told[~is_near]).min(initial=np.inf)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=9))
def test_what_is_drawn_has_differences_that_are_normal_numbers(values: list[float]) -> None:
    drawn = axes.drawable(np.array(values, dtype=float))
    assert np.array_equal(np.isfinite(drawn), np.isfinite(values))
    finite = drawn[np.isfinite(drawn)]
    assert np.isfinite(finite[:, None] - finite).all()
    assert ((finite == 0) | (np.abs(finite) >= 1e-300)).all()
    assert (np.diff(finite[np.argsort(np.array(values)[np.isfinite(values)], kind="stable")]) >= 0).all()


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12))
def test_ticks_are_few_round_and_cover_the_values(low: float, span: float) -> None:
    ticks = axes.linear_ticks(low, low + span)
    assume(low + span > low and len(ticks) > 1)
    rounding = 1e-9 * (abs(low) + span)  # far below what a picture shows
    assert ticks[0] <= low + rounding
    assert ticks[-1] >= low + span - rounding
    assert len(ticks) <= 12
    assert (np.diff(ticks) > 0).all()


def test_of_many_parameters_the_most_important_ones_have_an_axis() -> None:
    space = {f"x{number}": (0.0, 1.0) for number in range(30)}
    opt = bohb.Optimizer(space, [1], seed=0, preset="random")
    for _ in range(60):
        trial = opt.ask()
        opt.tell(trial, 5 * trial.config["x7"] + trial.config["x21"])
    picture = plots.parallel(opt)
    names = [axis.label for axis in picture.data[0].dimensions]
    assert len(names) == 13
    assert {"x7", "x21", "loss"} <= set(names)
    assert "12 of 30 parameters" in theme.notes_of(picture)
    chosen = plots.parallel(opt, parameters=["x9", "x1"]).data[0].dimensions
    assert [axis.label for axis in chosen] == ["x9", "x1", "loss"]
    for wrong in (["x"], [], ["x1", "x1"]):
        with pytest.raises(SettingError, match="each once"):
            plots.parallel(opt, parameters=wrong)


def test_the_axes_of_parallel_coordinates_have_round_ticks_where_the_values_are() -> None:
    opt = bohb.Optimizer({"lr": (1e-5, 1e-1, "log"), "units": (16, 512, "log")}, [1], seed=0, preset="random")
    for _ in range(20):
        trial = opt.ask()
        opt.tell(trial, trial.config["lr"])
    rate, units, _ = plots.parallel(opt).data[0].dimensions
    assert list(rate.ticktext) == ["1e-05", "0.0001", "0.001", "0.01", "0.1"]
    assert list(rate.tickvals) == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert list(units.ticktext) == ["16", "20", "50", "100", "200", "512"]
    parameter = opt.space.parameters["units"]
    assert list(units.tickvals) == [parameter.encode(int(text)) for text in units.ticktext]


def test_values_that_are_close_have_ticks_that_differ() -> None:
    opt = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0, preset="random")
    for _ in range(40):
        trial = opt.ask()
        opt.tell(trial, 0.9762 + trial.config["x"] * 1e-6)
    parallel, curves = plots.parallel(opt), plots.curves(opt)
    for texts_shown in (
        parallel.data[0].line.colorbar.ticktext,
        parallel.data[0].dimensions[-1].ticktext,
        [trace.name for trace in curves.data],
    ):
        assert len(set(texts_shown)) == len(texts_shown) > 3


@pytest.mark.parametrize("name", ["progress", "rungs", "curves", "parallel"])
def test_of_many_points_some_are_left_out_and_the_picture_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, limit in (("theme", "MAX_POINTS"), ("_curves", "MAX_LINES"), ("_parallel", "MAX_LINES")):
        part = __import__("sys").modules[f"bohb.plots.{module}"]
        monkeypatch.setattr(part, limit, 20)
    monkeypatch.setattr(theme.thinned, "__defaults__", (20,))
    picture = getattr(plots, name)(searched("float", num=300))
    assert " shown" in theme.notes_of(picture)


@pytest.mark.parametrize("num", [0, 1, 19, 20, 21, 1000])
def test_thinning_keeps_the_order_the_ends_and_the_limit(num: int) -> None:
    rows = theme.thinned(num, 20, keep=[num // 2] if num else [])
    assert len(rows) <= 21
    assert (np.diff(rows) > 0).all()
    assert num == 0 or {0, num // 2, num - 1} <= {*rows.tolist(), num // 2}


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


@pytest.mark.parametrize("background", ["#ffffff", "#1b1d20"])
def test_colours_are_seen_on_light_and_on_dark_pages(background: str) -> None:
    """WCAG 2.1: 3 to 1 for graphics, and nearly 4 to 1 for the texts, which are the same on both."""
    ground = luminance(background)
    assert min(contrast(luminance(colour), ground) for colour in theme.COLOURS) >= 2.9
    assert contrast(luminance(theme.TEXT), ground) >= 3.8


MATRICES = {
    # Viénot, Brettel and Mollon 1999, on linear light: people without the long, or without the middle cones.
    "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


@pytest.mark.parametrize("kind", MATRICES)
def test_neighbouring_colours_are_told_apart_with_any_colour_vision(kind: str) -> None:
    linear = np.array([[(int(c[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)] for c in theme.COLOURS])
    seen = np.clip(linear @ np.array(MATRICES[kind]).T, 0, 1) ** (1 / 2.2) * 255
    distances = [np.linalg.norm(seen[i] - seen[j]) for i in range(5) for j in range(i)]
    assert min(distances) > 20


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(SettingError, match="at least one result"):
        plots.rungs(make())
    with pytest.raises(SettingError, match="expected x to be one of"):
        plots.progress(searched(), x="hours")
    constant = bohb.Optimizer({"x": 1}, [1], seed=0)
    constant.tell(constant.ask(), 0.5)
    with pytest.raises(SettingError, match="a parameter that has more than one value"):
        plots.parallel(constant)
    with pytest.raises(SettingError, match="a name for each"):
        plots.progress(searched(), names=["a", "b"])


def test_pictures_show_what_was_told() -> None:
    """Of a metric to be maximised, the values and the name are those of the user, and the best is the highest."""
    opt = searched("float", num=80)
    results = [replace(result, loss=-result.loss) for result in opt.results if not result.is_failure]
    frame = frame_of(opt.space, opt.ladder, results, objectives={"accuracy": "maximize"})
    for picture in (plots.progress(frame), plots.rungs(frame), plots.curves(frame), plots.response(frame, "x")):
        assert "accuracy" in texts(picture) + picture.to_json()
        assert "loss" not in picture.to_json()
    line = [trace for trace in plots.progress(frame).data if trace.name == "incumbent"]
    assert list(line[0].y) == sorted(line[0].y)
    best = max(-result.loss for result in results if result.budget == 27)
    assert line[0].y[-1] == pytest.approx(best)


@pytest.mark.filterwarnings("ignore:.*without checkpoints:bohb.errors.BohbWarning")
@pytest.mark.parametrize("lacking", [{1, 2, 3, 4}, {3}, set()])
def test_the_line_of_the_incumbent_is_its_lineage(lacking: set[int]) -> None:
    """Also where no checkpoint was told at some of the budgets, so that others do not go on from there."""
    opt = bohb.Optimizer({"x": (0.0, 1.0), "y": ["a", "b"]}, range(1, 6), seed=0, preset="population")
    for _ in range(40):
        trial = opt.ask()
        checkpoint = None if trial.budget in lacking else f"c{trial.id}"
        opt.tell(trial, abs(trial.config["x"] - 0.2 * trial.budget), checkpoint=checkpoint)
    assert opt.incumbent is not None
    line = opt.lineage(opt.incumbent.trial)
    picture = plots.lineage(opt, "x", unit="epochs")
    everything, best = picture.data
    assert list(best.x)[1:-1] == [budget for budget, _ in line]
    assert list(best.y)[1:-1] == [config["x"] for _, config in line]
    assert set(best.y) <= set(everything.y)
    assert plots.lineage(opt, "y").layout.yaxis.type == "category"
    with pytest.raises(SettingError):
        plots.lineage(opt, "z")
    text = opt.to_frame().to_csv(index=False)
    read = plots.lineage(pd.read_csv(io.StringIO(text)), "x", unit="epochs")
    assert [[list(trace.x), list(trace.y)] for trace in read.data] == [
        [list(trace.x), list(trace.y)] for trace in picture.data
    ]


@pytest.mark.parametrize("columns", [[], ["previous"], ["previous", "origin"], ["previous", "origin", "checkpoint"]])
def test_a_frame_of_ones_own_may_say_less_of_trainings(columns: list[str]) -> None:
    told = {"previous": [None, 0], "origin": ["random", "promoted"], "checkpoint": ["c", None]}
    frame = pd.DataFrame(
        {"trial": [0, 1], "config_id": [0, 0], "config.x": [0.5, 0.5], "budget": [1, 2], "loss": [2, 1]}
    )
    _, best = plots.lineage(frame.assign(**{name: told[name] for name in columns}), "x").data
    assert list(best.x)[1:-1] == ([1, 2] if columns else [2])


def test_a_training_of_which_an_earlier_part_is_unknown_begins_where_it_resumed() -> None:
    opt = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 2], seed=0, preset="population")
    for _ in range(16):
        trial = opt.ask()
        opt.tell(trial, trial.config["x"], checkpoint=f"c{trial.id}")
    frame = opt.to_frame()
    cut = frame[frame["budget"] == 2].reset_index(drop=True)
    _, best = plots.lineage(cut, "x").data
    assert best.x[0] == 1


def test_the_parameter_that_the_incumbents_training_changed_is_shown() -> None:
    opt = bohb.Optimizer({"fixed": 1, "x": (0.0, 1.0)}, [1, 2], seed=0, preset="population")
    for _ in range(16):
        trial = opt.ask()
        is_changed = trial.origin is bohb.Origin.EXPLOITED
        opt.tell(trial, trial.config["x"] - is_changed, checkpoint=f"c{trial.id}")
    assert "x" in plots.lineage(opt).layout.title.text
