# SPDX-License-Identifier: Apache-2.0
"""What every file of the repository keeps to. Only what git tracks is looked at."""
import os
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("BUILD", "build")
LINES_MAX = 800

DUAL = "(GPL-2.0-only OR BSD-2-Clause)"
IN_THE_KERNEL = r"(abi|bpf|tools/runtime/bpf)/|tools/(?!runtime/)\w+/(\w+\.bpf\.c|\w+\.h)$|bench/\w+\.bpf\.c$"
QUOTED = "docs/guide/talk/"
PRODUCTS = (".o", ".so", ".a", ".pyc", ".skel.h", ".log", ".gcda", ".gcno")


def tracked(*patterns):
    """Paths below TOP, with a new file that is not ignored among them."""
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
                             cwd=TOP, check=True, capture_output=True, text=True).stdout
    return sorted(path for path in listing.split("\0") if path and (TOP / path).is_file())


def first_line(path):
    with open(TOP / path, encoding="utf-8", errors="replace") as file:
        return file.readline()


def scripts(interpreter):
    """Files with or without extension that start with #! and the interpreter."""
    return [path for path in tracked() if re.match(rf"#! ?/(usr/)?bin/{interpreter}\b", first_line(path))]


def expect(*problems):
    """Fails with the problems alone, each on its line."""
    problems = [problem for problem in problems if problem]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def output(*command):
    """What a linter says; nothing when it is content."""
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def test_format():
    expect(output("clang-format-19", "--dry-run", "-Werror", *tracked("*.c", "*.h")))


def test_shell():
    expect(output("shellcheck", *scripts("(ba)?sh"), *tracked("*.sh", "*.bash")))


def python_files():
    """But for those that stand as somebody else wrote them, which is their point."""
    return {path for path in {*scripts("python3"), *tracked("*.py")} if not path.startswith(QUOTED)}


def test_python():
    files = sorted(python_files())
    expect(output("/usr/bin/python3", "-m", "pyflakes", *files))


def test_python_is_the_system_one():
    expect(*[f"{path}: write #!/usr/bin/python3" for path in tracked() if re.match("#!.*env python", first_line(path))])


def test_manual_pages():
    pages = tracked("docs/man/*.[1-8]")
    if not pages:
        pytest.skip("no manual pages yet")
    expect(output("mandoc", "-Tlint", "-Wwarning", *pages))


def test_manual_pages_of_the_library(tmp_path):
    assert not output("docs/library-manual", "src/trace/pilus.h", str(tmp_path))
    expect(output("mandoc", "-Tlint", "-Wwarning", *map(str, tmp_path.iterdir())))


def test_licence_in_every_source():
    """What runs in the kernel is dual licensed: abi/, bpf/, and of a tool all but NAME.c; all else is Apache-2.0."""
    sources = {*tracked("*.c", "*.h", "Makefile"), *scripts("(ba)?sh"), *python_files()}
    problems = []
    for path in sorted(sources):
        wanted = DUAL if re.match(IN_THE_KERNEL, path) else "Apache-2.0"
        head = "".join((TOP / path).read_text().splitlines(keepends=True)[:3])
        if f"SPDX-License-Identifier: {wanted}" not in head:
            problems.append(f"{path}: no 'SPDX-License-Identifier: {wanted}' in its first lines")
    expect(*problems)


def test_no_file_too_long():
    sources = tracked("*.c", "*.h", "*.py", "*.md", "lab", "scripts")
    lengths = {path: len((TOP / path).read_text().splitlines()) for path in sources}
    expect(*[f"{path}: {lines} lines: split it" for path, lines in lengths.items() if lines > LINES_MAX])


def test_no_build_products():
    expect(*[f"{path}: is built, not written" for path in tracked() if path.endswith(PRODUCTS) or path == "vmlinux.h"])


def test_links_in_documents():
    """Those into the repository lead to a file that is there."""
    problems = []
    for document in tracked("*.md"):
        text = re.sub(r"```.*?```", "", (TOP / document).read_text(), flags=re.DOTALL)
        targets = re.findall(r"\]\(([^)\s#]+)[^)]*\)", text) + re.findall(r"""(?:src|srcset|href)="([^"#]+)""", text)
        for target in targets:
            if "://" not in target and not target.startswith("mailto:") and not (TOP / document).parent.joinpath(target).exists():
                problems.append(f"{document}: links to {target}, which is not there")
    expect(*problems)
