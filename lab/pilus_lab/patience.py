# SPDX-License-Identifier: Apache-2.0
"""Deadlines on machines slower than usual: PILUS_PATIENCE in the environment stretches all of them, tests' too."""
import os


def _factor():
    try:
        return max(1.0, float(os.environ.get("PILUS_PATIENCE") or 1))
    except ValueError:
        raise SystemExit("PILUS_PATIENCE is no number: give the factor that deadlines are stretched by, as 10") from None


FACTOR = _factor()


def stretch(seconds):
    return seconds * FACTOR
