"""What only TensorFlow offers: quiet start, thread limits, determinism, and steps compiled without XLA.

On other Keras backends the same functions fall back to Keras's own compiled steps. XLA is left off on TensorFlow
because it makes convolutions several times slower on CPUs.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np

Inputs = np.ndarray | list[np.ndarray]
Forward = Callable[[Inputs], Any]
# (inputs, targets (b, k), sample weights (b,)) -> mean loss of the batch, number of right answers; not yet fetched.
TrainStep = Callable[[Inputs, np.ndarray, np.ndarray], tuple[Any, Any]]

_NOISE = re.compile(rb"^(WARNING: All log messages before absl|To enable the following instructions|[IWE]\d{4} |"
                    rb"\d{4}-\d\d-\d\d [\d:.]+: [IWE] )")  # fmt: skip


@dataclass(frozen=True)
class Runtime:
    """What computes.

    Attributes:
        backend: Keras backend: tensorflow, jax or torch.
        keras: Version of Keras.
        devices: Names of the devices it sees, such as `CPU:0`.
        versions: (package, version) of the backends and keras-cv, those that are installed.
    """

    backend: str
    keras: str
    devices: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]


def setup(*, threads: int | None = None, deterministic: bool = False, seed: int = 0) -> None:
    """Start Keras quietly; call it before anything else of this package.

    Calling it again only sets the seed: thread limits hold for the life of a process and determinism stays on.

    Args:
        threads: Most threads of one TensorFlow operation and most operations at once; None: one a core.
        deterministic: Bit-equal results on the same machine; somewhat slower. Without it, sums may round differently.
        seed: Seed of Python, NumPy and Keras.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    if "keras" not in sys.modules:
        with _quiet_stderr():
            importlib.import_module("keras")
    for name in ("tensorflow", "absl", "jax"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import keras

    keras.config.disable_interactive_logging()
    if _on_tensorflow():
        _setup_tensorflow(threads, deterministic)
    keras.utils.set_random_seed(seed)


def _setup_tensorflow(threads: int | None, deterministic: bool) -> None:
    import tensorflow as tf

    gpus = _tensorflow_gpus()
    with suppress(RuntimeError, ValueError):  # both can be set only before the first operation of a process
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
    if not gpus:
        # Measured on EfficientNet-Lite0: the graph optimiser adds 3 s to the first step and nothing to the speed.
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    if deterministic:
        tf.config.experimental.enable_op_determinism()


@cache
def _tensorflow_gpus() -> tuple[Any, ...]:
    """The GPUs that TensorFlow sees, looked for once a process.

    Where there is none, the first look may complain, whatever the log level that another library left.
    """
    import tensorflow as tf

    with _quiet_stderr():
        return tuple(tf.config.list_physical_devices("GPU"))


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what native code writes to the error stream, then pass on all that is not start-up chatter.

    TensorFlow's C++ libraries log before their log level can be set from Python.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, AttributeError, ValueError):
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not _NOISE.match(line):
                    os.write(2, line)


def describe() -> Runtime:
    """Name the backend, its devices and the versions that compute."""
    import keras

    backend = str(keras.backend.backend())
    devices: tuple[str, ...]
    if backend == "tensorflow":
        import tensorflow as tf

        devices = tuple(device.name.split("device:")[-1] for device in tf.config.list_logical_devices())
    else:
        devices = tuple(str(name) for name in keras.distribution.list_devices())
    versions = []
    for package in ("tensorflow", "jax", "torch", "keras-cv"):
        with suppress(metadata.PackageNotFoundError):
            versions.append((package, metadata.version(package)))
    return Runtime(backend, str(keras.__version__), devices, tuple(versions))


def gpu_count() -> int:
    """How many GPUs this process sees; none of them is taken."""
    setup()
    import keras

    if _on_tensorflow():
        return len(_tensorflow_gpus())
    return sum(name.lower().startswith(("gpu", "cuda")) for name in keras.distribution.list_devices())


def release() -> None:
    """Free the graphs and names of models that are no longer used; call it between the trainings of one process.

    Models that are still used can be run and trained on; only a training step not compiled yet must be made anew.
    """
    import keras

    keras.utils.clear_session(free_memory=False)
    if _on_tensorflow():
        _forget_gradients()
    gc.collect()


def _forget_gradients() -> None:
    """Drop the gradients that TensorFlow registers under a new name in each graph, and never drops.

    Each holds its graph and so all variables of a model: the optimiser's update registers one, every swish another.
    """
    with suppress(ImportError, AttributeError):  # a detail of TensorFlow; without it memory grows, nothing breaks
        from tensorflow.python.framework import ops

        registered = ops.gradient_registry._registry
        for name in [name for name in registered if name.startswith("CustomGradient-")]:
            del registered[name]


def compile_forward(model: Any) -> Forward:
    """The model's inference as one compiled call; compiled once a model and input shape.

    Args:
        model: A `keras.Model`.

    Returns:
        A function from inputs `(b, …)` to a float32 output `(b, …)`, or a list of them.
    """
    known: Forward | None = vars(model).get("_toolkit_forward")
    if known is not None:
        return known
    if _on_tensorflow():
        import tensorflow as tf

        call = tf.function(lambda inputs: model(inputs, training=False), jit_compile=False, autograph=False)

        def forward(inputs: Inputs) -> Any:
            return _arrays(call(inputs))
    else:

        def forward(inputs: Inputs) -> Any:
            return _arrays(model.predict_on_batch(inputs))

    vars(model)["_toolkit_forward"] = forward  # lives and dies with the model; Keras must not track it
    return forward


def _arrays(outputs: Any) -> Any:
    if isinstance(outputs, list | tuple):
        return [np.asarray(output, np.float32) for output in outputs]
    return np.asarray(outputs, np.float32)


def compile_train_step(model: Any, optimizer: Any, loss: Callable[[Any, Any], Any]) -> TrainStep:
    """One step of gradient descent on a weighted loss, compiled once a batch shape.

    Args:
        model: A `keras.Model` that ends in probabilities `(b, k)`; its trainable layers are fixed at the first call.
        optimizer: A built Keras optimiser for `model.trainable_variables`.
        loss: Targets and probabilities, both `(b, k)` tensors, to the loss of each picture `(b,)`.

    Returns:
        The step; it returns the batch's mean weighted loss and its number of right answers, still on the device.
    """
    if not _on_tensorflow():
        return _keras_train_step(model, optimizer, loss)
    import tensorflow as tf

    from toolkit.nn.fused_normalization import fused_normalization

    variables = model.trainable_variables

    def step(inputs: Any, targets: Any, weights: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            with fused_normalization():
                probabilities = model(inputs, training=True)
            losses = weights * loss(targets, probabilities)
            mean = tf.reduce_mean(losses) + sum(model.losses)
            scaled = optimizer.scale_loss(mean)  # for float16; others return it as it is
        optimizer.apply(tape.gradient(scaled, variables), variables)
        right = tf.equal(tf.argmax(targets, axis=-1), tf.argmax(probabilities, axis=-1))
        return mean, tf.reduce_sum(tf.cast(right, tf.float32))

    compiled: TrainStep = tf.function(step, jit_compile=False, autograph=False)
    return compiled


def _keras_train_step(model: Any, optimizer: Any, loss: Callable[[Any, Any], Any]) -> TrainStep:
    import keras

    # A shell over the same layers is compiled, so that the model itself stays free of an optimiser when saved.
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    shell = keras.Model(inputs, model.outputs[0])
    shell.compile(optimizer=optimizer, loss=loss, metrics=["categorical_accuracy"], auto_scale_loss=False)

    def step(inputs: Inputs, targets: np.ndarray, weights: np.ndarray) -> tuple[Any, Any]:
        shell.reset_metrics()
        logs = shell.train_on_batch(inputs, targets, sample_weight=weights, return_dict=True)
        return logs["loss"], logs["categorical_accuracy"] * len(targets)

    return step


def compile_average(live: list[Any], averages: list[Any]) -> Callable[[float], None]:
    """Moving averages of variables as one compiled call.

    Args:
        live: Floating-point `keras.Variable`s.
        averages: Their averages, changed in place.

    Returns:
        A function that moves each average by a share, 0–1, of the way to its variable.
    """
    if _on_tensorflow():
        import tensorflow as tf

        @tf.function(jit_compile=False, autograph=False)  # type: ignore[misc,untyped-decorator,unused-ignore]
        def move(share: Any) -> None:
            for variable, average in zip(live, averages, strict=True):
                average.assign(average + (variable - average) * tf.cast(share, average.dtype))

        return lambda share: move(tf.constant(share, tf.float32))
    import keras

    def mean(values: list[Any], means: list[Any], share: Any) -> list[Any]:
        return [old + (new - old) * share for new, old in zip(values, means, strict=True)]

    if keras.backend.backend() == "jax":
        import jax

        mean = jax.jit(mean)

    def average_all(share: float) -> None:
        moved = mean([variable.value for variable in live], [average.value for average in averages], share)
        for average, value in zip(averages, moved, strict=True):
            average.assign(value)

    return average_all


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of a training step says that memory ran out, on whatever backend and device."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"MemoryError", "ResourceExhaustedError", "OutOfMemoryError"}:
        return True
    return bool(names & {"XlaRuntimeError", "JaxRuntimeError"}) and "RESOURCE_EXHAUSTED" in str(error)


def fast_bfloat16() -> bool:
    """Whether a GPU or TPU is there that computes in bfloat16. Processors are not asked: few gain, some cannot."""
    import keras

    if _on_tensorflow():
        import tensorflow as tf

        if tf.config.list_physical_devices("TPU"):
            return True
        details = [tf.config.experimental.get_device_details(gpu) for gpu in _tensorflow_gpus()]
        return bool(details) and all(detail.get("compute_capability", (0, 0)) >= (8, 0) for detail in details)
    if keras.backend.backend() == "jax":
        import jax

        devices = jax.devices()
        return all(
            device.platform == "tpu"
            or (device.platform == "gpu" and float(getattr(device, "compute_capability", 0) or 0) >= 8.0)
            for device in devices
        )
    return False


def _on_tensorflow() -> bool:
    import keras

    return bool(keras.backend.backend() == "tensorflow")
