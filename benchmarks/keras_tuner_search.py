"""Claim: 40 head trials take at most a 25th of what KerasTuner takes, and find heads that are as good.

    python benchmarks/keras_tuner_search.py CONFIG [--python /path/to/python] [--images 4000] [--score-images 1000]

CONFIG is a data set's config, such as configs/blood.yaml. The named interpreter, else this one, must have keras-tuner,
tensorboard (which it imports) and what the toolkit needs. Time: as in head_trials.py, against RandomSearch and
BayesianOptimization, whose seconds an epoch are measured over 2 trials of 3 epochs. Scores: the best accuracy of the
same number of trials and epochs on the same selection pictures, several seeds; each seed draws other pictures. Both
take the epoch with the best validation loss of a trial.
"""

import json
import sys

import numpy as np
from tune_common import arguments, contest, epoch_seconds, report, run_peer, run_tune, save_arrays

MUST = 25.0
ENGINES = ("random", "bayesian")


def scores(options):
    """Best accuracies a seed of ours and of each engine."""
    found = {"ours": [], **{engine: [] for engine in ENGINES}}
    given = ["--trials", options.score_trials, "--epochs", options.score_epochs]
    for seed in range(options.seeds):
        path = contest(
            options.config, options.folder, options.score_images, draw=seed, seed=seed, epochs=options.score_epochs,
            trials=options.score_trials,
        )  # fmt: skip
        arrays = save_arrays(path, options.folder / f"scores-{seed}.npz")
        found["ours"].append(run_tune(path)["best"])
        for engine in ENGINES:
            peer = run_peer("head_search.py", arrays, "--engine", engine, "--seed", seed, *given, python=options.python)
            found[engine].append(peer["best"])
        print(json.dumps({name: [round(value, 4) for value in values] for name, values in found.items()}), flush=True)
    return found


def times(options):
    """Seconds of our search, its epochs, and seconds an epoch of each engine."""
    path = contest(
        options.config, options.folder, options.images, epochs=options.epochs, trials=options.trials,
        train={"early_stopping": options.early_stopping},
    )  # fmt: skip
    arrays = save_arrays(path, options.folder / "times.npz")
    ours = run_tune(path)
    print(f"ours: {ours['epochs']} epochs, {ours['wall']:.1f} s, peak memory {ours['peak_mb']:.0f} MB", flush=True)
    each = {}
    for engine in ENGINES:
        peer = run_peer(
            "head_search.py", arrays, "--engine", engine, "--trials", options.peer_trials, "--epochs",
            options.peer_epochs, python=options.python,
        )  # fmt: skip
        each[engine] = epoch_seconds(peer)
        print(f"{engine}: {each[engine]:.2f} s an epoch, peak memory {peer['peak_mb']:.0f} MB", flush=True)
    return ours, each


def main():
    parser = arguments("keras_tuner")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has KerasTuner and TensorFlow")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--early-stopping", type=int, default=4)
    parser.add_argument("--peer-trials", type=int, default=2)
    parser.add_argument("--peer-epochs", type=int, default=3)
    parser.add_argument("--score-images", type=int, default=1000)
    parser.add_argument("--score-trials", type=int, default=8)
    parser.add_argument("--score-epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    ours, each = times(options)
    fastest = min(each.values()) * ours["epochs"]
    ratio = fastest / ours["wall"]
    found = scores(options)
    means = {name: float(np.mean(values)) for name, values in found.items()}
    deviations = {name: float(np.std(values, ddof=1)) if len(values) > 1 else 0.0 for name, values in found.items()}
    good = all(means["ours"] >= means[engine] - deviations[engine] for engine in ENGINES)
    for name in found:
        print(f"best accuracy of {name}: {means[name]:.4f} ± {deviations[name]:.4f}")
    report(
        f"{ours['trials']} head trials, {ours['epochs']} epochs, {options.images} pictures: seconds of `toolkit tune` "
        f"against KerasTuner's faster tuner (extrapolated); best accuracy at {options.score_images} pictures, "
        f"{options.seeds} seeds: ours {means['ours']:.4f}, RandomSearch {means['random']:.4f}, Bayesian "
        f"{means['bayesian']:.4f}, must not be an sd below",
        round(ours["wall"], 1), round(fastest, 1), round(ratio, 1), MUST, ratio >= MUST and good,
    )  # fmt: skip


if __name__ == "__main__":
    main()
