import json
import subprocess
import sys

import pytest

HEAVY = ["tensorflow", "keras", "pandas", "sklearn", "optuna", "cv2", "cleanlab", "scipy"]
PROBE = """
import json, sys
try:
    from toolkit.cli import app
    app({arguments!r}, prog_name="toolkit")
except SystemExit as end:
    code = end.code
print("\\n" + json.dumps({{"code": code, "modules": [name for name in {heavy!r} if name in sys.modules]}}))
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["clean", "--help"], ["preview", "--help"], ["run", "--help"], ["--version"]],
    ids=" ".join,
)
def test_help_loads_none_of_the_heavy_packages(arguments):
    script = PROBE.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen == {"code": 0, "modules": []}


def test_importing_the_notebook_api_loads_none_of_the_heavy_packages():
    script = f"import toolkit, sys; toolkit.clean; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["toolkit", "toolkit.cli"])
def test_the_package_itself_can_be_run(module):
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("toolkit ")


def call(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "toolkit.cli", *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )


def test_a_users_mistake_is_one_paragraph_and_exit_code_1(tmp_path):
    done = call("clean", "-c", "none.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "toolkit init" in done.stderr


def test_wrong_usage_is_exit_code_2(tmp_path):
    assert call("clean", "--nonsense", cwd=tmp_path).returncode == 2
    assert call("nonsense", cwd=tmp_path).returncode == 2


def test_doctor_reports_backend_packages_and_weights_as_one_json_object():
    done = call("doctor", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["step"] == "doctor"
    assert report["healthy"] is True
    assert report["backend"].startswith("tensorflow")
    assert "efficientnet_lite0" in report["backbones"]
    assert all(part["needed_for"] for part in report["parts"])
