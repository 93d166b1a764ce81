"""Tune a neural network on handwritten digits, and compare with random search at the same price.

The network is scikit-learn's `MLPClassifier` on its bundled digits data. A budget is a number of epochs. No epoch is
trained twice: a good configuration goes on in place, and one that is promoted later resumes from its checkpoint.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import bohb

MAX_EPOCHS = 81


def make_space() -> ConfigurationSpace:
    """Return a space of ten parameters; some exist for one of the optimizers only."""
    space = ConfigurationSpace(
        space={
            "learning_rate": Float("learning_rate", (1e-6, 1.0), log=True),
            "layers": Integer("layers", (1, 3)),
            "units": Integer("units", (4, 256), log=True),
            "batch_size": Integer("batch_size", (16, 256), log=True),
            "l2": Float("l2", (1e-7, 10.0), log=True),
            "activation": Categorical("activation", ["relu", "tanh", "logistic"]),
            "optimizer": Categorical("optimizer", ["sgd", "adam"]),
            "momentum": Float("momentum", (0.0, 0.99)),
            "beta_1": Float("beta_1", (0.0, 0.999)),
            "epsilon": Float("epsilon", (1e-10, 1.0), log=True),
        }
    )
    for name, optimizer in (("momentum", "sgd"), ("beta_1", "adam"), ("epsilon", "adam")):
        space.add(EqualsCondition(space[name], space["optimizer"], optimizer))
    return space


class Digits:
    """1,797 images of 8 x 8 pixels: 60 % to train, 20 % for the validation loss, 20 % held out for the report."""

    def __init__(self, *, seed: int) -> None:
        images, labels = load_digits(return_X_y=True)
        rest, self.test, rest_labels, self.test_labels = train_test_split(
            images / 16, labels, test_size=0.2, stratify=labels, random_state=seed
        )
        self.train, self.valid, self.train_labels, self.valid_labels = train_test_split(
            rest, rest_labels, test_size=0.25, stratify=rest_labels, random_state=seed
        )
        self.seed = seed

    def __call__(self, trial: bohb.runner.FolderTrial) -> Iterator[dict[str, object]]:
        """Train, and yield the validation loss after each epoch, at the trial's budget with a checkpoint.

        `bohb.run` decides there whether the training goes on, and closes it if not. If it does, the `yield` returns the
        next trial.
        """
        net, done = self.resume(trial)
        for epoch in itertools.count(done + 1):
            with np.errstate(over="ignore", invalid="ignore"):
                net.partial_fit(self.train, self.train_labels, classes=np.arange(10))
            reached = {"epoch": epoch, "loss": brier_score(net.predict_proba(self.valid), self.valid_labels)}
            if epoch == trial.budget:
                reached["checkpoint"] = trial.folder / f"{epoch}.joblib"
                joblib.dump((net, epoch), reached["checkpoint"])
            trial = yield reached

    def resume(self, trial: bohb.Trial) -> tuple[MLPClassifier, int]:
        """Return the network to train on, and how many epochs it has seen."""
        if trial.checkpoint is not None:
            return joblib.load(trial.checkpoint)
        config = trial.config
        net = MLPClassifier(
            hidden_layer_sizes=(config["units"],) * config["layers"],
            activation=config["activation"],
            solver=config["optimizer"],
            learning_rate_init=config["learning_rate"],
            alpha=config["l2"],
            batch_size=config["batch_size"],
            **{name: config[name] for name in ("momentum", "beta_1", "epsilon") if name in config},
            random_state=self.seed,
        )
        return net, 0

    def test_error(self, result: bohb.Result) -> float:
        """Return the share of held-out images that the checkpoint of a result gets wrong."""
        net, _ = joblib.load(result.checkpoint)
        return 1 - net.score(self.test, self.test_labels)


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean squared distance of the predicted probabilities from the truth, in [0, 2]."""
    return float(((probabilities - np.eye(10)[labels]) ** 2).sum(axis=1).mean())


@dataclass
class Search:
    """What one search found: a summary, and the incumbent's loss after each number of epochs spent."""

    preset: str
    summary: str = ""
    epochs: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def loss_at(self, spent: np.ndarray | float) -> np.ndarray:
        """Return the incumbent's loss when so many epochs had been spent; nan before there was one."""
        place = np.searchsorted(self.epochs, spent, side="right")
        return np.array([np.nan, *self.losses])[place]


