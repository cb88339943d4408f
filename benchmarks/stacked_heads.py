"""Reported: several heads of one architecture trained as one stacked computation, against one after another.

    python benchmarks/stacked_heads.py [--heads 8] [--images 3000] [--epochs 5]

Heads on random features `(n, 1280)`, the width of EfficientNet-Lite0, each with a learning rate of its own: dense
layer, batch normalisation, ReLU, dropout, twice, then the class layer; Adam. Stacked, every weight has an axis more
and every product is a batched one. The same code with one head is the peer, so nothing but the stacking differs;
compiled once for all heads, or once a head. Our training loop is timed beside them.
"""

import argparse
import itertools
import json
import time

from toolkit.nn import runtime

runtime.setup()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

FEATURES, CLASSES, DROPOUT, WORTH_IT = 1280, 8, 0.3, 1.5
SHAPES = [((128,), 32), ((256, 128), 64), ((512, 256, 128), 64), ((512, 256, 128), 128)]


class Heads:
    """S heads whose weights are stacked along the first axis, and their training step."""

    def __init__(self, count, units, rates, seed):
        rng = np.random.default_rng(seed)
        widths = [FEATURES, *units, CLASSES]
        self.weights = []
        for inner, outer in itertools.pairwise(widths):
            limit = (6 / (inner + outer)) ** 0.5
            kernel = rng.uniform(-limit, limit, (count, inner, outer)).astype(np.float32)
            self.weights.append(
                [tf.Variable(kernel), *(tf.Variable(tf.fill((count, 1, outer), v)) for v in (1.0, 0.0))]
            )
        self.variables = [variable for layer in self.weights for variable in layer]
        self.moments = [(tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for v in self.variables]
        self.rates = tf.constant(rates, tf.float32)[:, None, None]  # (s, 1, 1)
        self.count = tf.Variable(0.0)
        self.step = tf.function(self._step, jit_compile=False, autograph=False)

    def _logits(self, features):
        x = tf.cast(features, tf.float32)[None]  # (1, b, d), broadcast over the heads
        for kernel, scale, shift in self.weights[:-1]:
            x = tf.matmul(x, kernel)  # (s, b, u)
            mean, variance = tf.nn.moments(x, 1, keepdims=True)
            x = tf.nn.dropout(tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-3)), DROPOUT)
        kernel, _, shift = self.weights[-1]
        return tf.matmul(x, kernel) + shift

    def _step(self, features, targets):
        with tf.GradientTape() as tape:
            logits = self._logits(features)
            losses = -tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=-1)  # (s, b)
            # The sum over heads: each head's gradient is that of its own mean loss.
            loss = tf.reduce_sum(tf.reduce_mean(losses, axis=1))
        gradients = tape.gradient(loss, self.variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        self.count.assign_add(1.0)
        correction = tf.sqrt(1 - 0.999**self.count) / (1 - 0.9**self.count)
        for variable, gradient, (first, second) in zip(self.variables, gradients, self.moments, strict=True):
            first.assign_add(0.1 * (gradient - first))
            second.assign_add(0.001 * (tf.square(gradient) - second))
            variable.assign_sub(self.rates * correction * first / (tf.sqrt(second) + 1e-7))
        return loss


def train(heads, features, targets, batch_size, epochs):
    """Seconds of the first step, which compiles, and of all others."""
    rng = np.random.default_rng(0)
    seconds, first = 0.0, 0.0
    for _ in range(epochs):
        order = rng.permutation(len(features))
        for start in range(0, len(features) - batch_size + 1, batch_size):
            rows = order[start : start + batch_size]
            begin = time.perf_counter()
            loss = heads.step(features[rows], targets[rows])
            if not first:
                float(loss)
                first = time.perf_counter() - begin
            else:
                seconds += time.perf_counter() - begin
        begin = time.perf_counter()
        float(loss)
        seconds += time.perf_counter() - begin
    return first, seconds


def product(features, labels, units, batch_size, epochs):
    """Seconds of our own training loop for one head, compilation included."""
    import keras

    from toolkit.nn.feeding import Feeder
    from toolkit.nn.heads import add_head
    from toolkit.nn.training import train as fit

    rows = {str(number): number for number in range(len(features))}
    begin = time.perf_counter()
    inputs = keras.Input((FEATURES,))
    model = keras.Model(inputs, add_head(inputs, CLASSES, len(units), units, DROPOUT, "relu", True, 0))

    def load(names, epoch):
        return features[[rows[name] for name in names]]

    feeder = Feeder(load, list(rows), labels, CLASSES, batch_size=batch_size, workers=1)
    fit(model, feeder, None, epochs=epochs, optimizer="adam", learning_rate=1e-3)
    seconds = time.perf_counter() - begin
    runtime.release()
    return seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    features = rng.random((options.images, FEATURES)).astype(np.float16)
    labels = rng.integers(0, CLASSES, options.images)
    targets = np.eye(CLASSES, dtype=np.float32)[labels]
    rates = np.geomspace(1e-4, 1e-2, options.heads)
    ratios, sums = [], [0.0, 0.0]
    for units, batch_size in SHAPES:
        compiled, stacked = train(Heads(options.heads, units, rates, 0), features, targets, batch_size, options.epochs)
        alone = [train(Heads(1, units, [rate], 0), features, targets, batch_size, options.epochs) for rate in rates]
        steps, starts = sum(second for _, second in alone), sum(first for first, _ in alone)
        ours = product(features, labels, units, batch_size, options.epochs)
        ratios.append((steps + starts) / (stacked + compiled))
        sums = [sums[0] + stacked + compiled, sums[1] + steps + starts]
        print(
            f"units {units}, batch {batch_size}: {options.heads} heads stacked {stacked:.2f} s + {compiled:.2f} s to "
            f"compile; one after another {steps:.2f} s + {starts:.2f} s: {steps / stacked:.2f} times as fast, "
            f"{ratios[-1]:.2f} with compilation; our training loop {ours:.2f} s a head", flush=True,
        )  # fmt: skip
    ratio = sums[1] / sums[0]
    print(f"Worth using from {WORTH_IT} on: {'yes' if ratio >= WORTH_IT else 'no'}")
    print(
        json.dumps(
            {
                "claim": f"{options.heads} heads as one stacked computation against one after another, "
                f"{options.epochs} epochs of {options.images} feature vectors, seconds",
                "ours": round(sums[0], 1),
                "peer": round(sums[1], 1),
                "ratio": round(ratio, 2),
                "must": "reported",
                "holds": True,
            }
        )
    )


if __name__ == "__main__":
    main()
