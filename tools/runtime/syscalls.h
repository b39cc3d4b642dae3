/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls by number, as this architecture has them.
 */
#ifndef PILUS_TOOLS_RUNTIME_SYSCALLS_H
#define PILUS_TOOLS_RUNTIME_SYSCALLS_H

#include <stdint.h>

#define SYSCALL_NAME_MAX 32

/* "openat", or "[999]" for one that is newer than the headers this was built with. */
const char *syscall_name(uint32_t number, char text[static SYSCALL_NAME_MAX]);

#endif
