from pyspark.sql import SparkSession

import bohb
from bohb.runner import SparkExecutor


def objective(trial):
    return (trial.config["x"] - 0.3) ** 2 + 1 / trial.budget


if __name__ == "__main__":
    session = SparkSession.builder.master("local-cluster[2,1,1024]").getOrCreate()  # your cluster's address
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=bohb.geometric(1, 9, eta=3), seed=0)
    with SparkExecutor(session) as executor:
        print(bohb.run(objective, optimizer, executor=executor, max_trials=6, retries=2))
    session.stop()
