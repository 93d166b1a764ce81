import bohb
from bohb.callbacks import AimCallback

optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=bohb.geometric(1, 9, eta=3), seed=0)
tracker = AimCallback("runs", name="first search")
bohb.run(lambda trial: trial.config["x"] / trial.budget, optimizer, max_trials=20, callbacks=[tracker])
