/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/dry_run.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/memory.h"
#include "datapath/object.h"

/* One packet at a time leaves little behind. */
#define ENTRIES    256
#define RING_BYTES (64 * 1024)
#define EVERYTHING (1U << EVENT_DROP | 1U << EVENT_TRACE | 1U << EVENT_POLICY_VERDICT)

/* Those that see packets which have come to the stack, or pass it by. */
static const enum object objects[] = {OBJECT_CONTAINER, OBJECT_OVERLAY, OBJECT_NETDEV};
#define OBJECT_COUNT (sizeof(objects) / sizeof(objects[0]))

struct dry_run {
	struct bpf_object *object[OBJECT_COUNT];
	struct maps maps; /* its own: what is not TOLD */
	struct datapath_events *reader;
	struct dry_outcome *outcome; /* of the packet under way */
};

/* The descriptor in either set of the map that the programs are to use; -1: no map of these. */
static int map_in(const struct maps *shared, const struct maps *own, const char *map)
{
#define X(name, layout, origin)           \
	if (!strcmp(map, "pilus_" #name)) \
		return (origin) == TOLD ? shared->name : own->name;
	PILUS_MAPS(X)
#undef X
	return -1;
}

static int use_maps(const struct dry_run *run, const struct maps *shared, struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, object) {
		int fd = map_in(shared, &run->maps, bpf_map__name(map));
		int r = fd > 0 ? bpf_map__reuse_fd(map, fd) : 0;

		if (r)
			return r;
	}
	return 0;
}

/* The maps that the object made are used by the next ones, too. */
static int note_own(const struct bpf_object *object, const char *name, int *own)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	if (!map || *own > 0)
		return 0;
	*own = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3);
	return *own < 0 ? -errno : 0;
}

static int note_maps(struct dry_run *run, const struct bpf_object *object)
{
	int r = 0;

#define X(name, layout, origin)     \
	if (!r && (origin) != TOLD) \
		r = note_own(object, "pilus_" #name, &run->maps.name);
	PILUS_MAPS(X)
#undef X
	return r;
}

static int load(struct dry_run *run, size_t which, const struct datapath_options *options, const struct maps *shared,
                struct error *error)
{
	int r = object_open(objects[which], options, &run->object[which], error);

	if (r)
		return r;
	r = use_maps(run, shared, run->object[which]);
	if (!r)
		r = bpf_object__load(run->object[which]);
	if (!r)
		r = note_maps(run, run->object[which]);
	return r ? error_set_errno(error, r, "cannot load the programs for a packet that is not sent") : 0;
}

static void take_event(const struct event *event, size_t size, void *userdata)
{
	const struct dry_run *run = userdata;
	struct dry_outcome *outcome = run->outcome;

	if (outcome && outcome->event_count < DRY_EVENTS_MAX)
		memcpy(&outcome->events[outcome->event_count++], event, size);
}

static int listen(struct dry_run *run, struct error *error)
{
	const struct state state = {.epoch = 1, .events = EVERYTHING};
	uint32_t zero = 0;
	int r = bpf_map_update_elem(run->maps.state, &zero, &state, BPF_ANY);

	if (!r)
		r = datapath_events_open(&run->maps, take_event, run, &run->reader);
	return r ? error_set_errno(error, r, "cannot listen to the programs of a packet that is not sent") : 0;
}

int dry_run_open(const struct node_config *config, const struct maps *maps, struct dry_run **ret, struct error *error)
{
	_cleanup_(dry_run_freep) struct dry_run *run = xnew(struct dry_run);
	struct datapath_options options = {
		.config = *config,
		.sizes = {.flows = ENTRIES,
	                  .nat = ENTRIES,
	                  .service_nat = ENTRIES,
	                  .fragments = ENTRIES,
	                  .events = RING_BYTES},
	};
	int r = 0;

	options.config.dry_run = 1;
	for (size_t i = 0; i < OBJECT_COUNT && !r; i++)
		r = load(run, i, &options, maps, error);
	if (!r)
		r = listen(run, error);
	if (!r)
		*ret = TAKE_PTR(run);
	return r;
}

void dry_run_free(struct dry_run *run)
{
	if (!run)
		return;
	datapath_events_free(run->reader);
	for (size_t i = 0; i < OBJECT_COUNT; i++)
		bpf_object__close(run->object[i]);
	maps_close(&run->maps);
	free(run);
}

static int forget(int fd)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	_cleanup_free_ void *key = NULL;
	int r = bpf_map_get_info_by_fd(fd, &info, &size);

	if (r)
		return r;
	key = xcalloc(1, info.key_size);
	while (!r && !bpf_map_get_next_key(fd, NULL, key))
		r = bpf_map_delete_elem(fd, key);
	return r;
}

int dry_run_forget(struct dry_run *run)
{
	int r = 0;

#define X(name, layout, origin)                             \
	if (!r && (origin) == LEARNT && run->maps.name > 0) \
		r = forget(run->maps.name);
	PILUS_MAPS(X)
#undef X
	return r;
}

static int find_program(const struct dry_run *run, const char *name)
{
	for (size_t i = 0; i < OBJECT_COUNT; i++) {
		const struct bpf_program *program = bpf_object__find_program_by_name(run->object[i], name);

		if (program)
			return bpf_program__fd(program);
	}
	return -ENOENT;
}

int dry_run_pass(struct dry_run *run, const char *program, uint32_t ifindex, struct dry_packet *packet,
                 struct dry_outcome *ret)
{
	struct __sk_buff skb = {.ifindex = ifindex, .mark = packet->mark}, skb_after = {};
	struct dry_packet after = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet->bytes, .data_size_in = packet->size,
	            .data_out = after.bytes, .data_size_out = sizeof(after.bytes), .ctx_in = &skb,
	            .ctx_size_in = sizeof(skb), .ctx_out = &skb_after, .ctx_size_out = sizeof(skb_after), .repeat = 1);
	int r, fd = find_program(run, program);

	if (fd < 0)
		return fd;
	r = bpf_prog_test_run_opts(fd, &options);
	if (r)
		return r;
	after.size = options.data_size_out;
	after.mark = skb_after.mark;
	*packet = after;
	*ret = (struct dry_outcome){.verdict = (int)options.retval};
	run->outcome = ret;
	r = datapath_events_read(run->reader);
	run->outcome = NULL;
	return r < 0 ? r : 0;
}
