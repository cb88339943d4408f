"""The figures of `hidden_score.py`: cheap statistics of the kept probabilities, one family left out at a time."""

import json
from collections import defaultdict
from dataclasses import asdict

import numpy as np
from hidden_score_cases_common import CLEAN, COMPOUND, HIDDEN_CELLS, LOCAL_CELLS, MODELS, Tuned, families
from scipy.stats import spearmanr

from toolkit.evaluation.estimates import (
    Signals,
    agreement,
    combine,
    corrected,
    fit_mix,
    fit_reference,
    foretell,
    predictive_interval,
    signals,
    single_estimates,
    winkler,
)

CLASSES = 8
PAST, TRIPLES, CANDIDATES = 3, 12, 4
RESAMPLES = 1000


class Cases:
    """Accuracies and signals of the models that are there, within 15 points of the best clean score.

    Args:
        folder: Of the bank.
        names: Models wanted; those without predictions are left out.
    """

    def __init__(self, folder, names):
        with np.load(folder / "labels.npz") as labels:
            self._labels = dict(labels)
        self._folder = folder
        (folder / "signals").mkdir(exist_ok=True)
        found = {name: self._model(name) for name in names if self._file(name).exists()}
        best = max(rows["local-clean"][0] for rows in found.values())
        self.rows = {name: rows for name, rows in found.items() if rows["local-clean"][0] >= best - 0.15}
        self.left_out = sorted(set(found) - set(self.rows))
        self.names = list(self.rows)
        self.local = self._table("local", LOCAL_CELLS)
        self.hidden = self._table("hidden", HIDDEN_CELLS)
        self.pictures = len(self._labels["hidden"])

    def _file(self, name):
        return self._folder / "predictions" / f"{name}.npz"

    def _table(self, kind, cells):
        return np.array([[rows[f"{kind}-{cell}"][0] for cell in cells] for rows in self.rows.values()])

    def _model(self, name):
        """(accuracy, signals) by test; a model of the same kind stands for the other member of an ensemble."""
        path = self._folder / "signals" / f"{name}.json"
        if not path.exists():
            with np.load(self._file(name)) as stored:
                own = {cell: stored[cell].astype(np.float64) for cell in stored.files}
            partner = np.load(self._file(partner_of(name)))
            reference = fit_reference(own["local-clean"], self._labels["local"])
            rows = {}
            for cell, values in own.items():
                agreed = agreement(np.stack([values, partner[cell]]))
                right = values.argmax(axis=1) == self._labels[cell.split("-")[0]]
                rows[cell] = [float(right.mean()), asdict(signals(reference, values, agreed))]
            path.write_text(json.dumps(rows))
        return {cell: (accuracy, Signals(**row)) for cell, (accuracy, row) in json.loads(path.read_text()).items()}

    def seen(self, cell):
        """Positions of the local tests that share no family with a hidden one."""
        return [place for place, own in enumerate(LOCAL_CELLS) if not families(own) & families(cell)]


def partner_of(name):
    """The model of the same kind that stands for the other member of an ensemble: the one before, or the second."""
    kind = MODELS[name]
    alike = [other for other, row in MODELS.items() if type(row) is type(kind)
             and getattr(row, "backbone", None) == getattr(kind, "backbone", None)]  # fmt: skip
    place = alike.index(name)
    return alike[place - 1] if place else alike[1]


def family_of(cell):
    return "+".join(sorted(families(cell)))


def _shifted_mean(table, places):
    """Mean over families of the mean over their tests, the clean one left out."""
    groups = defaultdict(list)
    for place in places:
        if LOCAL_CELLS[place] != CLEAN:
            groups[family_of(LOCAL_CELLS[place])].append(place)
    return np.mean([table[:, rows].mean(axis=1) for rows in groups.values()], axis=0)


def correlations(cases):
    """Spearman of noisy and of clean local score with the score under each left-out family; over models resampled."""
    single = [cell for cell in HIDDEN_CELLS if cell != CLEAN and cell not in COMPOUND]
    pairs = []
    for family in sorted({family_of(cell) for cell in single}):
        columns = [HIDDEN_CELLS.index(cell) for cell in single if family_of(cell) == family]
        pairs.append((family, _shifted_mean(cases.local, cases.seen(HIDDEN_CELLS[columns[0]])),
                      cases.hidden[:, columns].mean(axis=1)))  # fmt: skip
    clean = cases.local[:, 0]
    rng = np.random.default_rng(0)

    def means(rows, chosen):
        def one(score, truth):
            value = spearmanr(score[rows], truth[rows]).statistic
            return value if np.isfinite(value) else 0.0

        noisy = [one(pairs[place][1], pairs[place][2]) for place in chosen]
        plain = [one(clean, pairs[place][2]) for place in chosen]
        return float(np.mean(noisy)), float(np.mean(plain))

    everything, families_all = np.arange(len(clean)), np.arange(len(pairs))
    drawn = np.array([means(rng.choice(everything, len(everything)), rng.choice(families_all, len(families_all)))
                      for _ in range(RESAMPLES)])  # fmt: skip
    noisy, plain = means(everything, families_all)
    difference = np.percentile(drawn[:, 0] - drawn[:, 1], [2.5, 97.5])
    return {
        "noisy": noisy, "noisy_interval": np.percentile(drawn[:, 0], [2.5, 97.5]).tolist(), "clean": plain,
        "clean_interval": np.percentile(drawn[:, 1], [2.5, 97.5]).tolist(), "difference_interval": difference.tolist(),
        "by_family": {family: [float(spearmanr(score, truth).statistic), float(spearmanr(clean, truth).statistic)]
                      for family, score, truth in pairs},
    }  # fmt: skip


