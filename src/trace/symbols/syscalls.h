/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls by number, as this architecture has them.
 */
#ifndef PILUS_TRACE_SYSCALLS_H
#define PILUS_TRACE_SYSCALLS_H

#include <stdint.h>

/* "openat"; NULL: none that the headers this was built with know. */
const char *syscall_name(uint32_t number);

#endif
