import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from toolkit.nn.keras_cv_engine import rand_augment

pytest.importorskip("keras_cv")


@pytest.fixture(scope="module")
def vary():
    return rand_augment(seed=1)


@pytest.fixture(scope="module")
def photographs():
    china = Image.fromarray(load_sample_image("china.jpg"))
    boxes = [(20 * n, 5 * n, 20 * n + 300, 5 * n + 300) for n in range(12)]
    return np.stack([np.asarray(china.resize((48, 48), box=box)) for box in boxes])


def test_pictures_change_and_stay_pictures(vary, photographs):
    names = [f"p{number}" for number in range(12)]
    changed = vary(photographs, names, 0)
    assert changed.dtype == np.uint8
    assert changed.shape == photographs.shape
    assert np.mean([(one != other).any() for one, other in zip(changed, photographs, strict=True)]) > 0.8
    assert (vary(photographs, names, 1) != changed).any()


def test_what_happens_to_a_picture_depends_on_seed_epoch_and_id_alone(vary, photographs):
    names = [f"p{number}" for number in range(12)]
    together = vary(photographs, names, 3)
    np.testing.assert_array_equal(vary(photographs[::-1], names[::-1], 3)[::-1], together)
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda n: vary(photographs[n : n + 4], names[n : n + 4], 3), (0, 4, 8))
        np.testing.assert_array_equal(np.concatenate(list(parts)), together)


def test_no_operations_leave_pictures_as_they_are(photographs):
    still = rand_augment(rate=0.0)
    np.testing.assert_array_equal(still(photographs, [str(n) for n in range(12)], 0), photographs)


def test_it_works_where_training_is_deterministic(vary, photographs, tmp_path):
    np.save(tmp_path / "pictures.npy", photographs)
    code = (
        "import sys, numpy as np\n"
        "from toolkit.nn import runtime\n"
        "runtime.setup(deterministic=True)\n"
        "from toolkit.nn.keras_cv_engine import rand_augment\n"
        "pictures = np.load(sys.argv[1] + '/pictures.npy')\n"
        "np.save(sys.argv[1] + '/found.npy', rand_augment(seed=1)(pictures, [f'p{n}' for n in range(12)], 0))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = vary(photographs, [f"p{number}" for number in range(12)], 0)
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), expected)
