# SPDX-License-Identifier: Apache-2.0
"""Processes in places of the lab: served by while something is measured, or run to their end."""
import contextlib
import subprocess

from pilus_lab import LabError, places


@contextlib.contextmanager
def running(place, command, **options):
    """It runs meanwhile, and is ended."""
    process = places.start(place, command, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


@contextlib.contextmanager
def serving(place, command):
    """It has said "ready"."""
    with running(place, command, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout.readline() != "ready\n":
            raise LabError(f"{' '.join(command)} did not start in {place.name}: its words are above")
        yield


def run(place, command, text="", **options):
    """What it says, given the text. One that fails is an error; its words are on standard error."""
    process = places.start(place, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
    output, _ = process.communicate(text)
    if process.returncode:
        raise LabError(f"{' '.join(command)} failed in {place.name}: {output.strip() or 'its words are above'}")
    return output
