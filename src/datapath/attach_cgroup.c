/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/attach_cgroup.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/memory.h"
#include "datapath/pins.h"

DEFINE_CLEANUP(struct bpf_link *, bpf_link__destroy)

const char *datapath_cgroup_default(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct statfs fs;

		if (!statfs(places[i], &fs) && (unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC)
			return places[i];
	}
	return NULL;
}

static int link_info(const struct bpf_link *link, struct bpf_link_info *ret)
{
	struct bpf_link_info info = {};
	uint32_t size = sizeof(info);
	int r = bpf_link_get_info_by_fd(bpf_link__fd(link), &info, &size);

	if (!r)
		*ret = info;
	return r;
}

/* A cgroup that is gone has taken the link's id with it: then it is 0. */
static bool link_is_on(const struct bpf_link *link, int cgroup)
{
	struct bpf_link_info info = {};
	struct stat stat;

	return !link_info(link, &info) && info.type == BPF_LINK_TYPE_CGROUP && !fstat(cgroup, &stat) &&
	       info.cgroup.cgroup_id == stat.st_ino;
}

static int link_make(const char *path, int cgroup, struct bpf_program *program)
{
	_cleanup_(bpf_link__destroyp) struct bpf_link *link = bpf_program__attach_cgroup(program, cgroup);

	if (!link)
		return -errno;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return bpf_link__pin(link, path) ? -errno : 0;
}

static int link_set(const char *path, int cgroup, struct bpf_program *program)
{
	_cleanup_(bpf_link__destroyp) struct bpf_link *link = bpf_link__open(path);

	if (link && link_is_on(link, cgroup))
		return bpf_link__update_program(link, program) ? -errno : 0;
	return link_make(path, cgroup, program);
}

int attach_cgroup(const char *bpffs, const char *cgroup, struct bpf_program *program, struct error *error)
{
	_cleanup_free_ char *path = pin_path(bpffs, PIN_CGROUP, bpf_program__name(program));
	_cleanup_close_ int fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : link_set(path, fd, program);

	return r ? error_set_errno(error, r, "cannot attach %s to the cgroup %s", bpf_program__name(program), cgroup)
	         : 0;
}

static int program_id(const struct bpf_program *program, uint32_t *ret)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	int r = bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size);

	if (!r)
		*ret = info.id;
	return r;
}

int attach_cgroup_check(const char *bpffs, const struct bpf_program *program)
{
	_cleanup_free_ char *path = pin_path(bpffs, PIN_CGROUP, bpf_program__name(program));
	_cleanup_(bpf_link__destroyp) struct bpf_link *link = bpf_link__open(path);
	struct bpf_link_info info = {};
	uint32_t id = 0;
	int r = link ? link_info(link, &info) : -errno;

	if (!r)
		r = program_id(program, &id);
	if (r)
		return r;
	return info.prog_id == id && info.cgroup.cgroup_id ? 0 : -ENOENT;
}

struct sweep {
	const char *bpffs;
	bool (*is_kept)(const char *program, void *userdata);
	void *userdata;
};

static int sweep_pin(const char *pin, void *userdata)
{
	const struct sweep *sweep = userdata;
	_cleanup_free_ char *path = pin_path(sweep->bpffs, PIN_CGROUP, pin);

	if (sweep->is_kept(pin, sweep->userdata))
		return 0;
	return unlink(path) < 0 ? -errno : 0;
}

int attach_cgroup_sweep(const char *bpffs, bool (*is_kept)(const char *program, void *userdata), void *userdata)
{
	struct sweep sweep = {.bpffs = bpffs, .is_kept = is_kept, .userdata = userdata};

	return pins_each(bpffs, PIN_CGROUP, sweep_pin, &sweep);
}
