"""Claim: trials whose networks have the same shape cost less when they share one, and score the same.

    python benchmarks/trial_reuse.py CONFIG [--images 400] [--trials 60] [--epochs 2]

CONFIG is a data set's config, such as configs/blood.yaml. Random trials of report A's head space on cached activations,
in one process: the same trials with networks that are used again, and with a new network each. Processor seconds a
trial, after the first of each, which makes the caches.
"""

import itertools
import random
import time

from tune_common import SPACE, arguments, contest, report, split_of

from toolkit.nn.trial_networks import TrialNetworks
from toolkit.steps.activation_store import ActivationStore
from toolkit.steps.networks import start
from toolkit.steps.project import Project
from toolkit.steps.trials import Trials


class NewEachTime(TrialNetworks):
    """No network is used again."""

    def __init__(self):
        super().__init__()
        self._count = itertools.count()

    def lend(self, key, build, **rates):
        return super().lend((key, next(self._count)), build, **rates)


def draw(chance):
    """One trial's settings, uniformly from the space."""
    found = {}
    for name, dimension in SPACE.items():
        if "choice" in dimension:
            found[name] = chance.choice(dimension["choice"])
        elif "int" in dimension:
            found[name] = chance.randint(*dimension["int"])
        elif dimension.get("log"):
            low, high = dimension["float"]
            found[name] = low * (high / low) ** chance.random()
        else:
            found[name] = chance.uniform(*dimension["float"])
    return found


def main():
    parser = arguments("trial_reuse", images=400)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    project = Project(contest(options.config, options.folder, options.images, epochs=options.epochs))
    start(project.config)
    chance = random.Random(0)
    asked = [draw(chance) for _ in range(options.trials + 1)]
    kinds = {"shared": Trials(project, [split_of(project)], ActivationStore(options.folder / "activations"))}
    kinds["new"] = Trials(project, [split_of(project)], ActivationStore(options.folder / "activations"))
    kinds["new"].networks = NewEachTime()
    seconds = dict.fromkeys(kinds, 0.0)
    differ = 0
    for number, settings in enumerate(asked):
        values = []
        for name, trials in kinds.items():  # one after the other, so that both meet the same load
            begin = time.process_time()
            values.append(trials(settings).value)
            if number:
                seconds[name] += time.process_time() - begin
        differ += values[0] != values[1]
    shared = kinds["shared"].networks
    print(f"{shared.built} networks built for {shared.lent} trials; scores differ in {differ}")
    each = {name: value / options.trials for name, value in seconds.items()}
    report(
        "processor seconds a head trial with shared networks, and with a new one each; ratio: new over shared",
        round(each["shared"], 3), round(each["new"], 3), round(each["new"] / each["shared"], 2), 1.0,
        each["new"] >= each["shared"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
