"""Reported: ASHA against random search at equal epochs, and the epochs at which it passes random's best.

    python benchmarks/asha_random.py CONFIG [--images 1000] [--epochs 256] [--trial-epochs 16] [--seeds 5]

CONFIG is a data set's config, such as configs/blood.yaml. Both draw report A's heads by chance and train them on cached
activations, through the search of `toolkit tune`: `--set tune.sampler=random`, without a pruner and with
`tune.pruner=asha`. Optuna's ASHA does not resume trials that it stopped.
"""

import shutil

import numpy as np
from tune_common import arguments, contest, report, split_of

from toolkit.steps.activation_store import ActivationStore
from toolkit.steps.networks import start
from toolkit.steps.project import Project
from toolkit.steps.search_space import checked_space
from toolkit.steps.trials import Trials
from toolkit.tuning.search import search


def course(result):
    """(epochs spent, best value) after each complete trial."""
    spent, best, points = 0, -np.inf, []
    for trial in result.trials:
        spent += trial.epochs
        if trial.value is not None:
            best = max(best, trial.value)
            points.append((spent, best))
    return points


def main():
    parser = arguments("asha_random", images=1000)
    parser.add_argument("--epochs", type=int, default=256, help="of each search")
    parser.add_argument("--trial-epochs", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    path = contest(options.config, options.folder, options.images, epochs=options.trial_epochs, sampler="random")
    project = Project(path)
    start(project.config)
    space, rules = checked_space(project.config)
    studies = options.folder / "studies"
    shutil.rmtree(studies, ignore_errors=True)
    studies.mkdir(parents=True)
    found = {"asha": [], "none": []}
    for pruner, courses in found.items():
        searched = Project(path, assignments=[f"tune.pruner={pruner}"])
        trials = Trials(searched, [split_of(searched)], ActivationStore(options.folder / "activations"))
        for seed in range(options.seeds):
            result = search(
                trials, space, storage=studies / f"{pruner}-{seed}.log", name="tune", trials=100_000, conditions=rules,
                sampler="random", seed=seed, epochs=options.epochs, pruner=pruner, trial_epochs=options.trial_epochs,
                live=True,
            )  # fmt: skip
            courses.append(course(result))
            print(
                f"{pruner}, seed {seed}: {len(result.trials)} trials, {result.count('pruned')} stopped, "
                f"{result.epochs} epochs, best {courses[-1][-1][1]:.4f}", flush=True,
            )  # fmt: skip
    passed = []
    for asha, plain in zip(found["asha"], found["none"], strict=True):
        passed.append(next((spent for spent, best in asha if best > plain[-1][1]), None))
    print(f"ASHA passes random's best of {options.epochs} epochs after so many epochs (None: never): {passed}")
    ours, peer = (float(np.mean([points[-1][1] for points in found[name]])) for name in ("asha", "none"))
    told = ", ".join("never" if spent is None else str(spent) for spent in passed)
    report(
        f"mean best accuracy of ASHA and of random search, {options.epochs} epochs each, {options.seeds} seeds; ASHA "
        f"passes random's best after {told} epochs",
        round(ours, 4), round(peer, 4), round(ours / peer, 3), "reported", True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
