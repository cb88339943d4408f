"""The contract of the backbones on JAX, in a process of its own: a Keras backend is chosen at import."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).with_name("test_backbones.py")


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_small_networks_keep_the_contract_on_jax():
    settings = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(SUITE), "-k", "tiny_vgg"]
    done = subprocess.run(command, capture_output=True, text=True, env=settings, check=False, cwd=SUITE.parents[2])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
