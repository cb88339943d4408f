"""Claim: our ConvNeXt-Tiny is at least 5 times (forward) and 4 times (training) as fast as keras.applications' one.

    python benchmarks/convnext_depthwise.py [--torch-python /path/to/python]

96 px, batch 16, TensorFlow on the CPU; images/s of the fastest call. Both get the same head and the same compiled
calls, so only the depthwise convolutions differ. PyTorch's figures for the same network are printed too, where an
interpreter has it.
"""

import json
import time

import keras
import numpy as np
from peers.torch_peer import torch_python, torch_speed

from toolkit.nn import runtime
from toolkit.nn.backbones import build_backbone

SIZE, BATCH, FORWARD_MUST, TRAINING_MUST = 96, 16, 5, 4


def speeds(body, calls):
    """(forward, training) images/s of a backbone with a class layer."""
    inputs = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.GlobalAveragePooling2D()(body(inputs))
    model = keras.Model(inputs, keras.layers.Dense(8, activation="softmax")(features))
    optimizer = keras.optimizers.SGD(1e-3)
    optimizer.build(model.trainable_variables)
    images = np.random.default_rng(0).integers(0, 256, (BATCH, SIZE, SIZE, 3)).astype(np.float32)
    targets, weights = np.eye(8, dtype=np.float32)[np.arange(BATCH) % 8], np.ones(BATCH, np.float32)
    forward, step = (
        runtime.compile_forward(model),
        runtime.compile_train_step(model, optimizer, keras.losses.categorical_crossentropy),
    )
    return fastest(lambda: forward(images), calls), fastest(lambda: float(step(images, targets, weights)[0]), calls)


def fastest(run, calls):
    run()
    times = []
    for _ in range(calls):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return BATCH / min(times)


def main():
    runtime.setup()
    mine = speeds(build_backbone("convnext_tiny", SIZE, "none"), 5)
    stock = speeds(keras.applications.ConvNeXtTiny(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3)), 2)
    ratios = [one / other for one, other in zip(mine, stock, strict=True)]
    peer = torch_speed(torch_python(), "convnext_tiny", BATCH)
    print(f"PyTorch: {peer or 'not installed'}")
    print(
        json.dumps(
            {
                "claim": "ConvNeXt-Tiny, 96 px, forward / training: at least 5 / 4 times keras.applications (images/s)",
                "ours": " / ".join(f"{value:.1f}" for value in mine),
                "peer": " / ".join(f"{value:.1f}" for value in stock),
                "ratio": " / ".join(f"{value:.1f}" for value in ratios),
                "must": f"{FORWARD_MUST} / {TRAINING_MUST}",
                "holds": ratios[0] >= FORWARD_MUST and ratios[1] >= TRAINING_MUST,
            }
        )
    )


if __name__ == "__main__":
    main()
