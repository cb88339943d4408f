"""What the benchmarks of augmentation share: pictures, and our policy's speed."""

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.datasets import load_sample_images

from toolkit.augmentation.policies import build_policy

SIZE, BATCH = 96, 32


def pictures(count):
    rng = np.random.default_rng(0)
    photos = load_sample_images().images
    crops = []
    for index in range(count):
        photo = photos[index % len(photos)]
        top, left = rng.integers(photo.shape[0] - SIZE), rng.integers(photo.shape[1] - SIZE)
        crops.append(photo[top : top + SIZE, left : left + SIZE])
    return np.stack(crops)


def ours(images, threads=1):
    """A function that varies all pictures once, in batches on so many threads, and returns images/s."""
    policy = build_policy("rand_augment", magnitude=0.32, operations=5)
    ids = [str(index) for index in range(len(images))]

    def vary(start):
        return policy(images[start : start + BATCH], ids[start : start + BATCH], seed=0, epoch=0)

    def run():
        begin = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(vary, range(0, len(images), BATCH)):
                pass
        return len(images) / (time.perf_counter() - begin)

    return run


def report(claim, rounds, must):
    """Print the closing line of a benchmark from rounds of (ours, the peer's) images/s."""
    ratio = statistics.median(one / other for one, other in rounds)
    result = {
        "claim": claim,
        "ours": round(statistics.median(one for one, _ in rounds)),
        "peer": round(statistics.median(other for _, other in rounds)),
        "ratio": round(ratio, 2),
        "must": must,
        "holds": ratio >= must,
    }
    print(json.dumps(result))
