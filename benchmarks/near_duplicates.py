"""Near duplicates found by ours and by peers: 1,000 genuine pictures and twelve changed copies of each.

Half of the pictures are blood cells, half photographs of waste. A pair is right if both show the same original.
Peers run in their own Python, as they come: imagededup's pHash (distance ≤ 10) and CleanVision (exact and near).

python benchmarks/near_duplicates.py DATA [--peers PYTHON] [--originals N]

DATA holds `blood/` (train.csv, ground_truth.csv) and `trash/images/`; PYTHON is an interpreter with imagededup and
cleanvision installed.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from toolkit.cleaning.duplicates import find_duplicates, from_prints
from toolkit.cleaning.inspection import inspect_pictures, pixel_keys
from toolkit.images import read_image, resize
from toolkit.manifest import Location

MUST_PRECISION, MUST_RECALL = 0.98, 0.95
PEERS = """
import json, sys, time
begin, found = time.time(), []
if sys.argv[1] == "imagededup":
    from imagededup.methods import PHash
    for name, others in PHash(verbose=False).find_duplicates(image_dir=sys.argv[2], max_distance_threshold=10).items():
        found += [sorted((name, other)) for other in others]
else:
    from pathlib import Path
    from cleanvision import Imagelab
    lab = Imagelab(data_path=sys.argv[2], verbose=False)
    lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, verbose=False)
    for kind in ("exact_duplicates", "near_duplicates"):
        for group in lab.info.get(kind, {}).get("sets", []):
            names = sorted(Path(path).name for path in group)
            found += [[a, b] for i, a in enumerate(names) for b in names[i + 1:]]
