/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/carry.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "datapath/pins.h"
#include "datapath/walk.h"

struct copy {
	int to;
	void *value;
	size_t size; /* of the part that both know */
};

static int copy_entry(const void *key, const void *value, void *userdata)
{
	const struct copy *copy = userdata;
	int r;

	memcpy(copy->value, value, copy->size);
	r = bpf_map_update_elem(copy->to, key, copy->value, BPF_NOEXIST);
	return r == -EEXIST || r == -E2BIG || r == -ENOMEM ? 0 : r;
}

int carry_map(int from, int to)
{
	struct bpf_map_info old = {}, new = {};
	uint32_t old_length = sizeof(old), new_length = sizeof(new);
	int r = bpf_map_get_info_by_fd(from, &old, &old_length);
	_cleanup_free_ void *value = NULL;

	if (!r)
		r = bpf_map_get_info_by_fd(to, &new, &new_length);
	if (r || old.key_size != new.key_size)
		return r;
	value = xcalloc(1, new.value_size);
	return map_walk(from, old.key_size, old.value_size, copy_entry,
	                &(struct copy){
				.to = to,
				.value = value,
				.size = old.value_size < new.value_size ? old.value_size : new.value_size,
			});
}

static void open_learnt(const char *bpffs, const char *name, int *ret_fd)
{
	_cleanup_free_ char *path = pin_path(bpffs, PIN_MAPS, pin_name(name));
	int fd = bpf_obj_get(path);

	if (fd >= 0)
		*ret_fd = fd;
}

void carry_open(const char *bpffs, struct maps *ret)
{
#define X(name, layout, origin) \
	if (origin == LEARNT)   \
		open_learnt(bpffs, "pilus_" #name, &ret->name);
	PILUS_MAPS(X)
#undef X
}

int carry(const struct maps *from, const struct maps *to)
{
	int r = 0;

#define X(name, ...)              \
	if (!r && from->name > 0) \
		r = carry_map(from->name, to->name);
	PILUS_MAPS(X)
#undef X
	return r;
}
