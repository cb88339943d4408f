"""Made-up members whose right blend is known."""

import numpy as np
import pytest

from toolkit.ensembling.votes import softmax


@pytest.fixture(scope="session")
def made():
    """Labels and calibrated-like members: one-hot logits under noise common to all members and noise of their own."""

    def make(n, k=4, noise=(1.0, 1.0), seed=0, prior=None, common=1.0, signal=3.0):
        rng = np.random.default_rng(seed)
        labels = rng.choice(k, n, p=prior)
        shared = signal * np.eye(k)[labels] + rng.normal(0, common, (n, k))
        return labels, np.stack([softmax(shared + rng.normal(0, own, (n, k))) for own in noise])

    return make


@pytest.fixture(scope="session")
def gaussian():
    """A classifier that is right by construction: Bayes posteriors of Gaussian classes under the prior of training."""

    def make(n, drawn, trained=None, seed=0, spread=1.0):
        rng = np.random.default_rng(seed)
        k = len(drawn)
        labels = rng.choice(k, n, p=drawn)
        seen = np.eye(k)[labels] * 2 + rng.normal(0, spread, (n, k))
        density = -((seen[:, None] - 2 * np.eye(k)[None]) ** 2).sum(axis=2) / (2 * spread**2)
        return labels, softmax(density + np.log(drawn if trained is None else trained))

    return make
