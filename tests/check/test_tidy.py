# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over every C file of the compile database, the BPF programs among them.

What was found clean is remembered by the hash of its preprocessed text, its flags and .clang-tidy, so that a
second run looks only at what changed. Where the checkout lies makes no difference: several may share build/check/tidy.
"""
import concurrent.futures
import hashlib
import itertools
import json
import os
import pathlib
import shlex
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("BUILD", "build")
CLEAN = BUILD / "check" / "tidy"

# error.c defines what analyzer.h redefines.
HINTS = ["-include", str(TOP / "tests/check/analyzer.h")]
UNHINTED = TOP / "src/base/error.c"


def sources():
    """Absolute path -> (directory, command), of our own files only."""
    subprocess.run([TOP / "scripts/compile-db", BUILD], check=True)
    result = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if path.is_relative_to(TOP) and not path.is_relative_to(BUILD):
            result[path] = (entry["directory"], shlex.split(entry["command"]))
    return result


def flags(command):
    """A compile command's arguments without its outputs. The compiler may be called by another, as ccache."""
    words = itertools.dropwhile(lambda word: not word.startswith("-"), command)
    kept = []
    for word in words:
        if word in ("-o", "-MF", "-MQ", "-MT"):
            next(words)
        elif word not in ("-c", "-MD", "-MMD"):
            kept.append(word)
    return kept


def hints(path):
    return HINTS if path.relative_to(TOP).parts[0] in ("src", "tools") and path.suffixes == [".c"] and path != UNHINTED else []


def fingerprint(directory, arguments):
    """Of everything that clang-tidy's verdict depends on; None when the file does not even preprocess."""
    text = subprocess.run(["clang-19", "-E", "-w", *arguments], cwd=directory, capture_output=True)
    if text.returncode:
        return None
    rules = [path.read_bytes() for path in (TOP / ".clang-tidy", TOP / "tests/.clang-tidy")]
    parts = [text.stdout, "\0".join(arguments).encode(), *rules]
    return hashlib.sha256(b"\0\0".join(parts).replace(bytes(TOP), b".")).hexdigest()


def tidy(path, directory, command):
    """The complaints about one file; nothing when it is clean."""
    mark = fingerprint(directory, [*flags(command), *hints(path)])
    if mark and (CLEAN / mark).exists():
        return ""
    extra = [f"--extra-arg={hint}" for hint in hints(path)]
    done = subprocess.run(["clang-tidy-19", "--quiet", "-p", BUILD, *extra, path], cwd=TOP, capture_output=True,
                          text=True)
    if done.returncode:
        return done.stdout + done.stderr
    if mark:
        (CLEAN / mark).touch()
    return ""


def test_tidy():
    files = sources()
    assert files, "the compile database is empty"
    CLEAN.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        found = list(pool.map(lambda item: tidy(item[0], *item[1]), files.items()))
    complaints = "\n".join(filter(None, found))
    if complaints:
        pytest.fail(complaints, pytrace=False)


def test_compile_database_has_every_source():
    tracked = subprocess.run(["git", "ls-files", "src/*.c", "bpf/*.bpf.c", "tools/*.c", "tests/unit/*.c"], cwd=TOP, check=True,
                             capture_output=True, text=True).stdout.split()
    known = {str(path.relative_to(TOP)) for path in sources()}
    missing = sorted(set(tracked) - known)
    assert not missing, "no meson.build compiles these"
