import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import DataError
from toolkit.nn.feeding import Feeder, ordered_map


def add_noise(images, image_ids, epoch):
    """An augmentation that depends on the picture and the epoch, and takes uneven time."""
    time.sleep(0.002 * (len(image_ids[0]) % 3))
    shifts = np.array([hash((name, epoch)) % 50 for name in image_ids], np.uint8)
    return images + shifts[:, None, None, None]


def batches(pictures, workers, epoch, seed=3):
    feeder = Feeder.of_images(
        pictures.read, pictures.ids, pictures.labels, n_classes=3, batch_size=8, seed=seed, augment=add_noise,
        workers=workers,
    )  # fmt: skip
    return list(feeder.epoch(epoch))


@pytest.mark.parametrize("workers", [2, 4])
def test_any_number_of_workers_makes_the_same_batches(make_pictures, workers):
    pictures = make_pictures(50)
    alone, together = batches(pictures, 1, 5), batches(pictures, workers, 5)
    assert len(alone) == len(together) == 7
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.inputs, other.inputs)
        np.testing.assert_array_equal(one.targets, other.targets)


def test_epochs_and_seeds_differ_and_repeat(make_pictures):
    pictures = make_pictures(30)

    def order(epoch, seed):
        return np.concatenate([batch.targets for batch in batches(pictures, 2, epoch, seed)])

    assert (order(0, 1) == order(0, 1)).all()
    assert (order(0, 1) != order(1, 1)).any()
    assert (order(0, 1) != order(0, 2)).any()


@settings(deadline=None)
@given(st.integers(1, 70), st.integers(1, 40), st.integers(0, 3))
def test_every_picture_comes_once_and_only_the_last_batch_is_filled_up(count, size, epoch):
    names = [str(number) for number in range(count)]
    feeder = Feeder(lambda ids, _: np.zeros(len(ids)), names, np.zeros(count, int), 1, size)
    order = feeder.order(epoch)
    assert order.shape == (feeder.steps, size)
    assert sorted(order.ravel()[:count]) == list(range(count))
    assert feeder.steps == -(-count // size)


def test_batches_hold_the_pictures_and_targets_of_the_same_ids(make_pictures):
    pictures = make_pictures(20)
    feeder = Feeder.of_images(pictures.read, pictures.ids, pictures.labels, n_classes=3, batch_size=8)
    for batch, rows in zip(feeder.epoch(0), feeder.order(0), strict=True):
        assert batch.inputs.dtype == np.uint8
        np.testing.assert_array_equal(batch.inputs, pictures.images[rows])
        np.testing.assert_array_equal(batch.targets.argmax(axis=1), pictures.labels[rows])


def test_soft_labels_pass_through(make_pictures):
    pictures = make_pictures(4)
    soft = np.full((4, 3), 1 / 3, np.float32)
    feeder = Feeder.of_images(pictures.read, pictures.ids, soft, n_classes=3, batch_size=4)
    np.testing.assert_array_equal(next(feeder.epoch(0)).targets, soft)


def test_an_error_while_reading_reaches_the_trainer_and_leaves_no_thread():
    before = threading.active_count()

    def load(image_ids, epoch):
        raise OSError("disk gone")

    feeder = Feeder(load, [str(n) for n in range(100)], np.zeros(100, int), 1, 4)
    with pytest.raises(OSError, match="disk gone"):
        list(feeder.epoch(0))
    assert threading.active_count() == before


def test_reading_stays_a_few_batches_ahead_and_stops_with_the_consumer():
    made = []
    supply = ordered_map(lambda item: made.append(item) or item, range(1000), workers=2)
    assert [next(supply) for _ in range(3)] == [0, 1, 2]
    supply.close()
    assert len(made) <= 10


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 3], [0, -1, 2], []], ids=["too few", "too high", "none", "empty"])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(DataError):
        Feeder(lambda ids, _: np.zeros(len(ids)), ["a", "b", "c"][: len(labels) or 0] + ["d"] * (len(labels) == 2),
               np.array(labels, int), 3)  # fmt: skip


@settings(deadline=None)
@given(st.integers(1, 100), st.sampled_from([1, 2, 4, 8]), st.sampled_from(["shuffle", "balanced"]))
def test_smaller_batches_of_which_more_are_accumulated_give_the_same_steps(count, size, sampling):
    names, labels = [str(number) for number in range(count)], np.arange(count) % 3
    whole = Feeder(lambda ids, _: np.zeros(len(ids)), names, labels, 3, 8, sampling=sampling)
    parts = Feeder(
        lambda ids, _: np.zeros(len(ids)), names, labels, 3, size, sampling=sampling, accumulate=8 // size
    )  # fmt: skip
    assert parts.updates == whole.updates == whole.steps
    assert parts.steps == parts.updates * parts.accumulate
    np.testing.assert_array_equal(parts.order(2).reshape(-1, 8), whole.order(2))


def test_pictures_and_targets_are_mixed_after_augmentation(make_pictures):
    pictures = make_pictures(12)
    calls = []

    def augment(images, names, epoch):
        return images // 2

    def mix(images, targets, names, epoch):
        calls.append((tuple(names), epoch))
        return (images + images[::-1]) // 2, (targets + targets[::-1]) / 2

    feeder = Feeder.of_images(
        pictures.read, pictures.ids, pictures.labels, n_classes=3, batch_size=4, augment=augment, mix=mix, workers=1
    )  # fmt: skip
    for batch, rows in zip(feeder.epoch(2), feeder.order(2), strict=True):
        halves, hot = pictures.images[rows] // 2, np.eye(3, dtype=np.float32)[pictures.labels[rows]]
        np.testing.assert_array_equal(batch.inputs, (halves + halves[::-1]) // 2)
        np.testing.assert_array_equal(batch.targets, (hot + hot[::-1]) / 2)
    assert [epoch for _, epoch in calls] == [2, 2, 2]
    assert sorted(name for names, _ in calls for name in names) == sorted(pictures.ids)
