"""Tune a plain JAX loop on scikit-learn's digits: the loop calls `proceed` where its trial reaches the budget."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

import bohb

EPOCHS = 27
UNITS = 32

images, labels = load_digits(return_X_y=True)
images, labels = jnp.asarray(images / 16), jnp.asarray(labels)
batches = jnp.arange(1152).reshape(-1, 64)


def start():
    first, second = jax.random.split(jax.random.key(0))
    weights = {
        "first": jax.random.normal(first, (64, UNITS)) / 8,
        "second": jax.random.normal(second, (UNITS, 10)) / UNITS**0.5,
    }
    return {"weights": weights, "speed": jax.tree.map(jnp.zeros_like, weights)}


def loss_of(weights, x, y):
    scores = jax.nn.relu(x @ weights["first"]) @ weights["second"]
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], axis=1))


@jax.jit
def train_epoch(state, learning_rate, momentum):
    """Train with momentum; compiled once, since only numbers differ between configurations."""

    def step(state, batch):
        slope = jax.grad(loss_of)(state["weights"], images[batch], labels[batch])
        speed = jax.tree.map(lambda v, g: momentum * v - learning_rate * g, state["speed"], slope)
        return {"weights": jax.tree.map(jnp.add, state["weights"], speed), "speed": speed}, None

    state, _ = jax.lax.scan(step, state, batches)
    return state, loss_of(state["weights"], images[1200:], labels[1200:])


def save(state, epoch, path):
    np.savez(path, *jax.tree.leaves(state), epoch=epoch)


def load(path):
    with np.load(path) as file:
        leaves = [file[f"arr_{number}"] for number in range(len(file.files) - 1)]
        return jax.tree.unflatten(jax.tree.structure(start()), leaves), int(file["epoch"])


if __name__ == "__main__":
    space = {"learning_rate": (1e-3, 1.0, "log"), "momentum": (0.0, 0.99)}
    optimizer = bohb.Optimizer(space, bohb.geometric(1, EPOCHS, eta=3), seed=0)
    trained = in_place = resumed = 0
    Path("checkpoints").mkdir(exist_ok=True)
    while len(optimizer.results) < 60:
        trial = optimizer.ask()
        state, epoch = (start(), 0) if trial.checkpoint is None else load(trial.checkpoint)
        resumed += epoch
        while trial is not None:
            state, loss = train_epoch(state, **trial.config)
            epoch, trained = epoch + 1, trained + 1
            if epoch < trial.budget:
                optimizer.report(trial, epoch, loss)
                continue
            path = f"checkpoints/{trial.id}.npz"
            save(state, epoch, path)
            trial = optimizer.proceed(trial, loss, checkpoint=path)
            in_place += 0 if trial is None else epoch
    best = optimizer.incumbent
    print(f"loss {best.loss:.3f} after {best.budget} epochs: {dict(best.config)}")
    print(f"epochs trained: {trained}")
    print(f"epochs saved: {in_place} by going on in place, {resumed} by checkpoints")
