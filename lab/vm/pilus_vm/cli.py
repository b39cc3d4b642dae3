# SPDX-License-Identifier: Apache-2.0
"""The vm command: arguments in, one machine, its command's status out."""
import argparse
import os
import pathlib
import signal
import subprocess
import sys

from . import MachineError, NoKernel, kernels, machine

SKIP = 77  # as test harnesses have it
FAILED = 125


def _interrupt(*_):
    raise KeyboardInterrupt


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="vm", description="Runs a command on another Debian kernel, in QEMU.",
                                     epilog=f"The exit status is the command's; {SKIP}: the kernel cannot be had; "
                                            f"{FAILED}: the machine did not work.")
    parser.add_argument("kernel", choices=kernels.KERNELS)
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="what to run (after --), and its arguments")
    parser.add_argument("--seconds", type=int, default=1800, help="when to give up (default 1800)")
    parser.add_argument("--results", type=pathlib.Path, metavar="FOLDER",
                        help="gets the files that the command leaves in /run/exchange/results")
    return parser.parse_args(arguments)


def main(arguments):
    options = _parse(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        if os.geteuid() != 0:
            raise MachineError("the guest gets all files of this machine: run it as root, with sudo")
        kernel = kernels.get(options.kernel)
        print(f"kernel {options.kernel}: {kernel.version}", flush=True)
        return machine.run(kernel, options.command, options.seconds, options.results)
    except NoKernel as error:
        print(f"kernel {options.kernel}: SKIP: {error}")
        return SKIP
    except (MachineError, OSError, subprocess.CalledProcessError) as error:
        print(f"vm: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("vm: interrupted", file=sys.stderr)
        return 130
