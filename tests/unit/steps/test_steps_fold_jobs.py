import os
import subprocess
import sys

import pytest

from toolkit.steps.fold_jobs import _places

TAKE = """
import os, sys
from toolkit.steps.gpu_slots import take_gpu
take_gpu(2)
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("machines", "jobs", "places", "threads", "asked"),
    [
        ([{"CPU": 8.0}, {"CPU": 8.0}], 5, 5, 2, {"num_cpus": 2.0}),
        ([{"CPU": 1.0}, {"CPU": 1.0}], 5, 2, 1, {"num_cpus": 1.0}),
        ([{"CPU": 1.0}], 1, 2, 1, {"num_cpus": 0.5}),
        ([{"CPU": 8.0, "GPU": 4.0}], 10, 4, 2, {"num_gpus": 1.0}),
        ([{"CPU": 8.0, "GPU": 1.0}], 5, 2, 4, {"num_gpus": 0.5}),
        ([{"CPU": 8.0, "GPU": 1.0}, {"CPU": 2.0}], 4, 4, 1, {"num_cpus": 1.0}),
    ],
    ids=["share", "few", "one processor", "GPUs", "one GPU", "mixed"],
)
def test_every_machine_of_a_cluster_can_give_what_its_folds_ask_for(machines, jobs, places, threads, asked):
    assert _places(machines, jobs) == (places, threads, asked)
    on_each = -(-places // len(machines))
    (kind, amount), *_ = asked.items()
    assert all(on_each * amount <= machine.get(kind[4:-1].upper(), 0) for machine in machines)


def test_processes_take_different_gpus_and_give_them_back_when_they_end(tmp_path):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "4,7", "TMPDIR": str(tmp_path)}

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", TAKE], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    first = start()
    assert first.stdout.readline().strip() == "4"
    second = start()
    assert second.stdout.readline().strip() == "7"
    first.kill()
    first.wait()
    third = start()
    assert third.stdout.readline().strip() == "4"
    for process in (second, third):
        process.communicate("", timeout=60)
    first.stdin.close()
    first.stdout.close()