def search(preset: str, *, seed: int, trainings: float) -> Search:
    """Run one search."""
    optimizer = bohb.Optimizer(make_space(), budgets=bohb.geometric(1, MAX_EPOCHS, eta=3), seed=seed, preset=preset)
    found = Search(preset)
    with tempfile.TemporaryDirectory() as folder:
        digits = Digits(seed=seed)

        def keep(record: bohb.runner.Record) -> None:
            if isinstance(record, bohb.runner.TrialEnded) and record.incumbent is not None:
                found.epochs.append(record.spent)
                found.losses.append(record.incumbent.loss)

        report = bohb.run(
            digits,
            optimizer,
            max_budget=trainings * MAX_EPOCHS,
            directory=folder,
            keep="releasable",
            callbacks=[keep],
        )
        found.summary = summarise(preset, report, digits)
    return found


def summarise(preset: str, report: bohb.runner.Report, digits: Digits) -> str:
    """Return what the search found and what it spent, in three lines."""
    best = report.incumbent
    if best is None:
        return f"{preset}: no network could be trained"
    return (
        f"{preset}: validation loss {best.loss:.4f} at {best.trial.budget} epochs, "
        f"error on held-out images {digits.test_error(best):.2%}\n"
        f"  configuration {best.trial.config}\n"
        f"  {report.num_trials} trials spent {report.spent / MAX_EPOCHS:.1f} full trainings' worth of epochs "
        f"in {report.seconds:.0f} s"
    )


def compare(searches: list[Search]) -> str:
    """Return how the losses of both searches end, over all seeds, in one line."""
    losses = {
        preset: np.array([found.loss_at(np.inf) for found in searches if found.preset == preset])
        for preset in ("default", "random")
    }
    default, random = (float(np.median(found)) for found in losses.values())
    wins = int(np.sum(losses["default"] < losses["random"]))
    return (
        f"median validation loss over {len(losses['default'])} seeds: default {default:.4f}, random {random:.4f}; "
        f"the default ends lower in {wins} of them"
    )


def plot(searches: list[Search], path: Path) -> None:
    """Draw the loss of the incumbent over the epochs spent: thin lines for the seeds, thick ones for their median."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    axes = figure.subplots()
    spent = np.geomspace(1, max(found.epochs[-1] for found in searches), 300)
    for preset, color, line in (("default", "#d55e00", "-"), ("random", "#0072b2", "--")):
        curves = np.array([found.loss_at(spent) for found in searches if found.preset == preset])
        axes.plot(spent, curves.T, color=color, linestyle=line, linewidth=0.7, alpha=0.35)
        axes.plot(spent, np.median(curves, axis=0), color=color, linestyle=line, linewidth=2.6, label=preset)
    axes.set(xscale="log", yscale="log", xlabel="epochs trained, all configurations together")
    axes.set_ylabel("validation loss of the incumbent")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_locator(FixedLocator([0.02, 0.05, 0.1, 0.2, 0.5, 1]))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    num_seeds = sum(found.preset == "default" for found in searches)
    axes.legend(
        frameon=False, handlelength=3.2, title="median of " + (f"{num_seeds} seeds" if num_seeds > 1 else "1 seed")
    )
    figure.savefig(path, dpi=130)


def main() -> None:
    """Search with BOHB, then with random search for the same number of epochs and the same seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=5, help="how many seeds to compare, counting up from --seed")
    parser.add_argument("--trainings", type=float, default=6, help="epochs to spend, in full trainings of 81")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw both searches to a PNG, SVG or PDF file")
    arguments = parser.parse_args()
    runs = itertools.product(range(arguments.seed, arguments.seed + arguments.repeats), ("default", "random"))
    with threadpool_limits(1):  # the matrices are small, so more threads would only wait for each other
        searches = [search(preset, seed=seed, trainings=arguments.trainings) for seed, preset in runs]
    print("\n".join(found.summary for found in searches))
    print(compare(searches))
    if arguments.plot:
        plot(searches, arguments.plot)


if __name__ == "__main__":
    main()
