"""Tune a network on scikit-learn's digits with Keras 3: `KERAS_BACKEND=torch python keras_digits.py`."""

import keras
from sklearn.datasets import load_digits

import bohb
from bohb.integrations.keras import BOHBCallback

EPOCHS = 27
SPACE = {"learning_rate": (1e-4, 1e-1, "log"), "units": (8, 128, "log")}

images, labels = load_digits(return_X_y=True)
images = images / 16


def model_of(learning_rate, units):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(10)])
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def train(search, trial):
    """Train one configuration; the callback tells the search, and stops the model."""
    keras.utils.set_random_seed(0)
    callback = BOHBCallback(search, trial, monitor="val_loss", backup_dir="checkpoints")
    model = model_of(**trial.config)
    try:
        model.fit(
            images[:1200],
            labels[:1200],
            batch_size=64,
            epochs=EPOCHS,
            validation_data=(images[1200:], labels[1200:]),
            callbacks=[callback],
            verbose=0,
        )
    except RuntimeError as error:  # such as no memory
        search.tell(callback.trial, error)
    return callback.progress


if __name__ == "__main__":
    optimizer = bohb.Optimizer(SPACE, bohb.geometric(1, EPOCHS, eta=3), seed=0)
    trainings = []
    while len(optimizer.results) < 30:
        trainings.append(train(optimizer, optimizer.ask()))
    best = optimizer.incumbent
    print(f"val_loss {best.loss:.3f}, accuracy {best.info['val_accuracy']:.3f} after {best.budget} epochs")
    print(dict(best.config))
    in_place, resumed = sum(one.in_place for one in trainings), sum(one.start for one in trainings)
    print(f"epochs trained: {sum(one.trained for one in trainings)}")
    print(f"epochs saved: {in_place} by going on in place, {resumed} by checkpoints")
