import gc
import subprocess
import sys
import weakref

import keras
import numpy as np

from toolkit.nn import runtime
from toolkit.nn.feeding import Feeder
from toolkit.nn.training import Validation, train

START = """
import os, sys
from toolkit.nn import runtime
runtime.setup(threads=1)
import numpy as np
from toolkit.nn.backbones import build_backbone
from toolkit.nn.runtime import compile_forward
compile_forward(build_backbone("mobilenet_v2", 32, "none"))(np.zeros((1, 32, 32, 3), np.uint8))
import keras
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
os.write(2, b"after")
"""


def test_a_whole_process_starts_and_computes_without_a_word():
    found = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    assert found.stdout == ""
    assert found.stderr == "after"


def test_what_is_not_start_up_chatter_is_passed_on():
    script = (
        "import os, sys, types\n"
        "from toolkit.nn import runtime\n"
        "with runtime._quiet_stderr():\n"
        "    os.write(2, b'I0000 00:00:1 1 port.cc:153] oneDNN\\nreal trouble\\n')\n"
        "    os.write(2, b'WARNING: All log messages before absl::InitializeLog() is called\\n')\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert found.stderr == "real trouble\n"


def test_the_machine_is_described():
    found = runtime.describe()
    assert found.backend == keras.backend.backend()
    assert any(device.lower().startswith("cpu") for device in found.devices)
    assert found.keras == keras.__version__


def test_the_seed_is_set_each_time():
    runtime.setup(seed=4)
    first = np.random.rand(), np.asarray(keras.initializers.GlorotUniform()((2, 2))).tolist()
    runtime.setup(seed=4)
    assert (np.random.rand(), np.asarray(keras.initializers.GlorotUniform()((2, 2))).tolist()) == first


def test_a_model_is_compiled_once():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Flatten()(inputs))
    assert runtime.compile_forward(model) is runtime.compile_forward(model)


def test_finished_trainings_leave_no_graph_and_no_variable_behind(make_pictures):
    pictures = make_pictures(8, 8)
    feeder = Feeder.of_images(pictures.read, pictures.ids, pictures.labels, n_classes=3, batch_size=4)

    def train_one():
        inputs = keras.Input((8, 8, 3))
        x = keras.layers.Dense(4, activation="swish")(keras.layers.Flatten()(inputs))
        model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
        train(model, feeder, Validation(pictures.read, pictures.ids, pictures.labels), epochs=1)
        return [weakref.ref(variable) for variable in model.variables]

    variables = train_one()
    runtime.release()
    assert all(variable() is None for variable in variables)
    graphs = sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects())
    train_one()
    runtime.release()
    assert sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects()) <= graphs
