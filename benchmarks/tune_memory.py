"""Claim: 300 head trials in a row, in one process, leave its memory within 100 MB of what it was after 20.

    python benchmarks/tune_memory.py CONFIG [--images 200] [--trials 300] [--epochs 1] [--first 20]

CONFIG is a data set's config, such as configs/blood.yaml. The worker of `toolkit tune` makes the trials, drawn from
report A's heads, on cached activations of a few pictures.
"""

import shutil

from tune_common import arguments, contest, memory_mb, report

from toolkit.steps import keys
from toolkit.steps.clean import cleaned_data
from toolkit.steps.project import Project
from toolkit.steps.tune_search import work

MUST = 100.0


def main():
    parser = arguments("tune_memory", images=200)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--first", type=int, default=20, help="trials before the first measurement")
    options = parser.parse_args()
    path = contest(
        options.config, options.folder, options.images, epochs=options.epochs, trials=options.trials, sampler="random"
    )
    project = Project(path)
    shutil.rmtree(project.folder / "tune", ignore_errors=True)
    cleaned = cleaned_data(project)
    run = project.run("tune", keys.tune_key(project.config, cleaned.key))
    run.path.mkdir(parents=True)
    memory = []

    def note(record, so_far):
        memory.append(memory_mb())
        if len(memory) % options.first == 0:
            print(f"{len(memory)} trials: {memory[-1]:.0f} MB", flush=True)

    work(project, cleaned, run, on_trial=note)
    before, after = memory[min(options.first, len(memory)) - 1], memory[-1]
    report(
        f"resident memory in MB after {len(memory)} head trials in one process, and after {options.first}; ratio: "
        "growth",
        round(after), round(before), round(after - before, 1), MUST, after - before <= MUST,
    )  # fmt: skip


if __name__ == "__main__":
    main()
