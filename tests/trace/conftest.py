# SPDX-License-Identifier: Apache-2.0
"""Programs in C through `pilus trace run`, on the kernel that is there; what it lacks is said, and skipped."""
import os
import subprocess

import pytest

from running import BUILD, PATIENCE, PROBED, Running


def pytest_configure(config):
    config.addinivalue_line("markers", "kernels: also run on other kernels, in QEMU")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Nothing is left in the machine's cache, and nothing found there."""
    os.environ["PILUS_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.chmod(os.environ["PILUS_CACHE"], 0o700)


@pytest.fixture
def start(tmp_path):
    """start(command…) runs it; what still runs at the end of the test is killed."""
    running = []

    def begin(*command, **options):
        folder = tmp_path / f"run-{len(running)}"
        folder.mkdir()
        running.append(Running([str(word) for word in command], folder, **options))
        return running[-1]

    yield begin
    for one in running:
        one.kill()


@pytest.fixture
def program(tmp_path):
    """program(text) is the path of a file that has it."""
    def write(text, name="prog.c"):
        path = tmp_path / name
        path.write_text(text)
        return path
    return write


@pytest.fixture
def run(start, program):
    """run(text, options…) is a started `pilus trace run -v`, attached."""
    def begin(text, *options):
        running = start(BUILD / "pilus", "trace", "run", "-v", *options, program(text))
        running.wait_for("\nevents ")
        return running
    return begin


@pytest.fixture
def refuse(program):
    """refuse(text, options…) is what `pilus trace run` says to a program that it does not run; it must end, and not with 0."""
    def attempt(text, *options, name="prog.c"):
        command = [BUILD / "pilus", "trace", "run", *options, program(text, name)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
        assert done.returncode, done.stdout
        return done
    return attempt


@pytest.fixture(scope="session")
def probed(tmp_path_factory):
    """A program that passes the USDT probe shop:sale with a number that grows from -3, and "apples"."""
    folder = tmp_path_factory.mktemp("probed")
    (folder / "probed.c").write_text(PROBED)
    subprocess.run(["gcc", "-O1", "-no-pie", "-o", folder / "probed", folder / "probed.c"], check=True)
    return folder / "probed"
