import errno
import json
import os
import subprocess
import sys
import time

import pytest

from toolkit.artifacts import ContentHashes, RunDir, atomic_path, latest, make_key, write_json, write_text
from toolkit.errors import BusyError, DiskFullError


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "sub" / "a.txt"
    write_text(target, "first")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "first"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_results_are_readable_by_others(tmp_path):
    write_text(tmp_path / "a.txt", "x")
    old = os.umask(0)
    os.umask(old)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o666 & ~old


def test_a_full_disk_is_a_clear_error(tmp_path):
    with pytest.raises(DiskFullError, match="No space left"), atomic_path(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_really_full_disk_is_a_clear_error(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        with pytest.raises(DiskFullError, match=r"runs_dir"):
            write_text(disk / "big.txt", "x" * 1_000_000)
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_key_depends_on_values_not_on_the_order_of_keys():
    assert make_key({"a": 1, "b": [2, 3]}) == make_key({"b": [2, 3], "a": 1})
    assert make_key({"a": 1}) != make_key({"a": 1.5})
    assert make_key([1, 2]) != make_key([2, 1])


def test_a_run_is_done_last_and_latest_names_it(tmp_path):
    run = RunDir(tmp_path / "n" / "clean" / "k1")
    run.start({"seed": 0})
    assert not run.done
    assert latest(tmp_path, "n", "clean") is None
    run.finish({"pictures": 3})
    assert run.summary() == {"pictures": 3}
    newer = RunDir(tmp_path / "n" / "clean" / "k2")
    newer.start({"seed": 1})
    newer.finish({})
    assert latest(tmp_path, "n", "clean") == newer
    assert (tmp_path / "n" / "clean" / "latest" / "config.json").exists()
    assert json.loads((run.path / "env.json").read_text())["python"]


def test_two_processes_do_not_write_the_same_run(tmp_path):
    run = RunDir(tmp_path / "n" / "clean" / "k")
    script = (
        "import sys, time; from pathlib import Path; from toolkit.artifacts import RunDir\n"
        f"with RunDir(Path({str(run.path)!r})).locked():\n print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        other.stdout.readline()
        with pytest.raises(BusyError, match="already computing"), run.locked():
            pass
    finally:
        other.kill()
        other.communicate()
    with run.locked():
        pass


def test_content_hashes_follow_the_content(tmp_path):
    cache, file = tmp_path / "cache.json", tmp_path / "a.bin"
    file.write_bytes(b"one")
    first = ContentHashes(cache).of([file, tmp_path / "none"])
    assert first[1] == "missing"
    assert ContentHashes(cache).of([file]) == first[:1]
    file.write_bytes(b"two")
    os.utime(file, (time.time() + 5, time.time() + 5))
    assert ContentHashes(cache).of([file]) != first[:1]


def test_a_damaged_hash_cache_is_only_slower(tmp_path):
    cache, file = tmp_path / "cache.json", tmp_path / "a.bin"
    file.write_bytes(b"one")
    expected = ContentHashes(cache).of([file])
    cache.write_text("{broken")
    assert ContentHashes(cache).of([file]) == expected


def test_json_keeps_unicode_readable(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Zelle ü"})
    assert "Zelle ü" in (tmp_path / "a.json").read_text(encoding="utf-8")
