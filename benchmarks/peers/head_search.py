"""A search for a head as users write it: Optuna or KerasTuner around one Keras model that is fitted on pictures.

    python head_search.py ARRAYS.npz --engine optuna|random|bayesian --trials 2 --epochs 3 [--seed 0]

The model is augmentation, frozen EfficientNet-Lite0 and head; every epoch of every trial runs all of it. Prints one
JSON object: the scores, and the seconds of every epoch, validation included, without building the model.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers as kl

from toolkit.nn.backbones import build_backbone

SIZE = 96


def fit(model, data, batch_size, options, callbacks):
    """Train, keep the epoch with the best validation loss, as we do; its accuracy on the selection pictures."""
    training, selection = datasets(data, batch_size)
    best = keras.callbacks.EarlyStopping("val_loss", patience=options.epochs, restore_best_weights=True)
    model.fit(training, validation_data=selection, epochs=options.epochs, callbacks=[*callbacks, best], verbose=0)
    return float(model.evaluate(selection, verbose=0, return_dict=True)["accuracy"])


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch with its validation."""

    def __init__(self):
        super().__init__()
        self.trainings = []

    def on_train_begin(self, logs=None):
        self.trainings.append([])

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.trainings[-1].append(time.perf_counter() - self.began)


def build(settings, n_classes):
    """Augmentation, frozen network and head, compiled for training."""
    images = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    x = kl.Rescaling(1.0)(images)
    x = kl.RandomFlip("horizontal_and_vertical")(x)
    x = kl.RandomRotation(0.5)(x)
    x = kl.RandomZoom(0.1)(x)
    x = kl.RandomTranslation(0.1, 0.1)(x)
    x = kl.RandomBrightness(0.2)(x)
    x = kl.RandomContrast(0.2)(x)
    backbone = build_backbone("efficientnet_lite0", SIZE)
    backbone.trainable = False
    x = kl.GlobalAveragePooling2D()(backbone(x, training=False))
    for units in settings["units"]:
        x = kl.Dense(units, use_bias=False)(x)
        x = kl.BatchNormalization(momentum=0.9)(x)
        x = kl.Activation("relu")(x)
        x = kl.Dropout(settings["dropout"])(x)
    model = keras.Model(images, kl.Dense(n_classes, activation="softmax")(x))
    model.compile(
        keras.optimizers.Adam(settings["learning_rate"]), "sparse_categorical_crossentropy", metrics=["accuracy"],
        jit_compile=False,  # on processors XLA's convolutions are slower
    )  # fmt: skip
    return model


def datasets(data, batch_size):
    """Shuffled training batches and selection batches, prefetched."""
    training = tf.data.Dataset.from_tensor_slices((data["training"], data["training_labels"]))
    training = training.shuffle(len(data["training_labels"])).batch(batch_size).prefetch(tf.data.AUTOTUNE)
    selection = tf.data.Dataset.from_tensor_slices((data["selection"], data["selection_labels"]))
    return training, selection.batch(256).prefetch(tf.data.AUTOTUNE)


def with_optuna(data, options, clock):
    """TPE; the scores of the trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial):
        count = trial.suggest_int("layers", 1, 3)
        choices = ([128, 256, 512], [64, 128, 256], [32, 64, 128])
        settings = {
            "units": [trial.suggest_categorical(f"units{n}", choices[n]) for n in range(count)],
            "dropout": trial.suggest_float("dropout", 0.2, 0.5),
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        }
        batch_size = trial.suggest_categorical("batch_size", [32, 64, 128])
        keras.backend.clear_session()
        return fit(build(settings, len(data["classes"])), data, batch_size, options, [clock])

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=options.seed))
    study.optimize(objective, n_trials=options.trials)
    return [trial.value for trial in study.trials]


def with_keras_tuner(data, options, clock):
    """RandomSearch or BayesianOptimization; the scores of the trials."""
    import keras_tuner

    class Hyper(keras_tuner.HyperModel):
        def build(self, hp):
            count = hp.Int("layers", 1, 3)
            choices = ([128, 256, 512], [64, 128, 256], [32, 64, 128])
            settings = {
                "units": [hp.Choice(f"units{n}", choices[n]) for n in range(count)],
                "dropout": hp.Float("dropout", 0.2, 0.5),
                "learning_rate": hp.Float("learning_rate", 1e-4, 1e-2, sampling="log"),
            }
            return build(settings, len(data["classes"]))

        def fit(self, hp, model, *args, callbacks=(), **kwargs):
            # The tuner copies its callbacks for each training; ours must be the one that is read afterwards.
            own = [*callbacks, clock]
            return {"val_accuracy": fit(model, data, hp.Choice("batch_size", [32, 64, 128]), options, own)}

    kind = {"random": keras_tuner.RandomSearch, "bayesian": keras_tuner.BayesianOptimization}[options.engine]
    with tempfile.TemporaryDirectory() as folder:
        tuner = kind(
            Hyper(), objective=keras_tuner.Objective("val_accuracy", "max"), max_trials=options.trials,
            seed=options.seed, directory=folder, overwrite=True, max_consecutive_failed_trials=1,
        )  # fmt: skip
        tuner.search(verbose=0)
        return [float(trial.score) for trial in tuner.oracle.get_best_trials(options.trials)]


def peak_mb():
    """Highest resident memory of this process; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("arrays")
    parser.add_argument("--engine", choices=["optuna", "random", "bayesian"], default="optuna")
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    with np.load(options.arrays) as stored:
        data = dict(stored)
    clock = Clock()
    begin = time.perf_counter()
    scores = (with_optuna if options.engine == "optuna" else with_keras_tuner)(data, options, clock)
    print(
        json.dumps(
            {
                "wall": time.perf_counter() - begin,
                "scores": scores,
                "best": max(scores),
                "epoch_seconds": clock.trainings,
                "peak_mb": peak_mb(),
            }
        )
    )


if __name__ == "__main__":
    main()
