"""Claim: with the pictures in memory, a fresh process finishes its first training step within 15 seconds.

    python benchmarks/first_step.py

Measured from the start of the Python process: imports, EfficientNet-Lite0 at 96 px with packaged weights and a head,
its last 15 layers and, apart, all layers trained; compilation and the first step. `peer` is the limit. Several fresh
processes each; the claim is held to the slower of the two medians.
"""

import json
import statistics
import subprocess
import sys
import time

ROUNDS, MUST = 3, 15.0

PROCESS = """
import sys
from toolkit.nn import runtime
runtime.setup()
import numpy as np
from toolkit.nn.feeding import Feeder
from toolkit.nn.heads import build_model
from toolkit.nn.training import train

images = np.random.default_rng(0).integers(0, 256, (64, 96, 96, 3), np.uint8)
ids = [str(number) for number in range(64)]
feeder = Feeder.of_images(lambda names: images[[int(name) for name in names]], ids, np.arange(64) % 8, n_classes=8)
unfreeze = "all" if sys.argv[1] == "all" else int(sys.argv[1])
model = build_model("efficientnet_lite0", 96, 8, unfreeze=unfreeze)

class FirstStep(Exception):
    pass

def stop(done, total):
    raise FirstStep

try:
    train(model, feeder, epochs=1, on_progress=stop)
except FirstStep:
    pass
"""


def seconds(unfreeze):
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", PROCESS, unfreeze], check=True)
    return time.perf_counter() - begin


def main():
    medians = []
    for unfreeze in ("15", "all"):
        rounds = [seconds(unfreeze) for _ in range(ROUNDS)]
        medians.append(statistics.median(rounds))
        print(f"unfreeze {unfreeze}: " + ", ".join(f"{value:.1f}" for value in rounds) + " s", flush=True)
    result = {
        "claim": "fresh process to the end of the first training step, Lite0 96 px, seconds",
        "ours": round(max(medians), 1),
        "peer": MUST,
        "ratio": round(max(medians) / MUST, 2),
        "must": f"<= {MUST:g} s",
        "holds": max(medians) <= MUST,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
