import bohb
from bohb.callbacks import WandbCallback

optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=bohb.geometric(1, 9, eta=3), seed=0)
tracker = WandbCallback("digits", name="first search", mode="offline")
bohb.run(lambda trial: trial.config["x"] / trial.budget, optimizer, max_trials=20, callbacks=[tracker])
