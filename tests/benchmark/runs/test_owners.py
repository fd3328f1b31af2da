"""Temporary folders, locks and text states on a disk that several machines share."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmark.runs import owners
from benchmark.runs.owners import locked, renewed
from benchmark.runs.store import RunStore
from benchmark.runs.text_states import states_folder, text_states
from protocols import InputError, temporaries
from protocols.temporaries import ABANDONED, abandoned, owned_name
from tests.benchmark.runs.test_store import make_spec, write

ROOT = Path(__file__).resolve().parents[3]
#: A process that makes a temporary folder, says so, and waits.
HOLD = (
    "import sys; from pathlib import Path; from benchmark.runs.store import RunStore\n"
    "from tests.benchmark.runs.test_store import make_spec\n"
    "with RunStore(Path(sys.argv[1])).writing(make_spec(seed=int(sys.argv[2]))) as folder:\n"
    "    (folder / 'half').write_text('x'); print(folder, flush=True); input()\n"
)
SWEEP = (
    "import sys; from pathlib import Path; from benchmark.runs.store import RunStore\n"
    "RunStore(Path(sys.argv[1])).sweep()"
)
NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def start(code: str, *arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*prefix, sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def of_elsewhere(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with a name that another machine gives it."""
    with monkeypatch.context() as patch:
        patch.setattr(temporaries, "_machine", lambda: "0" * 8)
        folder = path.with_name(owned_name(path.name))
    folder.mkdir(parents=True)
    return folder


def test_remains_of_a_killed_process_are_removed_at_once(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    process = start(HOLD, tmp_path, 0)
    folder = said(process)
    store.sweep()
    assert folder.is_dir()  # it lives
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    store.sweep()  # it has ended, although its parent has not taken note
    assert not folder.exists()
    process.communicate()


def test_a_new_process_with_the_number_of_a_dead_one_does_not_own_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / owned_name("x")
    folder.mkdir()
    assert not abandoned(folder, time.time())
    start = temporaries._start
    monkeypatch.setattr(temporaries, "_start", lambda pid: start(pid) + 1)
    assert abandoned(folder, time.time())


def test_a_folder_of_another_machine_is_removed_only_when_it_was_not_renewed_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(tmp_path)
    folder = of_elsewhere(store.folder(make_spec()), monkeypatch)
    age(folder, ABANDONED - 60)
    store.sweep()
    assert folder.is_dir()
    age(folder, ABANDONED + 60)
    store.sweep()
    assert not folder.exists()


def test_the_owner_renews_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "RENEWED", 0.01)
    age(tmp_path, 3600)
    with renewed(tmp_path):
        until = time.monotonic() + 10
        while tmp_path.stat().st_mtime < time.time() - 60 and time.monotonic() < until:
            time.sleep(0.01)
    assert tmp_path.stat().st_mtime > time.time() - 60


def test_a_run_set_aside_by_a_killed_process_comes_back(tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path), make_spec()
    record = write(store, spec)
    folder = store.folder(spec)
    folder.rename(folder.with_name(f"{owned_name(folder.name)}.old"))
    store.sweep()
    assert store.done(spec) == record


def test_machines_with_process_numbers_of_their_own_leave_each_other_alone(tmp_path: Path) -> None:
    """Two containers on one folder: each has a process 1, and does not see the processes of the other."""
    if shutil.which("unshare") is None or subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("this system does not permit process namespaces (unshare --pid)")
    process = start(HOLD, tmp_path, 0, prefix=NAMESPACE)
    try:
        folder = said(process)
        subprocess.run([*NAMESPACE, sys.executable, "-c", SWEEP, str(tmp_path)], cwd=ROOT, check=True)
        RunStore(tmp_path).sweep()
        assert (folder / "half").is_file()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with locked(tmp_path):  # not held by what was killed
        pass


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks between processes."""
    monkeypatch.setattr(owners, "_has_locks", lambda folder: False)


@pytest.mark.usefixtures("no_locks")
def test_one_at_a_time_holds_a_lock_on_a_disk_without_locks(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def enter() -> None:
        for _ in range(5):
            with locked(tmp_path):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.001)
                inside[0] -= 1

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("no_locks")
def test_a_lock_of_a_killed_machine_is_broken_when_it_is_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = of_elsewhere(tmp_path / ".lock-folder" / "lock", monkeypatch)
    ages = [ABANDONED - 60, ABANDONED + 60]
    monkeypatch.setattr(time, "sleep", lambda _: age(owner, ages.pop(0)) if ages else None)
    with locked(tmp_path):
        assert not ages
    assert not list(tmp_path.iterdir())


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of temporary files of its own."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.mark.usefixtures("scratch")
def test_text_states_stay_while_another_process_uses_them(tmp_path: Path) -> None:
    states = states_folder(tmp_path)
    code = (
        "import sys, tempfile; from pathlib import Path; tempfile.tempdir = sys.argv[2]\n"
        "from benchmark.runs.text_states import text_states\n"
        "with text_states(Path(sys.argv[1])):\n    print(flush=True); input()"
    )
    other = start(code, tmp_path, tmp_path / "scratch")
    said(other)
    with text_states(tmp_path):
        (states / "a.npy").touch()
    assert (states / "a.npy").is_file()
    other.kill()
    other.communicate()
    with text_states(tmp_path / "another store"):
        pass
    assert not states.exists()


def test_text_states_are_not_written_to_a_folder_of_another_user(scratch: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (scratch / f"sentibench-{os.getuid()}").symlink_to(elsewhere)
    with pytest.raises(InputError, match="name another folder with TMPDIR"):
        states_folder(tmp_path)
