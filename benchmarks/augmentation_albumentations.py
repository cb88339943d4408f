"""Claim: RandAugment is at least 3 times as fast as albumentations' nearest pipeline.

    python benchmarks/augmentation_albumentations.py [--peers PYTHON]

PYTHON is an interpreter in which albumentations is installed; by default this one. Both apply 5 of the same ten
operations to pictures of 96 px on one thread; they take turns.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

COUNT, ROUNDS, MUST = 2048, 5, 3
PEER = """
import sys, time
import albumentations as A, cv2, numpy as np
cv2.setNumThreads(0)
images = np.load(sys.argv[1])
border = {"border_mode": cv2.BORDER_REFLECT, "p": 1}
m = 0.32
pipeline = A.SomeOf([
    A.AutoContrast(p=1), A.Equalize(p=1), A.Solarize(threshold_range=(1 - m, 1 - m), p=1),
    A.ColorJitter(brightness=(1, 1), contrast=(1, 1), saturation=(1 - m, 1 - m), hue=(0, 0), p=1),
    A.RandomBrightnessContrast(brightness_limit=0, contrast_limit=m, p=1),
    A.RandomBrightnessContrast(brightness_limit=m, contrast_limit=0, p=1),
    A.Affine(shear={"x": (-18, 18), "y": 0}, **border), A.Affine(shear={"x": 0, "y": (-18, 18)}, **border),
    A.Affine(translate_percent={"x": (-m, m), "y": 0}, **border),
    A.Affine(translate_percent={"x": 0, "y": (-m, m)}, **border),
], n=5, replace=True, p=1)
pipeline = A.Compose([pipeline])
for image in images[:50]:
    pipeline(image=image)
begin = time.perf_counter()
for image in images:
    pipeline(image=image)
print(len(images) / (time.perf_counter() - begin))
"""


def main():
    import numpy as np
    from augmentation_common import ours, pictures, report

    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", default=sys.executable)
    python = parser.parse_args().peers
    images = pictures(COUNT)
    mine = ours(images)
    mine()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npy"
        np.save(file, images)

        def peer():
            done = subprocess.run([python, "-c", PEER, str(file)], capture_output=True, text=True, check=True)
            return float(done.stdout.split()[-1])

        rounds = [(mine(), peer()) for _ in range(ROUNDS)]
    report("RandAugment, 5 operations, 96 px: at least 3 times albumentations' pipeline (images/s)", rounds, MUST)


if __name__ == "__main__":
    main()
