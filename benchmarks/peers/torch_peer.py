"""Asking an interpreter that has PyTorch for the speed of a network."""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path


def torch_python():
    """The interpreter named by `--torch-python`, else this one where it has torch, else None."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--torch-python", help="interpreter that has torch")
    named = parser.parse_args().torch_python
    return named or (sys.executable if importlib.util.find_spec("torch") else None)


def torch_speed(python, name, batch):
    """`{"forward": images/s, "training": images/s}` of a network of `torch_networks`; None without PyTorch."""
    if python is None:
        return None
    script = Path(__file__).with_name("torch_networks.py")
    cores = {"OMP_NUM_THREADS": str(os.cpu_count())}  # whatever this process is limited to
    command = [python, str(script), name, str(batch)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **cores})
    return json.loads(done.stdout.splitlines()[-1])
