"""Draw the two pictures of the page on concepts: `python docs/drawings.py` writes them as SVG to `docs/_static`.

The numbers are computed: the ladder's by `Optimizer.plan`, those of freeze-thaw by a search that runs here. Each
picture brings its own background, follows the reader's light or dark setting, and repeats in words or numbers what its
colours say.
"""

import heapq
import itertools
import math
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ConfigSpace import ConfigurationSpace, Float

import bohb

STATIC = Path(__file__).parent / "_static"
WIDTH = 760

# Of the picture of freeze-thaw: how long it searches, where its first row begins, and how high a row is, in pixels.
EPOCHS, TOP, ROW = 32, 70, 19

# Okabe and Ito 2008, "Color universal design": people with any kind of colour vision tell these apart.
STYLE = """
text { font: 13px system-ui, "DejaVu Sans", sans-serif; fill: #1f2328 }
.small { font-size: 11.5px } .strong { font-weight: 700 } .quiet { fill: #57606a }
.page { fill: #ffffff } .line { stroke: #8c959f; fill: none } .note { stroke: #57606a; fill: none }
.rung0 { fill: #56b4e9 } .rung1 { fill: #e69f00 } .rung2 { fill: #0072b2 } .rung3 { fill: #d55e00 }
.on-dark { fill: #ffffff } .on-light { fill: #000000 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e6e6 } .quiet { fill: #b0b6bd } .page { fill: #1b1d20 } .line { stroke: #6e7681 }
  .note { stroke: #b0b6bd } .on-dark { fill: #ffffff } .on-light { fill: #000000 }
}
"""


class Drawing:
    """An SVG picture, drawn from left to right and top to bottom in pixels."""

    def __init__(self, height: int, title: str) -> None:
        self.height, self.title = height, title
        self.parts: list[str] = []

    def text(self, x: float, y: float, words: str, *, style: str = "", anchor: str = "start") -> None:
        self.parts.append(f'<text x="{x:g}" y="{y:g}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>')

    def box(self, x: float, y: float, width: float, height: float, style: str) -> None:
        self.parts.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="2" class="{style}"/>')

    def line(self, *points: tuple[float, float], style: str = "line", dash: str = "none", width: float = 1) -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(
            f'<polyline points="{path}" class="{style}" stroke-width="{width:g}" stroke-dasharray="{dash}"/>'
        )

    def save(self, path: Path) -> None:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" '
            f'height="{self.height}" role="img">\n<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n'
            f'<rect width="{WIDTH}" height="{self.height}" rx="6" class="page"/>\n'
        )
        path.write_text(head + "\n".join(self.parts) + "\n</svg>\n", encoding="utf-8")


def draw_ladder(path: Path) -> None:
    """Draw one bracket of successive halving: a row a configuration, a column a budget."""
    ladder = bohb.geometric(1, 27, eta=3)
    bracket = bohb.Optimizer({"x": (0.0, 1.0)}, ladder, preset="paper").plan().brackets[0]
    sizes = [rung.num_configs for rung in bracket]
    left, step, top, row = 24, 178, 84, 9
    bottom = top + row * sizes[0]
    picture = Drawing(bottom + 62, "Successive halving: how many configurations each rung trains, and who is promoted")
    for number, (budget, size) in enumerate(zip(ladder, sizes, strict=True)):
        x = left + step * number
        picture.text(x, 24, f"rung {number}: {budget} epoch{'s' if budget > 1 else ''}", style="strong")
        picture.text(x, 43, f"{size} configuration{'s' if size > 1 else ''} trained")
        above = sizes[number + 1] if number + 1 < len(sizes) else 0
        picture.text(x, 61, f"best {above} promoted" if above else "fully trained", style="small quiet")
        for place in range(size):
            is_left = place >= above and number + 1 < len(sizes)
            y = top + row * place
            picture.box(x, y, step - (40 if is_left else 6), row - 3, f"rung{number}")
            if is_left:
                picture.line(*[(x + step - 34, y + 1), (x + step - 34, y + row - 4)], width=2)
    picture.text(
        left, bottom + 22, "Each row is one configuration, best at the top. A promoted row goes on from its checkpoint."
    )
    picture.text(left, bottom + 42, "A row that ends at a bar is trained no further. The ladder is 1, 3, 9, 27.")
    picture.save(path)


@dataclass(frozen=True, order=True)
class Stretch:
    """What one worker trained without a pause."""

    config_id: int
    begin: int
    end: int
    budget: int


