"""Claim: RandAugment is at least 20 times as fast as keras-cv's layer inside tf.data.

    python benchmarks/augmentation.py

Both apply 5 operations to photographs of 96 px in batches of 32, both on all cores: ours on one thread a core, as in
training, keras-cv's by `num_parallel_calls=AUTOTUNE`. They take turns, several rounds; tracing is not counted.
"""

import os
import time

import numpy as np
from augmentation_common import BATCH, ours, pictures, report

from toolkit.nn import runtime

OURS, PEERS, ROUNDS, MUST = 4096, 512, 3, 20


def keras_cv_in_tf_data(images):
    """The same for keras-cv's layer."""
    runtime.setup()
    import keras_cv
    import tensorflow as tf

    layer = keras_cv.layers.RandAugment((0, 255), augmentations_per_image=5, magnitude=0.32)
    data = tf.data.Dataset.from_tensor_slices(images.astype(np.float32)).batch(BATCH)
    data = data.map(lambda batch: layer(batch, training=True), num_parallel_calls=tf.data.AUTOTUNE)
    for _ in data.take(1):
        pass

    def run():
        begin = time.perf_counter()
        for _ in data:
            pass
        return len(images) / (time.perf_counter() - begin)

    return run


def main():
    mine, peer = ours(pictures(OURS), os.cpu_count()), keras_cv_in_tf_data(pictures(PEERS))
    mine(), peer()
    rounds = [(mine(), peer()) for _ in range(ROUNDS)]
    report("RandAugment, 5 operations, 96 px: at least 20 times keras-cv's layer in tf.data (images/s)", rounds, MUST)


if __name__ == "__main__":
    main()
