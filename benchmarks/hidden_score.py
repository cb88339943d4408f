"""Claim: the hidden score is known before submitting, under corruption families that no local test contains.

    python benchmarks/hidden_score.py CONFIG PRACTICE_TEST FOLDER [--manifest CSV] [--models NAME] [--bank-only]

CONFIG is a config such as configs/blood.yaml; PRACTICE_TEST a labelled source of other pictures of the same kind, which
stand for the hidden test. Up to 20 models, 10 of them fine-tuned completely, are trained in about 5 minutes each on two
busy cores and see 33 local tests (16 corruptions of 8 families) and 33 hidden ones: other pictures, other severities,
mostly other corruptions, and several corruptions at once. A hidden test is foretold from the local tests of the other
families alone. Models and probabilities are kept in FOLDER, and what is there is not made again; the statistics take a
few minutes. They lie in FOLDER/results.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from hidden_score_bank_common import Bank
from hidden_score_cases_common import COMPOUND, MODELS
from hidden_score_figures_common import OTHER_SHARES, Cases, correlations, feedback, intervals, tuned_count, unlabelled

FEWEST, FEWEST_TUNED = 16, 6


def mean_errors(rows):
    """Mean absolute error of each estimate over hidden tests."""
    return {name: float(np.mean([row["errors"][name] for row in rows])) for name in rows[0]["errors"]}


def part_figures(rows):
    """Errors, coverage and width of estimate 2, and what it says of the class shares."""
    means = {name: float(np.mean([row[name] for row in rows])) for name in
             ("covered", "width", "told", "differ", "warned")}  # fmt: skip
    return {"errors": mean_errors(rows), **means}


def figures(cases):
    """Everything that is claimed, and whether it holds."""
    rank, spans, aimed = correlations(cases), intervals(cases), unlabelled(cases)
    after = {"inside": feedback(cases, True), "outside": feedback(cases, False)}
    parts = {
        "all": aimed,
        "accuracy of half and more": [row for row in aimed if row["truth"] >= 0.5],
        "less": [row for row in aimed if row["truth"] < 0.5],
        "several corruptions at once": [row for row in aimed if row["cell"] in COMPOUND],
    }
    errors = {name: mean_errors(rows) for name, rows in parts.items()}
    shifted = {f"concentration {value:g}": part_figures(unlabelled(cases, value)) for value in OTHER_SHARES}
    span = {name: float(np.mean([row[name] for row in spans])) for name in
            ("covered", "width", "winkler", "trivial", "error")}  # fmt: skip
    span["by model kind"] = {
        kind: float(np.mean([row["width"] for row in spans if row["model"].startswith(kind)]))
        for kind in ("tuned", "frozen") if any(row["model"].startswith(kind) for row in spans)
    }  # fmt: skip
    third = {place: {"errors": mean_errors(rows),
                     "covered": {name: float(np.mean([row["covered"][name] for row in rows]))
                                 for name in ("mix", "corrected")}} for place, rows in after.items()}  # fmt: skip
    combined = errors["all"]["combined"]
    holds = {
        "models": len(cases.names) >= FEWEST and tuned_count(cases) >= FEWEST_TUNED,
        "rank correlation": rank["noisy"] >= 0.8 and rank["difference_interval"][0] > 0,
        "estimate 2": errors["accuracy of half and more"]["combined"] <= 0.05 and errors["less"]["combined"] <= 0.1
        and combined <= min(errors["all"]["hidden = clean"], errors["all"]["mean confidence"]) / 2,
        **{f"estimate 3, {kind}": third["inside"]["errors"][kind] <= 0.03 and third["outside"]["errors"][kind] <= 0.05
           and all(part["errors"][kind] < part["errors"]["estimate 2"] for part in third.values())
           for kind in ("corrected", "mix")},
        "estimate 1": span["covered"] >= 0.85 and span["width"] <= 0.7,
    }  # fmt: skip
    return {
        "models": cases.names, "left out": cases.left_out, "fine-tuned": tuned_count(cases), "rank correlation": rank,
        "estimate 1": span, "estimate 2": {**part_figures(aimed), "errors": errors},
        "estimate 2, other class shares": shifted, "estimate 3": third, "holds": holds,
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("practice", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--manifest", type=Path, help="cleaned training pictures; default: `clean` finds them")
    parser.add_argument("--models", action="append", choices=MODELS)
    parser.add_argument("--bank-only", action="store_true")
    options = parser.parse_args()
    bank = Bank(options.config, options.practice, options.folder, options.manifest)
    names = options.models or list(MODELS)
    if not (options.folder / "labels.npz").exists():
        bank.labels()
    for name in names:
        bank.predictions(name)
    if options.bank_only:
        return
    found = figures(Cases(options.folder, names))
    (options.folder / "results.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found, indent=1))
    ours, peer = (found["estimate 2"]["errors"]["all"][name] for name in ("combined", "mean confidence"))
    claim = "mean error of the hidden accuracy from unlabelled pictures, under families left out: half of confidence's"
    print(json.dumps({"claim": claim, "ours": round(ours, 4), "peer": round(peer, 4), "ratio": round(ours / peer, 3),
                      "must": 0.5, "holds": all(found["holds"].values())}))  # fmt: skip


if __name__ == "__main__":
    main()
