import bohb
from bohb.runner import HorovodExecutor


def objective(trial):
    import horovod.torch as hvd
    import torch

    hvd.init()
    model = torch.nn.Linear(1, 1)
    step = torch.optim.SGD(model.parameters(), lr=trial.config["lr"])
    step = hvd.DistributedOptimizer(step, named_parameters=model.named_parameters())
    hvd.broadcast_parameters(model.state_dict(), root_rank=0)
    torch.manual_seed(hvd.rank())  # each rank has its own data
    for _ in range(trial.budget):
        inputs = torch.rand(32, 1)
        loss = ((model(inputs) - 3 * inputs) ** 2).mean()
        step.zero_grad()
        loss.backward()
        step.step()  # with the gradients averaged over the ranks
    return hvd.allreduce(loss.detach(), name="loss").item()


if __name__ == "__main__":
    optimizer = bohb.Optimizer({"lr": (0.01, 1.0)}, budgets=bohb.geometric(1, 9, eta=3), seed=0)
    with HorovodExecutor(slots=4, slots_per_trial=2) as executor:
        print(bohb.run(objective, optimizer, executor=executor, max_trials=6))
