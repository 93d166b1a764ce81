"""One colour, one line and one marker for each optimizer in every figure.

The colours are those of Okabe and Ito 2008 (Color universal design), which people with any kind of colour vision tell
apart. Lines and markers tell optimizers apart without colour: our presets have solid lines, other libraries broken
ones, and no two known optimizers share a marker.
"""

from dataclasses import dataclass
from typing import Any

_BLACK, _ORANGE, _SKY, _GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
_YELLOW, _BLUE, _VERMILION, _PURPLE, _GREY = "#C8B900", "#0072B2", "#D55E00", "#CC79A7", "#8C8C8C"

_DASHED, _DOTTED, _DASH_DOT = (0, (4, 1.4)), (0, (1.2, 1.2)), (0, (5, 1.4, 1.2, 1.4))


@dataclass(frozen=True, slots=True)
class Style:
    """The style of an optimizer in the figures."""

    color: str
    line: Any = "-"
    width: float = 1.5
    marker: Any = ""

    @property
    def line_settings(self) -> dict[str, Any]:
        """Return what matplotlib's line takes."""
        return {
            "color": self.color,
            "linestyle": self.line,
            "linewidth": self.width,
            "marker": self.marker,
            "markersize": 5,
            "markerfacecolor": "white",
        }


_STYLES = {
    "bohb-default": Style(_VERMILION, width=2.8, marker="o"),
    "bohb-fast": Style(_VERMILION, _DASHED, marker="v"),
    "bohb-paper": Style(_BLUE, marker="s"),
    "bohb-hpbandster": Style(_SKY, marker="D"),
    "bohb-hyperband": Style(_GREEN, marker="^"),
    "bohb-asha": Style(_ORANGE, marker="<"),
    "random": Style(_GREY, _DOTTED, 1.8, "x"),
    "hpbandster": Style(_BLUE, _DASHED, marker="p"),
    "optuna-tpe": Style(_PURPLE, _DOTTED, marker=7),
    "optuna-tpe-hyperband": Style(_PURPLE, _DASHED, marker=6),
    "optuna-gp": Style(_PURPLE, _DASH_DOT, marker="*"),
    "smac-mf": Style(_GREEN, _DASHED, marker="h"),
    "dehb": Style(_BLACK, _DASHED, marker="+"),
    "syne-tune-bohb": Style(_ORANGE, _DASH_DOT, marker="d"),
    "syne-tune-asha": Style(_ORANGE, _DASHED, marker=">"),
    "blackboxopt-bohb": Style(_SKY, _DASHED, marker="P"),
    "neps": Style(_YELLOW, _DASHED, marker="X"),
    "neps-priorband": Style(_YELLOW, _DASH_DOT, marker=4),
    "smac-hpo": Style(_GREEN, _DASH_DOT, marker="H"),
    "ax": Style(_BLACK, _DASH_DOT, marker="8"),
    "hebo": Style(_BLUE, _DASH_DOT, marker="1"),
    "syne-tune-mobster": Style(_ORANGE, _DOTTED, marker="2"),
    "syne-tune-hypertune": Style(_SKY, _DASH_DOT, marker="3"),
    "syne-tune-dyhpo": Style(_BLACK, _DOTTED, marker="4"),
}
_ORDER = {name: place for place, name in enumerate(_STYLES)}
_OTHERS = [
    Style(color, line, marker="|") for line in (_DASH_DOT, _DOTTED) for color in (_BLACK, _GREEN, _SKY, _BLUE, _YELLOW)
]


def style_of(optimizer: str) -> Style:
    """Return the style of an optimizer; an unknown one gets a style that depends on its name alone."""
    return _STYLES.get(optimizer) or _OTHERS[sum(optimizer.encode()) % len(_OTHERS)]


def in_order(optimizers: list[str]) -> list[str]:
    """Return the optimizers in the order of legends and tables: ours, random search, the others."""
    return sorted(optimizers, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))
