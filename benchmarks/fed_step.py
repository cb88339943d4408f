"""Claim: a training step fed by the real pipeline takes at most 1.10 times as long as one fed a constant batch.

    python benchmarks/fed_step.py

EfficientNet-Lite0, all layers, 96 px, batches of 32, AdamW. The pipeline reads uint8 pictures, applies RandAugment (5
operations) and makes batches in two threads, while the step computes on all cores. Epochs of the same compiled step,
fed by the pipeline and fed one batch again and again, take turns; the first of each is not counted.
"""

import json
import statistics
import time

from toolkit.nn import runtime

runtime.setup()

import numpy as np  # noqa: E402

from toolkit.augmentation.policies import build_policy  # noqa: E402
from toolkit.nn.feeding import Feeder  # noqa: E402
from toolkit.nn.heads import build_model  # noqa: E402
from toolkit.nn.recipe import Recipe  # noqa: E402
from toolkit.nn.schedules import Schedule  # noqa: E402
from toolkit.nn.trainer import Trainer  # noqa: E402

SIZE, BATCH, STEPS, CLASSES, ROUNDS, MUST = 96, 32, 40, 8, 3, 1.10


class Constant(Feeder):
    """The same batch at every step, already made."""

    def epoch(self, number):
        batch = next(super().epoch(0))
        return iter([batch] * STEPS)


def main():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH * STEPS, SIZE, SIZE, 3), np.uint8)
    labels = rng.integers(0, CLASSES, len(images))
    ids = [str(number) for number in range(len(images))]
    policy = build_policy("rand_augment", magnitude=0.32, operations=5)

    def read(names):
        return images[[int(name) for name in names]]

    def augment(batch, names, epoch):
        return policy(batch, names, seed=0, epoch=epoch)

    fed = Feeder.of_images(read, ids, labels, n_classes=CLASSES, batch_size=BATCH, augment=augment)
    constant = Constant.of_images(read, ids, labels, n_classes=CLASSES, batch_size=BATCH)
    model = build_model("efficientnet_lite0", SIZE, CLASSES, weights="none", unfreeze="all")
    trainer = Trainer(model, fed, Recipe())
    plan = Schedule("constant", 1e-4, STEPS * 100)

    def step_time(data, epoch):
        trainer.data = data
        begin = time.perf_counter()
        trainer.run(epoch, 0, plan)
        return (time.perf_counter() - begin) / STEPS * 1000

    step_time(fed, 0), step_time(constant, 0)
    rounds = []
    for number in range(1, ROUNDS + 1):
        rounds.append((step_time(fed, number), step_time(constant, number)))
        print(f"round {number}: fed {rounds[-1][0]:.0f}, constant {rounds[-1][1]:.0f} ms a step", flush=True)
    ratio = statistics.median(one / other for one, other in rounds)
    result = {
        "claim": "training step with the real pipeline and RandAugment against one constant batch, Lite0 96 px, ms",
        "ours": round(statistics.median(one for one, _ in rounds), 1),
        "peer": round(statistics.median(other for _, other in rounds), 1),
        "ratio": round(ratio, 3),
        "must": MUST,
        "holds": ratio <= MUST,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
