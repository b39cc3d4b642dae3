/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tracefs.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <unistd.h>

int tracefs_provide(struct error *error)
{
	if (!access(TRACEFS "/events", F_OK) || !access("/sys/kernel/debug/tracing/events", F_OK))
		return 0;
	if (errno == EACCES)
		return error_set(error, -EACCES, "may not read %s: run it as root", TRACEFS);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tracefs", TRACEFS, "tracefs", 0, NULL))
		return error_set_errno(error, -errno,
		                       "cannot mount tracefs, which tells the tracepoints: run it as root");
	return 0;
}
