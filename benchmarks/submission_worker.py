"""Claim: in a contest worker a package predicts at least 0.9 times as fast as plain `model.predict` of its networks.

    python benchmarks/submission_worker.py [PICTURES]

Three EfficientNet-Lite0 networks at 96 px, 10,000 pictures by default. Ours is the speed that the ingestion program of
a bundle prints, of `Model.predict` in the worker; the peer loads the same files in a process of its own and runs
`model.predict` of each with the same batch size. Both take turns. It also prints the peak memory of each beyond the
pictures, whose limit is 2 GiB.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from toolkit.steps.proving import measured_speed
from toolkit.submission.bundle import write_bundle
from toolkit.submission.codabench import build_zip
from toolkit.submission.verify import run_worker

ROUNDS, MUST, LIMIT_MB = 3, 0.9, 2 * 1024**3 / 1e6
CLASSES = tuple(f"class {index}" for index in range(8))

MAKE = """
import sys
from pathlib import Path
from toolkit.nn import runtime
runtime.setup()
from toolkit.nn.heads import build_model
from toolkit.nn.saving import save_model
for index in range(3):
    save_model(build_model("efficientnet_lite0", 96, 8, seed=index), Path(sys.argv[1]) / f"{index}.keras")
"""
PEER = """
import os, resource, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import keras
import numpy as np
pictures = np.load(sys.argv[1])
networks = [keras.models.load_model(path, compile=False) for path in sys.argv[2:]]
for network in networks:
    network.jit_compile = False
begin = time.perf_counter()
sum(network.predict(pictures, batch_size=64, verbose=0) for network in networks).argmax(axis=1)
print(len(pictures) / (time.perf_counter() - begin), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
"""


def main(count):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        subprocess.run([sys.executable, "-c", MAKE, scratch], check=True)
        models = [folder / f"{index}.keras" for index in range(3)]
        built = build_zip(models, folder / "a.zip", class_names=CLASSES, image_size=96, vote="mean")
        pictures = np.random.default_rng(0).integers(0, 256, (count, 96, 96, 3), dtype=np.uint8)
        bundle = write_bundle(folder / "bundle", pictures, np.arange(count) % 8, class_names=CLASSES, title="speed",
                              time_limit_s=7200)  # fmt: skip
        array = pictures.nbytes / 1e6
        ours, peer, memory = [], [], []
        for _ in range(ROUNDS):
            ran = run_worker(built.path, bundle)
            speed = measured_speed(ran.log)
            if speed is None:
                raise SystemExit(f"the worker measured no speed: {ran.log}")
            ours.append(speed.images_per_second)
            memory.append(ran.peak_memory_mb)
            command = [sys.executable, "-c", PEER, str(bundle / "input_data" / "X.npy"), *map(str, models)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            images_per_second, peak = map(float, done.stdout.split()[-2:])
            peer.append(images_per_second)
            print(f"ours {ours[-1]:.1f}/s, {memory[-1]:.0f} MB; peer {peer[-1]:.1f}/s, {peak:.0f} MB", flush=True)
    beyond = max(memory) - array
    print(f"{count:,} pictures of {array:.0f} MB: at most {beyond:.0f} MB beyond them (limit {LIMIT_MB:.0f} MB)")
    ratio = statistics.median(ours) / statistics.median(peer)
    result = {
        "claim": f"pictures/s in the contest worker, 3 x Lite0 96 px, {count:,} pictures; {beyond:.0f} MB beyond them",
        "ours": round(statistics.median(ours), 1),
        "peer": round(statistics.median(peer), 1),
        "ratio": round(ratio, 2),
        "must": f">= {MUST} and at most {LIMIT_MB:.0f} MB",
        "holds": ratio >= MUST and beyond <= LIMIT_MB,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
