"""Claim: the hidden score is known before submitting, under corruption families that no local test contains.

python benchmarks/hidden_score.py CONFIG PRACTICE_TEST FOLDER [--manifest CSV] [--models NAME] [--bank-only]
"""

import argparse
from pathlib import Path

from hidden_score_bank_common import Bank
from hidden_score_cases_common import MODELS


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
    bank.labels()
    for name in options.models or MODELS:
        bank.predictions(name)


if __name__ == "__main__":
    main()
