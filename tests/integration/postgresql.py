"""A PostgreSQL server of the tests' own, on a free port and in a temporary folder."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest


def _program(name):
    places = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))


@contextmanager
def postgresql_server():
    """Yield the URL of an empty database."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if not initdb or not pg_ctl:
        pytest.skip("PostgreSQL is not installed: apt-get install -y postgresql")
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'contest-toolkit[postgresql]'")
    owner = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            owner = {"user": pwd.getpwnam("postgres").pw_name}
        except KeyError:
            pytest.skip("PostgreSQL refuses to run as root and there is no user postgres")
    folder = Path(tempfile.mkdtemp(prefix="toolkit-pg-"))
    data = folder / "data"
    if owner:
        shutil.chown(folder, **owner)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def call(*command):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **owner)
        assert done.returncode == 0, done.stdout + done.stderr

    call(initdb, "-D", str(data), "-U", "tester", "--auth=trust", "-E", "UTF8", "--no-sync")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    call(pg_ctl, "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
    finally:
        call(pg_ctl, "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
