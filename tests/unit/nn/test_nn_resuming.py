import os
import signal
import subprocess
import sys

import numpy as np
import pytest

TRAINING = """
import os, signal, sys
from pathlib import Path
import numpy as np
from toolkit.nn import runtime
runtime.setup(deterministic=True, threads=2)
from toolkit.nn.feeding import Feeder
from toolkit.nn.heads import add_head, pool
from toolkit.nn.training import Validation, train
import keras

folder, kill_at = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
images, labels = rng.integers(0, 256, (40, 32, 32, 3), np.uint8), np.arange(40) % 3
ids = [str(number) for number in range(40)]
read = lambda names: images[[int(name) for name in names]]

def flip(batch, names, epoch):
    flips = np.array([(int(name) + epoch) % 2 for name in names], bool)
    return np.where(flips[:, None, None, None], batch[:, :, ::-1], batch)

def on_progress(done, total):
    if done == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

inputs = keras.Input((32, 32, 3))
x = keras.layers.Conv2D(16, 3, strides=2, use_bias=False)(keras.layers.Rescaling(1 / 255)(inputs))
x = keras.layers.DepthwiseConv2D(3)(keras.layers.ReLU()(keras.layers.BatchNormalization()(x)))
x = add_head(pool(keras.layers.SpatialDropout2D(0.2)(x), "avg"), 3, 1, (32,), 0.5, "relu", True, seed=3)
model = keras.Model(inputs, x)
train(model, Feeder.of_images(read, ids, labels, n_classes=3, batch_size=8, augment=flip),
      Validation(read, ids[:8], labels[:8]), epochs=4, optimizer="adamw", schedule="cosine",
      checkpoint_dir=folder / "state", on_progress=on_progress)
np.savez(folder / "weights.npz", *[np.asarray(variable) for variable in model.variables])
"""


def test_training_killed_in_the_third_epoch_ends_bit_equal_to_training_never_killed(tmp_path):
    def start(name, kill_at):
        (tmp_path / name).mkdir(exist_ok=True)
        command = [sys.executable, "-c", TRAINING, str(tmp_path / name), str(kill_at)]
        return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "2"}, stderr=subprocess.PIPE)

    straight, killed = start("straight", -1), start("killed", 13)
    killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL
    resumed = start("killed", -1)
    for process in (straight, resumed):
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    with np.load(tmp_path / "straight" / "weights.npz") as one, np.load(tmp_path / "killed" / "weights.npz") as other:
        assert one.files == other.files
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])


SETTINGS = """
import sys
from pathlib import Path
import numpy as np
from toolkit.nn import runtime
runtime.setup(deterministic=True, threads=1)
import keras
from toolkit.nn.feeding import Feeder
from toolkit.nn.phases import Phase, train_phases
from toolkit.nn.training import Validation

rng = np.random.default_rng(0)
labels = np.array([0] * 24 + [1] * 12 + [2] * 4)
images, ids = rng.integers(0, 256, (40, 12, 12, 3), np.uint8), [str(number) for number in range(40)]
read = lambda names: images[[int(name) for name in names]]

class Interrupted(Exception):
    pass

def run(name, stop_at, sampling="shuffle", accumulate=1, transfer=False, **settings):
    folder = Path(sys.argv[1]) / name
    keras.utils.set_random_seed(1)
    inputs = keras.Input((12, 12, 3))
    x = keras.layers.Conv2D(6, 3, use_bias=False)(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Conv2D(8, 3)(keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.8)(x)))
    body = keras.Model(inputs, x)
    pictures = keras.Input((12, 12, 3))
    x = keras.layers.Dropout(0.3, seed=4)(keras.layers.GlobalAveragePooling2D()(body(pictures)))
    x = keras.layers.Dense(3)(x)
    model = keras.Model(pictures, keras.layers.Activation("softmax", dtype="float32")(x))
    data = Feeder.of_images(read, ids, labels, n_classes=3, batch_size=4, sampling=sampling, accumulate=accumulate)
    phases = [Phase("training", data, 5)]
    if transfer:
        phases = [Phase("transfer", data, 3, lambda: setattr(body, "trainable", False), {"learning_rate": 0.01}),
                  Phase("fine-tuning", data, 3, lambda: setattr(body, "trainable", True))]
    def on_progress(done, total):
        if done == stop_at:
            raise Interrupted
    try:
        history = train_phases(model, phases, Validation(read, ids[:30:2], labels[:30:2]),
                               checkpoint_dir=folder / "state", on_progress=on_progress, **settings)
    except Interrupted:
        return
    rates = [record.learning_rate for record in history.records]
    np.savez(folder / "weights.npz", rates, *[np.asarray(variable) for variable in model.variables])

stops = [int(value) for value in sys.argv[2:]] or [-1] * 4
run("average", stops[0], optimizer="adam", schedule="cosine", warmup_epochs=0.5, learning_rate=0.02,
    accumulate=2, ema=0.9, clip_norm=0.5)
run("plateau", stops[1], optimizer="sgd", momentum=0.8, learning_rate=1.5, schedule="plateau", plateau_patience=1,
    sampling="balanced", loss="focal", label_smoothing=0.1)
run("phases", stops[2], transfer=True, optimizer="lion", weight_decay=0.1, layer_decay=0.6, learning_rate=0.005,
    ema=0.8)
run("float16", stops[3], optimizer="nadam", precision="mixed_float16", accumulate=3, learning_rate=0.02, ema=0.9)
"""


@pytest.mark.slow
def test_every_setting_resumes_bit_equal_in_a_new_process(tmp_path):
    # Stopped in the third and fourth epoch, and (phases: 30 batches each) in the first and, later, the second phase.
    def start(name, *stops):
        (tmp_path / name).mkdir(exist_ok=True)
        # oneDNN's 16-bit convolutions need instructions that not every virtual machine grants.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "0"}
        command = [sys.executable, "-c", SETTINGS, str(tmp_path / name), *map(str, stops)]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)

    straight = start("straight")
    for stops in ((25, 37, 17, 40), (-1, 42, 45, -1), ()):
        process = start("resumed", *stops)
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors.decode()
    _, errors = straight.communicate(timeout=600)
    assert straight.returncode == 0, errors.decode()
    for name in ("average", "plateau", "phases", "float16"):
        found = [tmp_path / kind / name / "weights.npz" for kind in ("straight", "resumed")]
        with np.load(found[0]) as one, np.load(found[1]) as other:
            assert one.files == other.files
            for array in one.files:
                np.testing.assert_array_equal(one[array], other[array], err_msg=f"{name} {array}")
            if name == "plateau":
                assert one["arr_0"][-1] < one["arr_0"][0]
