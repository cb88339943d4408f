"""Claim: trials on cached activations rank settings as trials that augment and run the frozen network every epoch do.

    python benchmarks/cached_agreement.py CONFIG [--images 1000] [--settings 20] [--epochs 8] [--shared]

CONFIG is a data set's config, such as configs/blood.yaml. The same random settings of report A's space are trained
on cached activations (4 views) and, with two seeds, without a cache. Spearman's correlation of their scores must be at
most .05 below that of the two seeds without a cache. With --shared each epoch's pictures go through the frozen network
once for all settings instead of once a setting: a cache of as many views as epochs, which is the same training but for
the rounding of activations to float16.
"""

import json

import numpy as np
from scipy.stats import spearmanr
from tune_common import VIEWS, arguments, contest, random_settings, report, split_of

from toolkit.config import apply
from toolkit.steps.activation_store import ActivationStore
from toolkit.steps.networks import augmentation, new_model, start, training_phases, training_settings
from toolkit.steps.project import Project
from toolkit.steps.trials import Trials

SLACK = 0.05


def uncached(project, split, values, seed):
    """Accuracy of a whole network whose pictures are augmented anew every epoch."""
    from toolkit.nn.feeding import Feeder
    from toolkit.nn.phases import train_phases
    from toolkit.nn.prediction import predict
    from toolkit.nn.runtime import release
    from toolkit.nn.training import Validation

    config = apply(project.config, {**values, "seed": seed})
    read = project.pixels(project.manifest, project.hashes).read
    n_classes = len(split.larger.classes)
    model = new_model(config, n_classes, seed)
    feeder = Feeder.of_images(
        read, split.larger.image_ids.tolist(), split.larger.labels, n_classes=n_classes, seed=seed,
        augment=augmentation(config),
    )  # fmt: skip
    judges, labels = split.smaller.image_ids.tolist(), split.smaller.labels
    train_phases(
        model, training_phases(config, model, feeder, config.tune.trial_epochs, 0), Validation(read, judges, labels),
        **training_settings(config, split.larger.class_counts()),
    )  # fmt: skip
    score = float((predict(model, read, judges).argmax(axis=1) == labels).mean())
    release()
    return score


def cached(path, split, folder, seed, views):
    """A function that scores settings on cached activations, as `toolkit tune` does."""
    project = Project(path, assignments=[f"seed={seed}", f"tune.views={views}"])
    trials = Trials(project, [split], ActivationStore(folder / f"activations-{seed}-{views}"))
    return lambda values: trials(values).value


def main():
    parser = arguments("cached_agreement", images=1000)
    parser.add_argument("--settings", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--shared", action="store_true")
    options = parser.parse_args()
    path = contest(options.config, options.folder, options.images, epochs=options.epochs)
    project = Project(path)
    start(project.config)
    split = split_of(project)
    drawn = random_settings(options.settings, 0)
    ways = {"cached": cached(path, split, options.folder, 0, VIEWS)}
    for seed in (0, 1):
        name = f"uncached, seed {seed}"
        if options.shared:
            ways[name] = cached(path, split, options.folder, seed, options.epochs)
        else:
            ways[name] = lambda values, seed=seed: uncached(project, split, values, seed)
    scores = {name: [] for name in ways}
    for number, values in enumerate(drawn):
        for name, judge in ways.items():
            scores[name].append(judge(values))
        print(number, json.dumps({name: round(found[-1], 4) for name, found in scores.items()}), flush=True)
    first, second = scores["uncached, seed 0"], scores["uncached, seed 1"]
    ours, peer = (float(spearmanr(scores["cached"], first)[0]), float(spearmanr(first, second)[0]))
    other = float(spearmanr(scores["cached"], second)[0])
    print(f"cached against uncached: same seed {ours:.3f}, other seed {other:.3f}; two seeds uncached {peer:.3f}")
    print("mean scores", {name: round(float(np.mean(found)), 4) for name, found in scores.items()})
    report(
        f"Spearman correlation of {options.settings} trials of {options.epochs} epochs, {options.images} pictures: "
        "cached against uncached, and uncached against uncached with another seed; ratio is the difference",
        round(ours, 3), round(peer, 3), round(ours - peer, 3), -SLACK, ours >= peer - SLACK,
    )  # fmt: skip


if __name__ == "__main__":
    main()
