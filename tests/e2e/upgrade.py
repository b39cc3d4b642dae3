# SPDX-License-Identifier: Apache-2.0
"""
Another version of Pilus: this one, with other layouts of a map that the agent tells (endpoints), of one that the programs
learn and that goes on (flows, a field longer), and of one that begins anew (fragments). See abi/maps.h.
"""
import pathlib
import re
import shutil
import subprocess

from support import BUILD, TOP

PARTS = ("meson.build", "meson_options.txt", "abi", "bpf", "src", "tests", "tools", "python", "bench", "docs", "packaging")


def _edit(file, *changes):
    text = file.read_text()
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text, flags=re.DOTALL)
        assert count == 1, f"{file.name} has {count} times {pattern!r}: tests/e2e/upgrade.py must follow it"
    file.write_text(text)


def _grown(struct):
    return rf"ABI_ASSERT_SIZE\({struct}, (\d+)\)", lambda match: f"ABI_ASSERT_SIZE({struct}, {int(match[1]) + 8})"


def _renumbered(name):
    return rf"X\({name}, (\d+),", lambda match: f"X({name}, {int(match[1]) + 1},"


def build(folder):
    """Builds it in the folder, and returns where its programs are."""
    source, target = folder / "source", folder / "build"
    source.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (TOP / part).is_dir() else shutil.copy
        copy(TOP / part, source / part)
    _edit(source / "abi/endpoint.h", (r"struct endpoint \{", "struct endpoint {\n\t__u64 upgraded;"), _grown("struct endpoint"))
    _edit(source / "abi/flow.h", (r"(struct flow \{.*?)\};", r"\1\t__u64 upgraded;\n};"), _grown("struct flow"))
    _edit(source / "abi/maps.h", _renumbered("endpoints"), _renumbered("fragments"))
    for command in (["meson", "setup", target, source], ["ninja", "-C", target, "pilusd"]):
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    for program in ("pilus", "pilus-cni"):
        (target / program).symlink_to(pathlib.Path(BUILD, program))
    return target
