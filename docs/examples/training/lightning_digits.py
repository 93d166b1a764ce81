"""Tune a network on scikit-learn's digits with PyTorch Lightning: `python lightning_digits.py`, seconds on a CPU."""

import logging
import warnings

import lightning as L  # noqa: N812
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import bohb
from bohb.integrations.lightning import BOHBCallback

EPOCHS = 27
SPACE = {"learning_rate": (1e-4, 1e-1, "log"), "units": (8, 128, "log")}

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")

images, labels = load_digits(return_X_y=True)
images, labels = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
train_data = DataLoader(TensorDataset(images[:1200], labels[:1200]), batch_size=64)
val_data = DataLoader(TensorDataset(images[1200:], labels[1200:]), batch_size=597)


class Digits(L.LightningModule):
    def __init__(self, learning_rate, units):
        super().__init__()
        self.learning_rate = learning_rate
        self.net = torch.nn.Sequential(torch.nn.Linear(64, units), torch.nn.ReLU(), torch.nn.Linear(units, 10))

    def training_step(self, batch):
        x, y = batch
        return torch.nn.functional.cross_entropy(self.net(x), y)

    def validation_step(self, batch):
        x, y = batch
        self.log("val_loss", torch.nn.functional.cross_entropy(self.net(x), y))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)


def train(search, trial):
    """Train one configuration; the callback tells the search, and stops the trainer."""
    L.seed_everything(0, verbose=False)
    callback = BOHBCallback(search, trial, monitor="val_loss", mode="min", dirpath="checkpoints")
    trainer = L.Trainer(
        max_epochs=EPOCHS,
        callbacks=[callback],
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    try:
        trainer.fit(Digits(**trial.config), train_data, val_data, ckpt_path=trial.checkpoint)
    except RuntimeError as error:  # such as no memory
        search.tell(callback.trial, error)
    return callback.progress


if __name__ == "__main__":
    optimizer = bohb.Optimizer(SPACE, bohb.geometric(1, EPOCHS, eta=3), seed=0)
    trainings = []
    while len(optimizer.results) < 30:
        trainings.append(train(optimizer, optimizer.ask()))
    best = optimizer.incumbent
    print(f"val_loss {best.loss:.3f} after {best.budget} epochs: {dict(best.config)}")
    in_place, resumed = sum(one.in_place for one in trainings), sum(one.start for one in trainings)
    print(f"epochs trained: {sum(one.trained for one in trainings)}")
    print(f"epochs saved: {in_place} by going on in place, {resumed} by checkpoints")
