import bohb
from bohb.runner import TorchrunExecutor


def objective(trial):
    import torch
    from torch import distributed

    distributed.init_process_group("gloo")
    torch.manual_seed(distributed.get_rank())  # each rank has its own data
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
    step = torch.optim.SGD(model.parameters(), lr=trial.config["lr"])
    for _ in range(trial.budget):
        inputs = torch.rand(32, 1)
        loss = ((model(inputs) - 3 * inputs) ** 2).mean()
        step.zero_grad()
        loss.backward()  # averages the gradients over the ranks
        step.step()
    loss = loss.detach()
    distributed.all_reduce(loss)
    distributed.destroy_process_group()
    return loss.item() / 2


if __name__ == "__main__":
    optimizer = bohb.Optimizer({"lr": (0.01, 1.0)}, budgets=bohb.geometric(1, 9, eta=3), seed=0)
    with TorchrunExecutor(slots=4, slots_per_trial=2) as executor:
        print(bohb.run(objective, optimizer, executor=executor, max_trials=6))
