"""Configurations on the pictures that both predicted, and what is said of them."""

import numpy as np
import pytest

from toolkit.errors import DataError
from toolkit.evaluation.comparison import compare
from toolkit.evaluation.conclusions import conclude, further_statements
from toolkit.evaluation.contenders import POOLED, Answers, Contender, Run
from toolkit.metrics import wilson


def answers(right, ids=None, groups=None):
    names = np.asarray([f"p{i}" for i in range(len(right))] if ids is None else ids, dtype=str)
    return Answers(names, np.asarray(right, float), names if groups is None else np.asarray(groups, dtype=str))


def once(name, **tests):
    return Contender(name, (Run(0, {test: answers(right) for test, right in tests.items()}),))


def seeds(name, accuracies, rng, n=400):
    runs = [Run(seed, {"clean": answers(rng.random(n) < share)}) for seed, share in enumerate(accuracies)]
    return Contender(name, tuple(runs))


def test_pictures_are_joined_on_their_id_and_the_others_do_not_count():
    one = Contender("one", (Run(0, {"clean": answers([1, 0, 1, 1], ["a", "b", "c", "x"])}),))
    other = Contender("other", (Run(0, {"clean": answers([1, 1, 0], ["c", "b", "a"])}),))
    (pair,) = compare([one, other]).pairs
    assert (pair.n, pair.only) == (3, (1, 0))
    assert (pair.mcnemar.gained, pair.mcnemar.lost) == (1, 1)
    assert pair.difference == 0


def test_a_clear_difference_is_said_with_its_interval_whichever_comes_first():
    weak, strong = [1] * 700 + [0] * 300, [1] * 760 + [0] * 240
    for names in (("weak", "strong"), ("strong", "weak")):
        by_name = {"weak": once("weak", clean=weak), "strong": once("strong", clean=strong)}
        (pair,) = compare([by_name[name] for name in names]).pairs
        said = conclude(pair)
        assert said.better == "strong"
        assert "strong is better than weak by 6.0 points, 95 % interval 4." in said.text
        assert "1,000 pictures (clean)" in said.text
    assert compare([by_name["weak"], by_name["strong"]]).pairs[0].error_drop == pytest.approx(0.06 / 0.3)


def test_noise_is_called_noise_and_the_pictures_that_would_tell_are_counted():
    one = [1] * 80 + [0] * 12 + [1] * 8
    other = [1] * 80 + [1] * 12 + [0] * 8
    said = conclude(compare([once("one", clean=one), once("other", clean=other)]).pairs[0])
    assert said.better is None
    assert "within noise: other is ahead by 4.0 points" in said.text
    # (1.96 + .84)²·(.2 − .04²)/.04² = 973, and 1 % more for the sample variance; 100 are there.
    assert "About 890 more pictures would be needed" in said.text
    assert "80 % power and a level of 0.05" in said.text


def test_relative_error_drop_is_report_ds():
    initial, final = [1] * 937 + [0] * 63, [1] * 983 + [0] * 17
    (pair,) = compare([once("initial", clean=initial), once("final", clean=final)]).pairs
    assert pair.error_drop == pytest.approx(0.73, abs=0.001)
    perfect = compare([once("a", clean=[1] * 5), once("b", clean=[1, 1, 1, 1, 0])]).pairs[0]
    assert perfect.error_drop is None
    assert pair.first.wilson == pytest.approx((wilson(937, 1000).low, wilson(937, 1000).high))


def test_grouped_pictures_are_judged_by_group_instead_of_mcnemar():
    right = [[1] * 60 + [0] * 12 + [1] * 28, [1] * 60 + [1] * 12 + [1] * 28]
    groups = [f"g{i}" for i in range(60)] + ["same"] * 12 + [f"h{i}" for i in range(28)]
    contenders = [Contender(f"c{i}", (Run(0, {"clean": answers(r, groups=groups)}),)) for i, r in enumerate(right)]
    (pair,) = compare(contenders).pairs
    assert pair.grouped
    assert pair.mcnemar.mid < 0.001
    assert pair.decides == "grouped pictures"
    assert pair.p > 0.2  # one group decided it all
    assert conclude(pair).better is None


