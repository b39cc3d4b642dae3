/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/memory.h"
#include "datapath/pins.h"
#include "datapath/walk.h"

static int maps_map_state(struct maps *maps)
{
	void *live = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, maps->state, 0);

	if (live == MAP_FAILED)
		return -errno;
	maps->live = live;
	return 0;
}

static int map_open(const char *bpffs, const char *folder, const char *name, int *ret_fd, struct error *error)
{
	_cleanup_free_ char *path = pin_path(bpffs, folder, pin_name(name));
	int fd = bpf_obj_get(path);

	if (fd == -ENOENT)
		return error_set(error, fd, "no datapath is loaded (there is no %s): is pilusd running on this node?",
		                 path);
	if (fd == -EACCES || fd == -EPERM)
		return error_set(error, fd, "not allowed to open the map %s: be root", path);
	if (fd < 0)
		return error_set_errno(error, fd, "cannot open the map %s", path);
	*ret_fd = fd;
	return 0;
}

int maps_open_in(const char *bpffs, const char *folder, struct maps *ret, struct error *error)
{
	_cleanup_(maps_close) struct maps maps = MAPS_CLOSED;
	int r;

#define X(name, ...)                                                    \
	r = map_open(bpffs, folder, "pilus_" #name, &maps.name, error); \
	if (r)                                                          \
		return r;
	PILUS_MAPS(X)
#undef X
	r = maps_map_state(&maps);
	if (r)
		return error_set_errno(error, r, "cannot map the datapath's state into memory");
	*ret = maps;
	maps = (struct maps)MAPS_CLOSED;
	return 0;
}

int maps_open(const char *bpffs, struct maps *ret, struct error *error)
{
	return maps_open_in(bpffs, PIN_MAPS, ret, error);
}

void maps_open_state(const char *bpffs, struct maps *ret)
{
	if (!map_open(bpffs, PIN_MAPS, "pilus_state", &ret->state, NULL))
		maps_map_state(ret);
}

void maps_close(struct maps *maps)
{
	if (maps->live)
		munmap(maps->live, sizeof(struct state));
	/* A descriptor of 0 is standard input: the struct was zeroed, never opened. */
#define X(name, ...)        \
	if (maps->name > 0) \
		close(maps->name);
	PILUS_MAPS(X)
#undef X
	*maps = (struct maps)MAPS_CLOSED;
}

struct count {
	size_t value_size;
	bool array;
	uint32_t entries;
};

static int count_entry(const void *key, const void *value, void *userdata)
{
	struct count *count = userdata;
	const char *byte = value, *end = byte + count->value_size;

	while (count->array && byte < end && !*byte)
		byte++;
	count->entries += byte < end;
	return 0;
}

static bool is_array(const struct bpf_map_info *info)
{
	return info->type == BPF_MAP_TYPE_ARRAY || info->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* Ring buffers hold records, not entries. */
static int map_count(int fd, const struct bpf_map_info *info, uint32_t *ret)
{
	struct count count = {.value_size = info->value_size, .array = is_array(info)};
	int r, cpus = libbpf_num_possible_cpus();

	if (info->type == BPF_MAP_TYPE_PERCPU_ARRAY)
		count.value_size = (count.value_size + 7) / 8 * 8 * cpus;
	r = info->type == BPF_MAP_TYPE_RINGBUF ? 0
	                                       : map_walk(fd, info->key_size, count.value_size, count_entry, &count);
	if (!r)
		*ret = count.entries;
	return r;
}

/* The kernel tells a map's memory in its descriptor's fdinfo only. */
uint64_t map_bytes(int fd)
{
	_cleanup_free_ char *path = xasprintf("/proc/self/fdinfo/%d", fd);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char line[128];
	uint64_t bytes;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %" SCNu64, &bytes) == 1)
			return bytes;
	return 0;
}

static int map_facts(const char *name, int fd, struct map_facts *ret)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info), entries;
	int r = bpf_map_get_info_by_fd(fd, &info, &size);

	if (!r)
		r = map_count(fd, &info, &entries);
	if (r)
		return r;
	*ret = (struct map_facts){
		.name = name,
		.type = libbpf_bpf_map_type_str(info.type),
		.entries = entries,
		.max_entries = info.max_entries,
		.bytes = map_bytes(fd),
		.fills = !is_array(&info) && info.type != BPF_MAP_TYPE_RINGBUF,
	};
	return 0;
}

int maps_facts(const struct maps *maps, int (*each)(const struct map_facts *facts, void *userdata), void *userdata)
{
	struct map_facts facts;
	int r;

#define X(map, ...)                                      \
	r = map_facts("pilus_" #map, maps->map, &facts); \
	if (!r)                                          \
		r = each(&facts, userdata);              \
	if (r)                                           \
		return r;
	PILUS_MAPS(X)
#undef X
	return 0;
}

double map_pressure(const struct map_facts *facts)
{
	return facts->fills ? (double)facts->entries / facts->max_entries : 0;
}

/* The first epoch of a new map is none that copied flows were decided in: nobody bumps a thousand times a second. */
static void begin_epochs(struct state *live)
{
	__u32 none = 0;

	__atomic_compare_exchange_n(&live->epoch, &none, clock_now() / NS_PER_MS, false, __ATOMIC_RELEASE,
	                            __ATOMIC_RELAXED);
}

void maps_bump_epoch(const struct maps *maps)
{
	begin_epochs(maps->live);
	/* 0 is the epoch of undecided flows. */
	if (!__atomic_add_fetch(&maps->live->epoch, 1, __ATOMIC_RELEASE))
		__atomic_add_fetch(&maps->live->epoch, 1, __ATOMIC_RELEASE);
}

void maps_listen(const struct maps *maps, uint32_t events)
{
	__atomic_store_n(&maps->live->events, events, __ATOMIC_RELEASE);
}
