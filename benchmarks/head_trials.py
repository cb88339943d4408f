"""Claim: 40 head trials of up to 20 epochs take at most a 25th of what Optuna around a Keras model takes.

    python benchmarks/head_trials.py CONFIG [--folder F] [--images 4000] [--trials 40] [--epochs 20]

CONFIG is a data set's config, such as configs/blood.yaml. EfficientNet-Lite0 at 96 px, frozen, 4 augmented views, the
head space of report A. Ours is the wall time of the whole command `toolkit tune`: start, reading the pictures, the
caches and all trials. The peer runs the frozen network every epoch; its seconds an epoch are measured over 2 trials
of 3 epochs, the first epoch of each trial (which compiles the graph) left out in its favour, and multiplied by the
epochs that our trials really trained.
"""

from tune_common import arguments, contest, epoch_seconds, report, run_peer, run_tune, save_arrays

MUST = 25.0


def main():
    parser = arguments("head_trials")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--early-stopping", type=int, default=4, help="epochs without improvement; 0: never stop")
    parser.add_argument("--peer-trials", type=int, default=2)
    parser.add_argument("--peer-epochs", type=int, default=3)
    options = parser.parse_args()
    path = contest(
        options.config, options.folder, options.images, epochs=options.epochs, trials=options.trials,
        train={"early_stopping": options.early_stopping},
    )  # fmt: skip
    arrays = save_arrays(path, options.folder / "arrays.npz")
    ours = run_tune(path)
    print(
        f"ours: {ours['trials']} trials, {ours['epochs']} epochs, {ours['wall']:.1f} s, best {ours['best']:.4f}, "
        f"peak memory {ours['peak_mb']:.0f} MB", flush=True,
    )  # fmt: skip
    peer = run_peer("head_search.py", arrays, "--trials", options.peer_trials, "--epochs", options.peer_epochs)
    each = epoch_seconds(peer)
    every = [[round(second, 2) for second in training] for training in peer["epoch_seconds"]]
    print(f"peer: {each:.2f} s an epoch of {every}, peak memory {peer['peak_mb']:.0f} MB", flush=True)
    needed = each * ours["epochs"]
    ratio = needed / ours["wall"]
    report(
        f"{ours['trials']} head trials, {ours['epochs']} epochs, {options.images} pictures, frozen EfficientNet-Lite0: "
        "seconds of `toolkit tune` against Optuna around a Keras model (its seconds an epoch, extrapolated)",
        round(ours["wall"], 1), round(needed, 1), round(ratio, 1), MUST, ratio >= MUST,
    )  # fmt: skip


if __name__ == "__main__":
    main()
