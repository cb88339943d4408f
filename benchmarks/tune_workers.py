"""Claim: two workers on one study make at least 1.4 times the trials an hour of one with its default threads.

    python benchmarks/tune_workers.py CONFIG [--images 4000] [--trials 24] [--epochs 8] [--rounds 1]

CONFIG is a data set's config, such as configs/blood.yaml. `toolkit tune` and `toolkit tune --workers 2` make the same
number of trials of report A's heads. Counted from the moment the first trial ends, when all caches are there, to the
moment the last one ends; the wall time of the whole commands, start and caches included, is printed too.
"""

import statistics

import optuna
from tune_common import arguments, contest, report, run_tune

from toolkit.tuning.search import open_study

MUST = 1.4


def trials_an_hour(found):
    """Speed after the end of the first trial, and of the whole command."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = open_study(found["run_dir"] / "journal.log", "tune")
    ends = sorted(trial.datetime_complete for trial in study.trials if trial.datetime_complete)
    steady = (len(ends) - 1) / (ends[-1] - ends[0]).total_seconds()
    return 3600 * steady, 3600 * len(ends) / found["wall"]


def main():
    from pathlib import Path

    parser = arguments("tune_workers")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    # Drawn by chance: with TPE the two searches would train other, larger or smaller, heads.
    path = contest(
        options.config, options.folder, options.images, epochs=options.epochs, trials=options.trials, sampler="random"
    )
    steady = {1: [], 2: []}
    for _ in range(options.rounds):
        for workers in steady:
            found = run_tune(path, "--workers", str(workers))
            found["run_dir"] = Path(found["run_dir"])
            speed, whole = trials_an_hour(found)
            steady[workers].append(speed)
            print(
                f"{workers} worker(s): {speed:.0f} trials an hour after the first, {whole:.0f} with start and caches; "
                f"{found['epochs']} epochs, peak memory {found['peak_mb']:.0f} MB", flush=True,
            )  # fmt: skip
    ours, peer = statistics.median(steady[2]), statistics.median(steady[1])
    report(
        f"trials an hour of {options.epochs} epochs, {options.images} pictures: 2 workers against 1 with all threads",
        round(ours), round(peer), round(ours / peer, 2), MUST, ours / peer >= MUST,
    )  # fmt: skip


if __name__ == "__main__":
    main()
