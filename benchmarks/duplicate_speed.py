"""Time to hash, search and verify 10,000 JPEGs of 640×480: against imagededup's pHash, and against decoding alone.

Decoding alone is OpenCV's `imread` in as many threads. The pictures are generated: photographs do not compress so
badly, nor do all decode as fast.

python benchmarks/duplicate_speed.py [--peers PYTHON] [--pictures N]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from toolkit.cleaning.duplicates import find_duplicates, from_prints
from toolkit.cleaning.inspection import inspect_pictures, pixel_keys
from toolkit.manifest import Location

MUST_PEER, MUST_DECODING, WORKERS, ROUNDS = 4.0, 1.4, 2, 3
PEER = """
import sys, time
from imagededup.methods import PHash
begin = time.time()
PHash(verbose=False).find_duplicates(image_dir=sys.argv[1], max_distance_threshold=10)
print("seconds", time.time() - begin)
"""


def generate(folder: Path, count: int) -> list[Path]:
    """Pictures with structure of all sizes; every tenth is a changed copy of the one before."""
    rng = np.random.default_rng(0)
    files = []
    for number in range(count):
        if number % 10 != 9:
            image = np.zeros((480, 640, 3), np.float32)
            for cells in (4, 12, 36, 108):
                part = rng.normal(0, 60 / cells**0.4, (cells * 3 // 4, cells, 3)).astype(np.float32)
                image += cv2.resize(part, (640, 480), interpolation=cv2.INTER_CUBIC)
            image = np.clip(image + 128, 0, 255).astype(np.uint8)
        files.append(folder / f"{number:05d}.jpg")
        cv2.imwrite(str(files[-1]), image, [cv2.IMWRITE_JPEG_QUALITY, 90 if number % 10 != 9 else 60])
    return files


def decode(files: list[Path]) -> float:
    begin = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(lambda path: cv2.imread(str(path)).shape, files, chunksize=16):
            pass
    return time.perf_counter() - begin


def ours(files: list[Path]) -> tuple[float, int]:
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        places = [Location(path) for path in files]
        prints = inspect_pictures(places, Path(folder) / "prints.npy", WORKERS)
        keys = pixel_keys(prints, places, WORKERS)
        found = find_duplicates(from_prints([p.name for p in files], prints, keys), [""] * len(files), workers=WORKERS)
        return time.perf_counter() - begin, len(found.groups)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--pictures", type=int, default=10_000)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        files = generate(Path(name), options.pictures)
        rounds = [(decode(files), *ours(files)) for _ in range(ROUNDS)]
        decoding, seconds, groups = min(r[0] for r in rounds), min(r[1] for r in rounds), rounds[0][2]
        peer = None
        if options.peers:
            answer = subprocess.run([options.peers, "-c", PEER, name], check=True, capture_output=True, text=True)
            peer = float(answer.stdout.split("seconds")[-1])
    print(f"decoding {decoding:.1f} s, ours {seconds:.1f} s, {groups} groups of {len(files) // 10}", file=sys.stderr)
    print(json.dumps({
        "claim": f"{len(files)} JPEGs of 640×480: ≥ 4 times imagededup's pHash, ≤ 1.4 times OpenCV's decoding",
        "ours": round(seconds, 2), "peer": {"imagededup": peer and round(peer, 2), "decoding": round(decoding, 2)},
        "ratio": {"imagededup": peer and round(peer / seconds, 2), "decoding": round(seconds / decoding, 2)},
        "must": {"imagededup": MUST_PEER, "decoding": MUST_DECODING},
        "holds": seconds <= MUST_DECODING * decoding and (peer is None or peer >= MUST_PEER * seconds),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
