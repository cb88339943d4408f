"""Caches of activations: bounded, the least recently used go first, what is in use stays."""

import os

import pytest

from toolkit.errors import SearchError
from toolkit.steps.activation_store import ActivationStore


def build(store, key, size):
    with store.in_use(key), store.building(key, size):
        folder = store.path(key) / "plain"
        folder.mkdir(parents=True)
        (folder / "0.npy").write_bytes(b"x" * size)


def age(store, *keys):
    for when, key in enumerate(keys):
        os.utime(store.path(f".{key}.use"), (when, when))


def test_the_least_recently_used_goes_first(tmp_path):
    store = ActivationStore(tmp_path / "caches", 100)
    for key in ("a", "b"):
        build(store, key, 40)
    age(store, "b", "a")
    build(store, "c", 40)
    assert store.path("a").exists() and not store.path("b").exists() and store.path("c").exists()
    assert store.size_bytes == 80


def test_what_another_worker_uses_is_never_removed(tmp_path):
    store, other = (ActivationStore(tmp_path / "caches", 100) for _ in range(2))
    for key in ("a", "b"):
        build(store, key, 40)
    age(store, "a", "b")
    with other.in_use("a"):
        build(store, "c", 40)
        assert store.path("a").exists() and not store.path("b").exists()
        store.clear()
        assert store.path("a").exists() and not store.path("c").exists()
    store.clear()
    assert not (tmp_path / "caches").exists()


def test_too_little_room_for_one_trial_is_explained(tmp_path):
    store = ActivationStore(tmp_path / "caches", 100)
    with pytest.raises(SearchError, match=r"tune\.cache_gb.*tune\.views"):
        build(store, "a", 101)
