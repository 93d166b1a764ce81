from mpi4py.futures import MPIPoolExecutor

import bohb


def objective(trial):
    return (trial.config["x"] - 0.3) ** 2 + 1 / trial.budget


if __name__ == "__main__":
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=bohb.geometric(1, 9, eta=3), seed=0)
    with MPIPoolExecutor() as executor:
        print(bohb.run(objective, optimizer, executor=executor, workers=2, max_trials=6))
