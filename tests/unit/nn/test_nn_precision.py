import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from toolkit.errors import ConfigError
from toolkit.nn.precision import computing_in, resolve
from toolkit.nn.runtime import fast_bfloat16

TRAINING = """
import sys
from pathlib import Path
from toolkit.nn import runtime
runtime.setup()
import keras
import numpy as np
from toolkit.nn.feeding import Feeder
from toolkit.nn.prediction import predict
from toolkit.nn.saving import save_model
from toolkit.nn.training import Validation, train

precision, folder = sys.argv[1], Path(sys.argv[2])
labels = np.arange(48) % 3
images = np.random.default_rng(0).integers(0, 160, (48, 16, 16, 3))
images[np.arange(48), :, :, labels] += 95
images, ids = images.astype(np.uint8), [str(number) for number in range(48)]
read = lambda names: images[[int(name) for name in names]]

computed = set()

class Watched(keras.layers.Conv2D):
    def call(self, inputs, training=None):
        if training:
            computed.add(keras.backend.standardize_dtype(inputs.dtype))
        return super().call(inputs)

def build(convolution):
    inputs = keras.Input((16, 16, 3))
    x = convolution(8, 3, use_bias=False)(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.8)(x)))
    return keras.Model(inputs, keras.layers.Activation("softmax", dtype="float32")(keras.layers.Dense(3)(x)))

keras.utils.set_random_seed(0)
model = build(Watched)
data = Feeder.of_images(read, ids, labels, n_classes=3, batch_size=8, accumulate=2)
computed.clear()
history = train(model, data, Validation(read, ids, labels), epochs=8, learning_rate=0.05, precision=precision, ema=0.8)
assert history.best.val_accuracy > 0.9, history
assert computed == {precision.removeprefix("mixed_")}, computed
plain = build(keras.layers.Conv2D)
plain.set_weights(model.get_weights())
assert [layer.dtype_policy.name for layer in model.layers] == ["float32"] * len(model.layers)
np.testing.assert_array_equal(predict(model, read, ids), predict(plain, read, ids))
save_model(plain, folder / "model.keras")
np.savez(folder / "predicted.npz", images, predict(model, read, ids))
"""


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_training_computes_in_16_bits_and_the_model_predicts_in_32(precision, tmp_path):
    # oneDNN's 16-bit convolutions need instructions that not every virtual machine grants.
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}
    command = [sys.executable, "-c", TRAINING, precision, str(tmp_path)]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    model = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    with np.load(tmp_path / "predicted.npz") as arrays:
        np.testing.assert_allclose(model.predict(arrays["arr_0"], verbose=0), arrays["arr_1"], rtol=1e-4, atol=1e-6)


def test_preprocessing_and_output_stay_in_32_bits(small_model):
    model = small_model()
    with computing_in(model, "mixed_bfloat16"):
        names = [layer.compute_dtype for layer in model.layers]
    assert names[1] == names[-1] == "float32"
    assert set(names[2:-1]) == {"bfloat16"}
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}


def test_auto_asks_the_device():
    assert resolve("auto") == ("mixed_bfloat16" if fast_bfloat16() else "float32")
    with pytest.raises(ConfigError, match="mixed_float16"):
        resolve("float16")
