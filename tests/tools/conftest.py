# SPDX-License-Identifier: Apache-2.0
"""The tracing tools, run as a user runs them. tests/e2e's support is used, too."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import primes as primes_program  # noqa: E402
from tool import BLOCK, BLOCKS, Tool  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "kernels: runs on other kernels too, by make check-kernels; so it is quick")


def pytest_sessionstart(session):
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if os.geteuid() != 0:
        pytest.exit("the tools load BPF programs: run these tests as root (make check does, by sudo)", 2)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Nothing is left in the machine's cache, and nothing found there."""
    folder = tmp_path_factory.mktemp("cache")
    folder.chmod(0o700)
    os.environ["PILUS_CACHE"] = str(folder)


@pytest.fixture
def trace():
    """trace(name, argument...): a tool that is attached already and writes JSON, or with output="table" text."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(contextlib.closing(Tool(*arguments, **options)))


@pytest.fixture(scope="session")
def primes_path(tmp_path_factory):
    if not shutil.which("gcc"):
        pytest.skip("there is no compiler here")
    folder = tmp_path_factory.mktemp("primes")
    (folder / "primes.c").write_text(primes_program.SOURCE)
    subprocess.run(["gcc", "-O1", "-pthread", "-o", folder / "primes", folder / "primes.c"], check=True)
    return folder / "primes"


@pytest.fixture
def primes(primes_path):
    """Waits for a line, counts, says so, and waits for another."""
    with subprocess.Popen([primes_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.path = primes_path
        yield process
        process.kill()


# A hierarchy of either version, in which this machine lets us limit memory.
LIMITS = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]


@pytest.fixture
def memory_cgroup():
    for top, limit in LIMITS:
        folder = f"{top}/pilus-test-{os.getpid()}"
        try:
            os.mkdir(folder)
        except OSError:
            continue
        if not os.path.exists(f"{folder}/{limit}"):
            os.rmdir(folder)
            continue
        try:
            yield folder, f"{folder}/{limit}"
        finally:
            os.rmdir(folder)
        return
    pytest.skip("no cgroup here limits memory")


@pytest.fixture
def write():
    """Writes, by a process whose pid it returns."""
    path = os.path.join(os.environ.get("PILUS_BUILD", "build"), f"disk-test-{os.getpid()}")

    def dd():
        with subprocess.Popen(["dd", "if=/dev/zero", f"of={path}", f"bs={BLOCK}", f"count={BLOCKS}", "oflag=direct",
                               "conv=fsync"], stderr=subprocess.PIPE) as process:
            process.communicate()
        return process.pid if process.returncode == 0 else None

    device = os.stat(os.path.dirname(os.path.abspath(path))).st_dev
    if os.major(device) == 0 or dd() is None:
        pytest.skip("the build is not on a disk that takes direct writes")
    yield dd
    os.unlink(path)
