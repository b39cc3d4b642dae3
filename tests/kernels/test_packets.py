# SPDX-License-Identifier: Apache-2.0
"""The packet suite: the shipped programs pass this kernel's verifier, and do as they should."""
import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = pathlib.Path(os.environ.get("PILUS_BUILD", TOP / "build"), "tests", "packet")
SKIPPED = 77


@pytest.mark.kernels
@pytest.mark.parametrize("program", sorted(path for path in FOLDER.glob("packet-*") if path.is_file()),
                         ids=lambda program: program.name)
def test_packets(program):
    done = subprocess.run([program], text=True, capture_output=True, check=False)
    if done.returncode == SKIPPED:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
