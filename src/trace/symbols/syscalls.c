/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/symbols/syscalls.h"

#include <stddef.h>

static const char *const NAMES[] = {
/* [0] = "read", … of <sys/syscall.h>, made by the build. */
#include "syscalls.inc"
};

const char *syscall_name(uint32_t number)
{
	return number < sizeof(NAMES) / sizeof(*NAMES) ? NAMES[number] : NULL;
}
