"""How much each parameter matters, alone and with another."""

from typing import Any

from bohb.frames import to_frame
from bohb.importance import Effect, Importance
from bohb.importance import importance as importance_of
from bohb.plots import theme
from bohb.plots.axes import place
from bohb.plots.shown import budget_text

MAX_PAIRS_SHOWN = 10


def importance(search: Any, *, budget: Any = None, within: float = 1.0, pairs: bool = True) -> Any:
    """Return a picture of the importance of the parameters: see `bohb.importance`.

    Args:
        search: An optimizer, a study, a snapshot, a state, a frame, or an `Importance`.
        budget: The budget at which to say so; None is the largest that has a finite loss.
        within: Only differences among this share of the losses count.
        pairs: Whether to show pairs, too: the ten most important.

    Returns:
        A figure of plotly.

    Raises:
        SettingError: If there are too few results, or scikit-learn is not installed.
        BudgetError: If the budget is not on the ladder.
    """
    if isinstance(search, Importance):
        found = search
    else:
        found = importance_of(to_frame(search), budget=budget, within=within, pairs=pairs)
    both = list(found.pairs.items())[:MAX_PAIRS_SHOWN]
    notes = [f"at budget {budget_text(found.budget)}", "a line reaches to one standard deviation over the trees"]
    notes += [
        *theme.said(len(both), len(found.pairs), "pairs"),
        *(note[:1].lower() + note[1:].rstrip(".") for note in found.notes),
    ]
    picture = theme.figure("Importance of the parameters", notes, height=160 + 28 * (len(found.main) + len(both)))
    rows: dict[str, list[tuple[tuple[str, ...], Effect]]] = {
        "alone": [((name,), effect) for name, effect in found.main.items()],
        "together": [*both],
    }
    for (what, effects), colour, pattern in zip(rows.items(), (theme.BLUE, theme.GOLD), ("", "/"), strict=True):
        picture.add_trace(
            theme.load().Bar(
                x=[effect.share for _, effect in effects],
                y=[place(" x ".join(names)) for names, _ in effects],
                error_x={
                    "array": [min(effect.deviation, 1 - effect.share) for _, effect in effects],
                    "arrayminus": [min(effect.deviation, effect.share) for _, effect in effects],
                    "color": theme.TEXT,
                },
                orientation="h",
                name=what,
                marker={"color": colour, "pattern": {"shape": pattern}},
                text=[f"{effect.share:.1%}" for _, effect in effects],
                textposition="none",
                hovertemplate="%{y}: %{text}<extra></extra>",
            )
        )
    names = [names for effects in rows.values() for names, _ in effects]
    ticks = {"tickvals": [place(" x ".join(each)) for each in names]}
    ticks["ticktext"] = [" x ".join(map(theme.label, each)) for each in names]
    picture.update_yaxes(autorange="reversed", type="category", **ticks)
    title = f"share of the variance of the {theme.label(found.told)}"
    return picture.update_xaxes(title_text=title, tickformat=".0%", rangemode="tozero")
