// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * opensnoop: at the end of a system call its registers still hold the arguments, so one program a call does, and
 * nothing is kept in between. The kernel has read the path by then, so it is in memory.
 */
#include "opensnoop.h"
#include "runtime/bpf/events.h"
#include "runtime/bpf/files.h"
#include "runtime/bpf/own.h"

const volatile bool failed = false;
const volatile __u32 only_flags = 0; /* of which one must be set */

const volatile bool full_path = false;

#define AT_FDCWD  -100
#define STEPS_MAX 48

/* On the way from a folder up to the root of its process. */
struct climb {
	struct dentry *dentry;
	struct mount *mount;
	struct path root;
	__u32 used; /* of the event's room for names */
};

static __always_inline struct mount *mount_of(struct vfsmount *mounted)
{
	return (void *)mounted - bpf_core_field_offset(struct mount, mnt);
}

static __always_inline void climb_begin(struct climb *climb, int folder)
{
	struct fs_struct *fs = BPF_CORE_READ(current_task(), fs);
	struct file *file = folder == AT_FDCWD ? NULL : file_of(folder);
	struct path from = file ? BPF_CORE_READ(file, f_path) : BPF_CORE_READ(fs, pwd);

	climb->dentry = from.dentry;
	climb->mount = mount_of(from.mnt);
	climb->root = BPF_CORE_READ(fs, root);
	climb->used = 0;
}

enum { GO_ON, ARRIVED }; /* what bpf_loop wants to be told */

/* Notes a folder's name. */
static __always_inline long climb_name(struct climb *climb, struct dentry *dentry)
{
	struct open_event *event = event_scratch();
	__u32 used = climb->used;
	long length;

	if (!event || used > OPEN_FOLDERS_MAX - OPEN_NAME_MAX)
		return ARRIVED;
	length = bpf_probe_read_kernel_str(event->folders + used, OPEN_NAME_MAX, BPF_CORE_READ(dentry, d_name.name));
	if (length < 1)
		return ARRIVED;
	climb->used = used + length;
	event->folder_count++;
	climb->dentry = BPF_CORE_READ(dentry, d_parent);
	return GO_ON;
}

/* Above a file system's own root is the folder that it is mounted on. */
static long climb_step(__u64 index, void *context)
{
	struct climb *climb = context;
	struct dentry *dentry = climb->dentry;
	struct mount *mount = climb->mount;

	if (dentry == climb->root.dentry && mount == mount_of(climb->root.mnt))
		return ARRIVED;
	if (dentry != BPF_CORE_READ(mount, mnt.mnt_root))
		return climb_name(climb, dentry);
	climb->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
	climb->mount = BPF_CORE_READ(mount, mnt_parent);
	return climb->mount == mount ? ARRIVED : GO_ON;
}

/* The names of the folders above a relative path; how many bytes. */
static __always_inline __u32 read_folders(int folder)
{
	struct climb climb;

	climb_begin(&climb, folder);
	bpf_loop(STEPS_MAX, climb_step, &climb, 0);
	return climb.used;
}

static __always_inline int opened(const struct syscall_exit *call, int folder, const char *path, __u32 flags)
{
	struct open_event *event;
	long length;

	if (!wanted() || (failed && call->result >= 0) || (only_flags && !(flags & only_flags)) || is_own())
		return 0;
	event = event_scratch();
	if (!event)
		return 0;
	who_am_i(&event->who);
	event->fd = call->result < 0 ? -1 : call->result;
	event->error = call->result < 0 ? -call->result : 0;
	event->flags = flags;
	length = bpf_probe_read_user_str(event->path, sizeof(event->path), path);
	if (length < 1) {
		event->path[0] = 0;
		length = 1;
	}
	event->folder_count = 0;
	if (!full_path || event->path[0] == '/')
		event_send(event, offsetof(struct open_event, path) + length);
	else
		event_send(event, offsetof(struct open_event, folders) + read_folders(folder));
	return 0;
}

/* Not on every architecture. */
SEC("tracepoint/syscalls/sys_exit_open")
int open_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();

	return opened(call, AT_FDCWD, (const char *)PT_REGS_PARM1_SYSCALL(registers), PT_REGS_PARM2_SYSCALL(registers));
}

SEC("tracepoint/syscalls/sys_exit_openat")
int openat_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();

	return opened(call, PT_REGS_PARM1_SYSCALL(registers), (const char *)PT_REGS_PARM2_SYSCALL(registers),
	              PT_REGS_PARM3_SYSCALL(registers));
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int openat2_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();
	__u64 flags = 0; /* the first member of struct open_how */

	bpf_probe_read_user(&flags, sizeof(flags), (const void *)PT_REGS_PARM3_SYSCALL(registers));
	return opened(call, PT_REGS_PARM1_SYSCALL(registers), (const char *)PT_REGS_PARM2_SYSCALL(registers), flags);
}
