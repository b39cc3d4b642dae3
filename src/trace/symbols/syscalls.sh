#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: syscalls.sh CC...
# The numbers of system calls that the C library's headers know, as the rows of a C array of names.
set -eu
echo '#include <sys/syscall.h>' | "$@" -E -dM - |
	sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$/[\2] = "\1",/p' | sort -u
