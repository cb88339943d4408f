"""Pictures a second that a new pixel store decodes on 2 cores: at least 3,000 of 96 px JPEGs.

python benchmarks/pixel_store.py [--data FOLDER] [--pictures N]

The peer reads and resizes the same files in a plain loop of `cv2.imread` and `cv2.resize`. Both read from a warm file
cache; ours also writes and syncs its store.
"""

import argparse
import json
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from toolkit.artifacts import file_hash
from toolkit.manifest import Manifest
from toolkit.pixelstore import PixelStore

MUST_PER_SECOND = 3_000
SIZE = 96
WORKERS = 2
ROUNDS = 3


def make_pictures(folder: Path, n: int) -> None:
    """Write smooth pictures with some noise, which compress like photographs of this size (about 3 KB)."""
    random = np.random.default_rng(0)
    for i in range(n):
        coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8)).resize(
            (SIZE, SIZE), Image.Resampling.BICUBIC
        )
        noisy = np.asarray(coarse, np.int16) + random.normal(0, 6, (SIZE, SIZE, 1)).astype(np.int16)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{i:05d}.jpg", quality=90)


def ours_per_second(files: list[Path], hashes: list[str]) -> float:
    names = [file.stem for file in files]
    manifest = Manifest.build(files[0].parent, ["all"], names, [file.name for file in files])
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        store = PixelStore.build(Path(folder), manifest, hashes, SIZE, "squash", workers=WORKERS)
        seconds = time.perf_counter() - start
        if store.unreadable or not store.stored:
            raise SystemExit("some pictures were not stored")
    return len(set(hashes)) / seconds


def peer_per_second(files: list[Path]) -> float:
    start = time.perf_counter()
    for file in files:
        cv2.resize(cv2.imread(str(file)), (SIZE, SIZE))
    return len(files) / (time.perf_counter() - start)


def imread_per_second(files: list[Path], threads: int) -> float:
    names = [str(file) for file in files]
    parts = [names[i : i + 64] for i in range(0, len(names), 64)]
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: [cv2.imread(name) is None for name in part], parts))
    return len(files) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, help="a folder of JPEG files instead of made ones")
    parser.add_argument("--pictures", type=int, default=8_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = options.data or Path(made)
        if options.data is None:
            make_pictures(folder, options.pictures)
        files = sorted(folder.glob("*.jpg"))[: options.pictures]
        hashes = [file_hash(file) for file in files]
        cv2.setNumThreads(0)
        for threads in (1, 2):
            print(f"bare cv2.imread, {threads} thread(s): {imread_per_second(files, threads):,.0f} images/s")
        rounds = [(ours_per_second(files, hashes), peer_per_second(files)) for _ in range(ROUNDS)]
    ours = statistics.median(first for first, _ in rounds)
    peer = statistics.median(second for _, second in rounds)
    print(
        json.dumps(
            {
                "claim": "A pixel store decodes at least 3,000 images/s of 96 px JPEGs on 2 cores "
                "(peer: a loop of cv2.imread and cv2.resize)",
                "ours": round(ours),
                "peer": round(peer),
                "ratio": round(ours / peer, 2),
                "must": MUST_PER_SECOND,
                "holds": ours >= MUST_PER_SECOND,
            }
        )
    )


if __name__ == "__main__":
    main()
