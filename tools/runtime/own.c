/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the programs know our own process (bpf/own.h).
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/tool.h"

int run_leave_out_own(struct run *run, struct error *error)
{
	uint32_t pid = (uint32_t)getpid();
	uint64_t device, inode;
	struct stat namespace;
	int r;

	if (stat("/proc/self/ns/pid", &namespace) < 0)
		return error_set_errno(error, -errno, "cannot look at /proc/self/ns/pid");
	device = namespace.st_dev;
	inode = namespace.st_ino;
	r = run_set(run, "own_device", &device, sizeof(device), error);
	if (!r)
		r = run_set(run, "own_inode", &inode, sizeof(inode), error);
	return r ? r : run_set(run, "own_pid", &pid, sizeof(pid), error);
}