def intervals(cases):
    """Estimate 1 on every hidden test."""
    rows = []
    for number, name in enumerate(cases.names):
        clean = float(cases.local[number, 0])
        for column, cell in enumerate(HIDDEN_CELLS):
            places = [place for place in cases.seen(cell) if place]
            groups = [family_of(LOCAL_CELLS[place]) for place in places]
            found = predictive_interval(clean, cases.local[number, places], groups, cases.pictures)
            truth = float(cases.hidden[number, column])
            rows.append({
                "model": name, "cell": cell, "covered": found.low <= truth <= found.high,
                "width": (found.high - found.low) / (clean - 1 / CLASSES),
                "winkler": winkler(found.low, found.high, truth), "trivial": winkler(1 / CLASSES, clean, truth),
                "error": abs(found.point - truth),
            })  # fmt: skip
    return rows


def unlabelled(cases):
    """Estimate 2 and its parts on every hidden test."""
    rows = []
    for number, name in enumerate(cases.names):
        own = cases.rows[name]
        for column, cell in enumerate(HIDDEN_CELLS):
            names = [LOCAL_CELLS[place] for place in cases.seen(cell)]
            local = [own[f"local-{test}"][1] for test in names]
            accuracy, groups = [own[f"local-{test}"][0] for test in names], [family_of(test) for test in names]
            truth, target = float(cases.hidden[number, column]), own[f"hidden-{cell}"][1]
            found = combine(local, accuracy, groups, target, cases.pictures)
            errors = {
                "combined": abs(found.point - truth),
                "hidden = clean": abs(float(cases.local[number, 0]) - truth),
            }
            for single, row in single_estimates(local, accuracy, groups, target).items():
                errors[single] = abs(row.point - truth)
            rows.append({"model": name, "cell": cell, "truth": truth, "point": found.point, "told": found.error,
                         "covered": found.low <= truth <= found.high, "width": found.high - found.low,
                         "errors": errors})  # fmt: skip
    return rows


def feedback(cases, inside):
    """Estimate 3 after three past scores of other models, for every hidden test: by the mix, and with its pictures."""
    rng, rows = np.random.default_rng(3), []
    aimed = target_points(cases, inside)
    for column, cell in enumerate(HIDDEN_CELLS):
        places = list(range(len(LOCAL_CELLS))) if inside else cases.seen(cell)
        names, groups = [LOCAL_CELLS[place] for place in places], [family_of(LOCAL_CELLS[place]) for place in places]
        table, truth = cases.local[:, places], cases.hidden[:, column]
        for _ in range(TRIPLES):
            order = rng.permutation(len(cases.names))
            past, others = order[:PAST], order[PAST : PAST + CANDIDATES]
            mix = fit_mix(names, groups, table[past], truth[past], cases.pictures)
            for other in others:
                found = {
                    "mix": foretell(mix, "", table[other], cases.pictures).estimate,
                    "corrected": corrected(aimed[other, column], aimed[past, column], truth[past],
                                           table[[*past, other]], cases.pictures),
                }  # fmt: skip
                errors = {name: abs(row.point - truth[other]) for name, row in found.items()}
                covered = {name: row.low <= truth[other] <= row.high for name, row in found.items()}
                errors["estimate 2"] = abs(aimed[other, column] - truth[other])
                rows.append({"cell": cell, "model": cases.names[other], "errors": errors, "covered": covered})
    return rows


def target_points(cases, inside):
    """`(models, hidden tests)` what estimate 2 says, fitted on all families or on those that the test is not of."""
    points = np.empty_like(cases.hidden)
    for number, name in enumerate(cases.names):
        own = cases.rows[name]
        for column, cell in enumerate(HIDDEN_CELLS):
            places = range(len(LOCAL_CELLS)) if inside else cases.seen(cell)
            known = [own[f"local-{LOCAL_CELLS[place]}"] for place in places]
            groups = [family_of(LOCAL_CELLS[place]) for place in places]
            target = own[f"hidden-{cell}"][1]
            found = combine([row[1] for row in known], [row[0] for row in known], groups, target, cases.pictures)
            points[number, column] = found.point
    return points


def tuned_count(cases):
    return sum(isinstance(MODELS[name], Tuned) for name in cases.names)
