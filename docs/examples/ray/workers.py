import ray
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

import bohb
from bohb.runner import RayExecutor


def loss_of_fold(x, fold):
    return (x - 0.3) ** 2 + fold / 100


def objective(trial):
    group = RayExecutor.placement_group()  # connects to the cluster
    place = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=1)
    task = ray.remote(loss_of_fold).options(num_cpus=0.5, scheduling_strategy=place)  # two at a time
    losses = ray.get([task.remote(trial.config["x"], fold) for fold in range(3)])
    return sum(losses) / len(losses)


if __name__ == "__main__":
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=[1, 3], seed=0)
    bundles = [{"CPU": 1}, {"CPU": 1}]  # for the trial, and for its tasks
    with RayExecutor(bundles=bundles, strategy="PACK") as executor:
        print(bohb.run(objective, optimizer, executor=executor, max_trials=3))
