"""Tune a plain PyTorch loop on scikit-learn's digits: the loop is a generator that `bohb.run` drives."""

import itertools

import torch
from sklearn.datasets import load_digits

import bohb

EPOCHS = 27
saved = {"in place": 0, "by checkpoints": 0}

images, labels = load_digits(return_X_y=True)
images, labels = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
loss_of = torch.nn.functional.cross_entropy


def train(trial):
    """Train, and yield after each epoch; the value of `yield` is the trial that runs then."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(64, trial.config["units"]), torch.nn.ReLU(), torch.nn.Linear(trial.config["units"], 10)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=trial.config["learning_rate"])
    done = 0
    if trial.checkpoint is not None:
        state = torch.load(trial.checkpoint)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        done = state["epoch"]
        saved["by checkpoints"] += done
    for epoch in itertools.count(done + 1):
        for start in range(0, 1200, 64):
            optimizer.zero_grad()
            loss_of(net(images[start : min(start + 64, 1200)]), labels[start : min(start + 64, 1200)]).backward()
            optimizer.step()
        with torch.no_grad():
            reached = {"epoch": epoch, "loss": loss_of(net(images[1200:]), labels[1200:])}
        at_budget = epoch == trial.budget
        if at_budget:
            reached["checkpoint"] = trial.folder / f"{epoch}.pt"
            state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
            torch.save(state, reached["checkpoint"])
        trial = yield reached
        saved["in place"] += epoch if at_budget else 0


if __name__ == "__main__":
    space = {"learning_rate": (1e-4, 1e-1, "log"), "units": (8, 128, "log")}
    search = bohb.Optimizer(space, bohb.geometric(1, EPOCHS, eta=3), seed=0)
    report = bohb.run(train, search, max_trials=60, directory="search", progress=False)
    best = report.incumbent
    print(f"loss {best.loss:.3f} after {best.budget} epochs: {dict(best.config)}")
    print(f"epochs trained: {report.spent:g}")
    print(f"epochs saved: {saved['in place']} by going on in place, {saved['by checkpoints']} by checkpoints")
