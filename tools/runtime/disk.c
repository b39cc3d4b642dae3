/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks.
 */
#include "runtime/disk.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"

#define LINE_MAX_BYTES 64

int disk_choose(struct run *run, struct error *error)
{
	const char *name = cli_value(run->cli, "disk");
	_cleanup_free_ char *path = xasprintf("/sys/block/%s/dev", name ?: ""), *numbers = NULL;
	unsigned major, minor;
	uint64_t wanted;

	if (!name)
		return 0;
	if (strchr(name, '/') || file_read(path, LINE_MAX_BYTES, &numbers, NULL) ||
	    sscanf(numbers, "%u:%u", &major, &minor) != 2)
		return error_set(error, -ENODEV, "there is no disk '%s': /sys/block has them", name);
	wanted = ((uint64_t)major << 32 | minor) + 1;
	return run_set(run, "only_disk", &wanted, sizeof(wanted), error);
}
