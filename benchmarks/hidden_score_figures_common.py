"""The figures of `hidden_score.py`: cheap statistics of the kept probabilities, one family left out at a time."""

import json
from collections import defaultdict
from dataclasses import asdict

import numpy as np
from hidden_score_cases_common import CLEAN, COMPOUND, HIDDEN_CELLS, LOCAL_CELLS, MODELS, Tuned, families
from scipy.stats import spearmanr

from toolkit.evaluation.estimates import (
    KnownTest,
    Signals,
    agreement,
    combine,
    confusion,
    corrected,
    estimate_shares,
    fit_mix,
    fit_reference,
    foretell,
    predictive_interval,
    redraw,
    signals,
    single_estimates,
    winkler,
    with_other_shares,
)
from toolkit.evaluation.estimates.calibration import REDRAWN

CLASSES = 8
PAST, TRIPLES, CANDIDATES = 3, 12, 4
RESAMPLES = 1000
USUAL = "combined, usual shares"
# Concentrations of the class shares with which each hidden test is drawn again, and the pictures drawn.
OTHER_SHARES, OTHER_PICTURES = (5.0, 1.0), 1000


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
        best = max(row["tests"]["local-clean"][0] for row in found.values())
        self.stored = {
            name: row for name, row in found.items() if row["tests"]["local-clean"][0] >= best - 0.15
        }  # fmt: skip
        self.rows = {name: row["tests"] for name, row in self.stored.items()}
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
        """Accuracy and signals by test; a model of the same kind stands for the other member of an ensemble."""
        path = self._folder / "signals" / f"{name}.json"
        if not path.exists():
            with np.load(self._file(name)) as stored:
                own = {cell: stored[cell].astype(np.float64) for cell in stored.files}
            partner = np.load(self._file(partner_of(name)))
            reference = fit_reference(own["local-clean"], self._labels["local"])
            path.write_text(json.dumps(self._described(own, partner, reference)))
        stored = json.loads(path.read_text())
        for part in ("tests", "other"):
            stored[part] = {cell: (row[0], Signals(**row[1]), row[2]) for cell, row in stored[part].items()}
        return stored

    def _described(self, own, partner, reference):
        """[accuracy, signals, predicted shares] of every test, and of each with other class shares."""
        tests, other, confusions = {}, {}, {}
        rng = np.random.default_rng(0)

        def row(values, labels, agreed=None):
            called = values.argmax(axis=1)
            shares = np.bincount(called, minlength=CLASSES) / len(called)
            return [float((called == labels).mean()), asdict(signals(reference, values, agreed)), shares.tolist()]

        for cell, values in own.items():
            kind, name = cell.split("-", 1)
            labels = self._labels[kind]
            tests[cell] = row(values, labels, agreement(np.stack([values, partner[cell]])))
            if kind == "local":
                confusions[cell] = confusion(values.argmax(axis=1), labels, CLASSES).tolist()
                again = with_other_shares(KnownTest("", labels, values), LOCAL_CELLS.index(name))
                other.update({f"{cell}-{place}": row(test.probabilities, test.labels)
                              for place, test in enumerate(again)})  # fmt: skip
                continue
            for concentration in OTHER_SHARES:
                rows = redraw(labels, concentration, OTHER_PICTURES, rng)
                other[f"{cell}-{concentration}"] = row(values[rows], labels[rows])
        return {"tests": tests, "other": other, "confusions": confusions, "known": reference.class_shares.tolist()}

    def foretell(self, name, places, target, pictures):
        """Estimate 2 from these local tests, that of each signal alone, and the class shares.

        Among the single ones is what is said if the classes have the shares of training.
        """
        own, tests = self.stored[name], [f"local-{LOCAL_CELLS[place]}" for place in places]
        groups = [family_of(LOCAL_CELLS[place]) for place in places]
        plain = [own["tests"][test] for test in tests]
        drawn = [own["other"][f"{test}-{place}"] for test in tests for place in range(len(REDRAWN))]
        confusions = np.array([own["confusions"][test] for test in tests])
        shares = estimate_shares(np.array(target[2]), np.array(own["known"]), confusions, groups, pictures)
        every = plain + drawn
        found = combine([row[1] for row in every], [row[0] for row in every],
                        groups + [group for group in groups for _ in REDRAWN], target[1], pictures,
                        [False] * len(plain) + [True] * len(drawn), shares.differ)  # fmt: skip
        plainly = [row[1] for row in plain], [row[0] for row in plain], groups, target[1]
        single = {USUAL: combine(*plainly, pictures), **single_estimates(*plainly)}
        return found, single, shares

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


def unlabelled(cases, concentration=None):
    """Estimate 2 and its parts on every hidden test, as it is or with class shares of such a Dirichlet distribution."""
    rows = []
    for number, name in enumerate(cases.names):
        own = cases.stored[name]
        for cell in HIDDEN_CELLS:
            if concentration is None:
                target, pictures = own["tests"][f"hidden-{cell}"], cases.pictures
            else:
                target, pictures = own["other"][f"hidden-{cell}-{concentration}"], OTHER_PICTURES
            found, singles, shares = cases.foretell(name, cases.seen(cell), target, pictures)
            truth = target[0]
            errors = {
                "combined": abs(found.point - truth),
                "hidden = clean": abs(float(cases.local[number, 0]) - truth),
                **{single: abs(row.point - truth) for single, row in singles.items()},
            }
            rows.append({"model": name, "cell": cell, "truth": truth, "point": found.point, "told": found.error,
                         "covered": found.low <= truth <= found.high, "width": found.high - found.low,
                         "differ": shares.differ, "warned": shares.seem_other, "errors": errors})  # fmt: skip
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
    """`(models, hidden tests)` what estimate 2 says for usual class shares.

    It is fitted on all families, or on those that the test is not of.
    """
    points = np.empty_like(cases.hidden)
    for number, name in enumerate(cases.names):
        for column, cell in enumerate(HIDDEN_CELLS):
            places = range(len(LOCAL_CELLS)) if inside else cases.seen(cell)
            _, single, _ = cases.foretell(name, places, cases.rows[name][f"hidden-{cell}"], cases.pictures)
            points[number, column] = single[USUAL].point
    return points


def tuned_count(cases):
    return sum(isinstance(MODELS[name], Tuned) for name in cases.names)
