"""Adam's update as TensorFlow's one operation a variable.

Keras spells the update out in a dozen operations, each of which reads and writes a whole variable, and all of which are
traced anew for every network. The formula (Kingma and Ba 2015, arXiv 1412.6980, end of section 2) is the same; results
differ by rounding.
"""

from __future__ import annotations

from typing import Any

import keras


def fused(kind: Any) -> Any:
    """Adam or AdamW with the fused update on TensorFlow; on other backends the class itself.

    Args:
        kind: `keras.optimizers.Adam`, or a subclass that keeps its update.
    """
    if keras.backend.backend() != "tensorflow":
        return kind
    import tensorflow as tf

    class Fused(kind):  # type: ignore[misc]
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            # Keras passes its own variable or, on its way here, the one of TensorFlow inside.
            target = variable.value if isinstance(variable, keras.Variable) else variable
            plain = isinstance(gradient, tf.Tensor) and isinstance(target, tf.Variable)
            if not plain or self.amsgrad:
                super().update_step(gradient, variable, learning_rate)
                return
            index, dtype = self._get_variable_index(variable), variable.dtype
            step = tf.cast(self.iterations + 1, dtype)
            beta_1, beta_2 = tf.constant(self.beta_1, dtype), tf.constant(self.beta_2, dtype)
            tf.raw_ops.ResourceApplyAdam(
                var=target.handle,
                m=self._momentums[index].value.handle,
                v=self._velocities[index].value.handle,
                beta1_power=tf.pow(beta_1, step),
                beta2_power=tf.pow(beta_2, step),
                lr=tf.cast(learning_rate, dtype),
                beta1=beta_1,
                beta2=beta_2,
                epsilon=tf.constant(self.epsilon, dtype),
                grad=tf.cast(gradient, dtype),
            )

    Fused.__name__ = Fused.__qualname__ = kind.__name__
    return Fused
