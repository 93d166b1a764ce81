import tempfile
from pathlib import Path

import ray
import torch
from ray import train
from ray.train.torch import TorchTrainer, prepare_model

import bohb
from bohb.runner import RayExecutor


def train_worker(config):
    """Run on each worker; PyTorch averages the gradients."""
    context = train.get_context()
    torch.manual_seed(context.get_world_rank())
    data = torch.rand(64, 1)  # the part of this worker
    model = prepare_model(torch.nn.Linear(1, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"])
    for _ in range(config["epochs"]):
        optimizer.zero_grad()
        loss = ((model(data) - 2 * data - 1) ** 2).mean()
        loss.backward()
        optimizer.step()
    found = {"loss": loss.item(), "workers": context.get_world_size()}
    with tempfile.TemporaryDirectory() as folder:
        torch.save(model.state_dict(), Path(folder, f"model-{context.get_world_rank()}.pt"))
        train.report(found, checkpoint=train.Checkpoint.from_directory(folder))


def objective(trial):
    ray.init()  # connects to the cluster
    trainer = TorchTrainer(
        train_worker,
        train_loop_config={"lr": trial.config["lr"], "epochs": trial.budget},
        scaling_config=train.ScalingConfig(num_workers=2),
        run_config=train.RunConfig(name=f"trial-{trial.id}", storage_path=str(trial.folder)),
    )
    result = trainer.fit()
    workers = result.metrics["workers"]
    return {"loss": result.metrics["loss"], "checkpoint": result.checkpoint.path, "info": {"workers": workers}}


if __name__ == "__main__":
    search = bohb.Optimizer({"lr": (1e-3, 1.0, "log")}, budgets=[3, 9], seed=0)
    # Ray Train reserves the workers; the trial itself only waits for them.
    with RayExecutor(num_cpus=0, workers=1) as executor:
        print(bohb.run(objective, search, executor=executor, max_trials=2, directory="ray_train"))
    for result in search.results:
        print(f"loss {result.loss:.4f} on {result.info['workers']} workers")
