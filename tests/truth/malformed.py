# SPDX-License-Identifier: Apache-2.0
"""malformed.yaml: good files, and those with one thing wrong."""
import pathlib

import yaml

_READ = yaml.safe_load((pathlib.Path(__file__).parent / "malformed.yaml").read_text())
GOOD = _READ["good"]


def wrong_files():
    """(text, problem without the file's name) of each."""
    for name, before, after, problem in _READ["wrong"]:
        assert before in GOOD[name], f"{name} has no {before!r}"
        yield GOOD[name].replace(before, after, 1), problem