def test_corruptions_are_pooled_picture_by_picture_and_corrected_among_themselves():
    rng = np.random.default_rng(0)
    cells = ["fog", "snow", "jpeg"]
    one = once("one", clean=rng.random(300) < 0.8, **{cell: rng.random(300) < 0.6 for cell in cells})
    other = once("other", clean=rng.random(300) < 0.8, **{cell: rng.random(300) < 0.8 for cell in [*cells, "noise"]})
    found = compare([one, other], [*cells, "noise"])
    assert [pair.test for pair in found.pairs] == ["clean", POOLED]
    assert [pair.test for pair in found.cells] == cells  # noise was no test of the first
    pooled = found.pairs[1]
    assert pooled.n == 300
    assert pooled.difference == pytest.approx(np.mean([pair.difference for pair in found.cells]))
    assert pooled.mcnemar is None
    assert [pair.family for pair in (*found.pairs, *found.cells)] == [2, 2, 3, 3, 3]
    assert min(pair.corrected for pair in found.cells) == pytest.approx(3 * min(pair.p for pair in found.cells))
    told = further_statements(found)
    assert told[0].startswith("Of 3 corruptions taken one by one, one is better on 0, other is better on 3 (fog")
    assert "another seed might decide otherwise" in told[1]


def test_several_seeds_count_the_chance_of_the_seed():
    rng = np.random.default_rng(3)
    found = compare([seeds("small", [0.80, 0.81, 0.79], rng), seeds("large", [0.90, 0.91, 0.89], rng)])
    (pair,) = found.pairs
    assert (pair.decides, pair.runs_matched, pair.mcnemar) == ("pictures and seeds", True, None)
    assert conclude(pair).better == "large"
    assert [len(score.by_run) for score in found.scores] == [3, 3]
    assert further_statements(found) == []
    # The same mean difference from seeds that scatter widely decides nothing.
    (loose,) = compare([seeds("small", [0.7, 0.9], rng), seeds("large", [0.95, 0.8], rng)]).pairs
    assert conclude(loose).better is None
    assert "No number of pictures would show" in conclude(loose).text


def test_seeds_with_holdouts_of_their_own_are_paired_with_the_same_seed():
    ids = [[f"p{i}" for i in range(100)], [f"p{i}" for i in range(100, 200)]]
    rng = np.random.default_rng(0)
    right = [rng.random(100) < share for share in (0.5, 0.9)]
    better = [row | (np.arange(100) % 10 == 0) for row in right]  # each seed gains on its own pictures
    one, other = (
        Contender(name, tuple(Run(s, {"clean": answers(rows[s], ids[s])}) for s in (0, 1)))
        for name, rows in (("one", right), ("other", better))
    )
    (pair,) = compare([one, other]).pairs
    assert (pair.n, pair.runs_matched) == (200, True)
    unpaired = Contender("other", tuple(Run(seed + 5, run.answers) for seed, run in enumerate(other.runs)))
    (loose,) = compare([one, unpaired]).pairs
    assert not loose.runs_matched
    assert pair.spread.error < loose.spread.error / 3


def test_what_cannot_be_compared_is_said():
    with pytest.raises(DataError, match="two contenders"):
        compare([once("one", clean=[1, 0])])
    apart = Contender("other", (Run(0, {"clean": answers([1, 0], ["x", "y"])}),))
    with pytest.raises(DataError, match="no test picture in common: one has 2 pictures clean"):
        compare([once("one", clean=[1, 0]), apart])


def test_one_picture_and_equal_answers_are_no_difference():
    for right in ([1], [1, 0, 1]):
        (pair,) = compare([once("one", clean=right), once("other", clean=right)]).pairs
        said = conclude(pair)
        assert (said.better, pair.p) == (None, 1)
        assert "right equally often" in said.text
