import bohb
from bohb.runner import spmd


def objective(trial):
    return (trial.config["x"] - 0.3) ** 2 + 1 / trial.budget  # usually with collectives: every rank is here


def make_optimizer():
    return bohb.Optimizer({"x": (0.0, 1.0)}, budgets=bohb.geometric(1, 9, eta=3), seed=0)


report = spmd.run(objective, make_optimizer, max_trials=6)
print(report.incumbent.trial.config)  # the same on every rank