pairs = sorted({tuple(pair) for pair in found})
json.dump({"seconds": time.time() - begin, "pairs": pairs}, open(sys.argv[3], "w"))
"""


def changes(rng: np.random.Generator) -> dict[str, object]:
    """The twelve changes, each drawn anew for each picture."""

    def jpeg(image: np.ndarray) -> np.ndarray:
        return cv2.imdecode(cv2.imencode(".jpg", image, [1, int(rng.integers(30, 76))])[1], 1)

    def resized(image: np.ndarray) -> np.ndarray:
        factor = rng.uniform(0.5, 0.8)
        return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)

    def crop(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        top, bottom, left, right = rng.uniform(0.01, 0.04, 4)
        return image[int(height * top) : height - int(height * bottom), int(width * left) : width - int(width * right)]

    def shift(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        move = np.float32(
            [[1, 0, round(rng.uniform(-0.08, 0.08) * width)], [0, 1, round(rng.uniform(-0.08, 0.08) * height)]]
        )
        return cv2.warpAffine(image, move, (width, height), borderMode=cv2.BORDER_REPLICATE)

    def watermark(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        text = np.zeros_like(image)
        place = (int(width * 0.05), int(height * rng.uniform(0.3, 0.9)))
        cv2.putText(text, "sample", place, cv2.FONT_HERSHEY_SIMPLEX, width / 200, (255,) * 3, max(1, width // 96))
        return cv2.addWeighted(image, 1, text, 0.5, 0)

    def lookup(values: np.ndarray):
        return lambda image: cv2.LUT(image, np.clip(values, 0, 255).astype(np.uint8))

    levels = np.arange(256.0)
    return {
        "jpeg": jpeg,
        "resized": resized,
        "cropped": crop,
        "shifted": shift,
        "brighter": lambda image: lookup(levels + rng.uniform(15, 45))(image),
        "darker": lambda image: lookup(levels * rng.uniform(0.5, 0.85))(image),
        "contrast": lambda image: lookup((levels - 128) * rng.uniform(1.1, 1.5) + 128)(image),
        "gamma": lambda image: lookup(255 * (levels / 255) ** rng.uniform(0.65, 1.5))(image),
        "noisy": lambda image: np.clip(image + rng.normal(0, rng.uniform(4, 12), image.shape), 0, 255).astype(np.uint8),
        "watermark": watermark,
        "blurred": lambda image: cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.2) * image.shape[1] / 96),
        "grey": lambda image: cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR),
    }


def originals(data: Path, count: int, rng: np.random.Generator) -> list[Path]:
    """Genuine pictures without known duplicates, half of each kind."""
    with (data / "blood/ground_truth.csv").open(newline="", encoding="utf-8") as stream:
        clean = {r["image_id"] for r in csv.DictReader(stream) if r["kind"] == "clean" and not r["duplicate_group"]}
    with (data / "blood/train.csv").open(newline="", encoding="utf-8") as stream:
        blood = [data / "blood" / r["path"] for r in csv.DictReader(stream) if r["image_id"] in clean]
    with (data / "trash/duplicate_pairs.csv").open(newline="", encoding="utf-8") as stream:
        known = {r[name] for r in csv.DictReader(stream) for name in ("file_a", "file_b")}
    root = data / "trash/images"
    trash = [path for path in sorted(root.rglob("*.jpg")) if path.relative_to(root).as_posix() not in known]
    half = count // 2
    return [blood[i] for i in rng.permutation(len(blood))[:half]] + [
        trash[i] for i in rng.permutation(len(trash))[: count - half]
    ]


def ours(files: list[Path], folder: Path) -> tuple[float, set[tuple[str, str]], tuple[tuple[str, ...], ...]]:
    """Seconds, linked pairs and groups; embeddings by EfficientNet-Lite0 at 96 px included."""
    from toolkit.nn import runtime

    begin = time.time()
    runtime.setup()
    from toolkit.nn.features import embed

    places = {path.name: Location(path) for path in files}
    prints = inspect_pictures(list(places.values()), folder / "prints.npy")

    def read(names: object) -> np.ndarray:
        return np.stack([resize(read_image(places[name]), 96, "squash") for name in names])

    features = embed("efficientnet_lite0", 96, read, list(places), batch_size=256, workers=2)
    keys = pixel_keys(prints, list(places.values()))
    found = find_duplicates(from_prints(list(places), prints, keys), [""] * len(places), features)
    pairs = {(min(a, b), max(a, b)) for group in found.groups for i, a in enumerate(group) for b in group[i + 1 :]}
    return time.time() - begin, pairs, found.groups


def judge(pairs: set[tuple[str, str]], kinds: list[str], count: int) -> dict[str, object]:
    """Precision over all pairs, and recall of the pairs of original and copy by change."""
    right = sum(a.split("-")[0] == b.split("-")[0] for a, b in pairs)
    recall = {}
    for kind in kinds:
        wanted = [tuple(sorted((f"{n:04d}-original.png", f"{n:04d}-{kind}.png"))) for n in range(count)]
        recall[kind] = round(sum(pair in pairs for pair in wanted) / count, 3)
    mean = round(float(np.mean(list(recall.values()))), 4)
    return {"precision": round(right / max(1, len(pairs)), 4), "recall": mean, "by change": recall}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--originals", type=int, default=1000)
    options = parser.parse_args()
    rng = np.random.default_rng(5)
    made = changes(rng)
    with tempfile.TemporaryDirectory() as name:
        folder, files = Path(name) / "pictures", []
        folder.mkdir()
        for number, path in enumerate(originals(options.data, options.originals, rng)):
            image = cv2.imread(str(path))
            for kind, change in {"original": lambda same: same, **made}.items():
                files.append(folder / f"{number:04d}-{kind}.png")
                cv2.imwrite(str(files[-1]), change(image))
        results: dict[str, dict[str, object]] = {}
        if options.peers:
            for peer in ("imagededup", "cleanvision"):
                answer = Path(name) / f"{peer}.json"
                subprocess.run(
                    [options.peers, "-c", PEERS, peer, folder, answer], check=True, stdout=subprocess.DEVNULL
                )
                found = json.loads(answer.read_text())
                pairs = {tuple(pair) for pair in found["pairs"]}
                results[peer] = {**judge(pairs, list(made), options.originals), "seconds": round(found["seconds"], 1)}
        seconds, pairs, groups = ours(files, Path(name))
        results["ours"] = {**judge(pairs, list(made), options.originals), "seconds": round(seconds, 1)}
        merged = defaultdict(set)
        for number, group in enumerate(groups):
            merged[number] = {member.split("-")[0] for member in group}
        false = sum(len(sources) - 1 for sources in merged.values())
        for who, result in results.items():
            print(f"{who:12} " + json.dumps(result), file=sys.stderr)
        print(f"originals merged with others: {false}", file=sys.stderr)
    us = results["ours"]
    shown = {who: {key: r[key] for key in ("precision", "recall", "seconds")} for who, r in results.items()}
    print(json.dumps({
        "claim": "near duplicates among 1,000 pictures and 12 changed copies of each: precision ≥ .98, recall ≥ .95",
        "ours": shown.pop("ours"),
        "peer": shown,
        "ratio": None, "must": [MUST_PRECISION, MUST_RECALL],
        "holds": us["precision"] >= MUST_PRECISION and us["recall"] >= MUST_RECALL,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
