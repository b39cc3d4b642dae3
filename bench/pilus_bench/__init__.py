# SPDX-License-Identifier: Apache-2.0
"""Benchmarks on the lab. Each number stands beside that of a plain veth pair, measured in turns with it."""
