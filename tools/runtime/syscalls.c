/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/syscalls.h"

#include <stddef.h>
#include <stdio.h>

static const char *const NAMES[] = {
/* [0] = "read", … of <sys/syscall.h>, made by the build. */
#include "syscalls.inc"
};

const char *syscall_name(uint32_t number, char text[static SYSCALL_NAME_MAX])
{
	if (number < sizeof(NAMES) / sizeof(*NAMES) && NAMES[number])
		snprintf(text, SYSCALL_NAME_MAX, "%s", NAMES[number]);
	else
		snprintf(text, SYSCALL_NAME_MAX, "[%u]", number);
	return text;
}
