"""Claim: compiled RandAugment is at least 1.3 times as fast as the same operations step by step in OpenCV.

    python benchmarks/augmentation_fused.py

The same drawn steps are applied to the same pictures: compiled (joined, then each by the cheapest means), and one after
another by OpenCV's own functions. Drawing is not counted, joining is. Both on one thread; they take turns.
"""

import time

import cv2
from augmentation_common import pictures, report

from toolkit.augmentation.compile import fuse, run
from toolkit.augmentation.operations import Colour, Geometric, Pointwise
from toolkit.augmentation.policies import build_policy
from toolkit.augmentation.randomness import numbers

COUNT, ROUNDS, MUST = 4096, 7, 1.3


def step_by_step(image, steps):
    height, width = image.shape[:2]
    for step in steps:
        if isinstance(step, Geometric):
            image = cv2.warpAffine(
                image, step.matrix[:2], (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
        elif isinstance(step, Pointwise):
            image = cv2.LUT(image, step.table)
        elif isinstance(step, Colour):
            image = cv2.transform(image, step.matrix)
        else:
            image = step.function(image)
    return image


def speed(function, images, drawn):
    begin = time.perf_counter()
    for image, steps in zip(images, drawn, strict=True):
        function(image, steps)
    return len(images) / (time.perf_counter() - begin)


def main():
    images = pictures(COUNT)
    policy = build_policy("rand_augment", magnitude=0.32, operations=5)
    drawn = [policy.draw(96, 96, own) for own in numbers(0, 0, 0, [str(index) for index in range(COUNT)])]
    rounds = [
        (speed(lambda image, steps: run(image, fuse(steps)), images, drawn), speed(step_by_step, images, drawn))
        for _ in range(ROUNDS)
    ]
    report("RandAugment, 5 operations, 96 px: compiled at least 1.3 times step by step (images/s)", rounds, MUST)


if __name__ == "__main__":
    main()