def freeze_thaw(*, workers: int, epochs: int) -> list[Stretch]:
    """Run the default search on a toy problem, on simulated workers that take as long as the epochs they train."""
    space = ConfigurationSpace(
        {"learning_rate": Float("learning_rate", (1e-5, 1e-1), log=True), "momentum": (0.0, 1.0)}
    )
    opt = bohb.Optimizer(space, bohb.geometric(1, 9, eta=3), seed=0)
    busy: list[tuple[int, int, bohb.Trial]] = []
    stretches: list[Stretch] = []
    reached: dict[int, int] = {}
    now = 0
    while now < epochs:
        while len(busy) < workers:
            trial = opt.ask()
            end = now + trial.budget - reached.get(trial.config_id, 0)
            reached[trial.config_id] = trial.budget
            stretches.append(Stretch(trial.config_id, now, end, trial.budget))
            heapq.heappush(busy, (end, trial.id, trial))
        now, _, trial = heapq.heappop(busy)
        opt.tell(trial, toy_loss(**trial.config, epochs=trial.budget), checkpoint=str(trial.id))
    return [stretch for stretch in stretches if stretch.end <= epochs]


def toy_loss(learning_rate: float, momentum: float, *, epochs: int) -> float:
    """Return the loss of a training that comes down faster with more momentum, to where the learning rate lets it."""
    lowest = (math.log10(learning_rate) + 2.2) ** 2 / 8 + (momentum - 0.6) ** 2
    return lowest + math.exp(-(0.35 + 0.5 * momentum) * epochs)


def draw_freeze_thaw(path: Path) -> None:
    """Draw a search of the default over time: a row a configuration, a box a training, a dashed line a pause."""
    stretches = freeze_thaw(workers=2, epochs=EPOCHS)
    rows = {config_id: list(own) for config_id, own in itertools.groupby(sorted(stretches), lambda one: one.config_id)}
    bottom = TOP + ROW * len(rows)
    picture = Drawing(bottom + 92, "Freeze-thaw: which configuration two workers train over time")
    picture.text(16, 24, "Freeze-thaw with two workers on the ladder 1, 3, 9", style="strong")
    picture.text(16, TOP - 10, "configuration", style="small quiet")
    for place, (config_id, own) in enumerate(rows.items()):
        draw_configuration(picture, TOP + ROW * place, config_id, own)
    full = at(min(one.begin for one in stretches if one.budget == 9))
    picture.line((full, TOP - 34), (full, bottom + 4), dash="1 4")
    picture.text(full - 8, TOP - 25, "rungs fill as in", style="small quiet", anchor="end")
    picture.text(full - 8, TOP - 10, "successive halving", style="small quiet", anchor="end")
    picture.text(full + 8, TOP - 10, "after each result, the model decides", style="small quiet")
    picture.line((at(0), bottom + 4), (at(EPOCHS), bottom + 4))
    for tick in range(0, EPOCHS + 1, 4):
        picture.line((at(tick), bottom + 4), (at(tick), bottom + 9))
        picture.text(at(tick), bottom + 23, str(tick), style="small quiet", anchor="middle")
    picture.text(at(EPOCHS / 2), bottom + 41, "time, in epochs that one worker trains", style="small", anchor="middle")
    picture.text(16, bottom + 64, "A box is one trial, and its number is the budget that it reaches.")
    picture.text(
        16,
        bottom + 82,
        "A dashed line is a pause: the configuration waits at its checkpoint, and may go on at any time.",
    )
    picture.save(path)


def draw_configuration(picture: Drawing, y: float, config_id: int, own: list[Stretch]) -> None:
    """Draw the row of one configuration: its trials, the pauses between them, and what is special about them."""
    picture.text(at(0) - 10, y + 12, str(config_id), style="small quiet", anchor="end")
    for before, after in itertools.pairwise(own):
        picture.line((at(before.end), y + 8), (at(after.begin), y + 8), style="note", dash="3 3", width=1.5)
        pause = after.begin - before.end
        if pause > 12:
            middle = at((before.end + after.begin) / 2)
            picture.text(middle, y + 2, f"paused for {pause} epochs", style="small quiet", anchor="middle")
    for one in own:
        rung = (1, 3, 9).index(one.budget)
        picture.box(at(one.begin), y, at(one.end) - at(one.begin) - 2, ROW - 4, f"rung{rung}")
        style = "small " + ("on-dark" if rung == 2 else "on-light")
        picture.text(at((one.begin + one.end) / 2) - 1, y + 12, str(one.budget), style=style, anchor="middle")
    if own[0].budget == 9:
        picture.text(at(own[0].end) + 6, y + 12, "started at the full budget", style="small quiet")


def at(epoch: float) -> float:
    """Return the pixel of a moment of freeze-thaw, from the left."""
    return 112 + 18 * epoch


if __name__ == "__main__":
    draw_ladder(STATIC / "ladder.svg")
    draw_freeze_thaw(STATIC / "freeze-thaw.svg")
