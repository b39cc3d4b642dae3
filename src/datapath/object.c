/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "abi/prefilter.h"
#include "abi/socket.h"
#include "base/log.h"
#include "base/memory.h"
#include "datapath/pins.h"

#include "bpf/container.skel.h"
#include "bpf/netdev.skel.h"
#include "bpf/overlay.skel.h"
#include "bpf/prefilter.skel.h"
#include "bpf/sk_msg.skel.h"
#include "bpf/socket.skel.h"
#include "bpf/sockops.skel.h"

static const struct {
	const char *name;
	const void *(*bytes)(size_t *ret_size);
} objects[OBJECTS + 1] = {
	[OBJECT_CONTAINER] = {"container", container__elf_bytes},
	[OBJECT_OVERLAY] = {"overlay", overlay__elf_bytes},
	[OBJECT_NETDEV] = {"netdev", netdev__elf_bytes},
	[OBJECT_PREFILTER] = {"prefilter", prefilter__elf_bytes},
	[OBJECT_SOCKET] = {"socket", socket__elf_bytes},
	[OBJECT_SOCKOPS] = {"sockops", sockops__elf_bytes},
	[OBJECT_SK_MSG] = {"sk_msg", sk_msg__elf_bytes},
};

#define CONFIG_SECTION ".rodata.config"

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && !strcmp(text + length - end_length, end);
}

static bool map_is(int fd, const struct bpf_map *map)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return !bpf_map_get_info_by_fd(fd, &info, &size) && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) && info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) && info.map_flags == bpf_map__map_flags(map);
}

static bool map_fits(const struct bpf_map *map, const char *bpffs)
{
	_cleanup_free_ char *path = pin_path(bpffs, PIN_MAPS, pin_name(bpf_map__name(map)));
	_cleanup_close_ int fd = bpf_obj_get(path);

	return fd >= 0 && map_is(fd, map);
}

bool object_fits(const struct bpf_object *object, const char *bpffs)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, object)
		if (pin_name(bpf_map__name(map)) && !map_fits(map, bpffs))
			return false;
	return true;
}

static uint32_t wanted_size(const struct bpf_map *map, const struct map_sizes *sizes)
{
#define X(name, ...)                                     \
	if (!strcmp(bpf_map__name(map), "pilus_" #name)) \
		return sizes->name ?: bpf_map__max_entries(map);
	PILUS_MAPS(X)
#undef X
	return bpf_map__max_entries(map);
}

static int configure_map(struct bpf_map *map, const struct datapath_options *options)
{
	if (ends_with(bpf_map__name(map), CONFIG_SECTION))
		return bpf_map__set_initial_value(map, &options->config, sizeof(options->config));
	return bpf_map__set_max_entries(map, wanted_size(map, &options->sizes));
}

static int configure_maps(struct bpf_object *object, const struct datapath_options *options, struct error *error)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, object) {
		int r = configure_map(map, options);

		if (r)
			return error_set_errno(error, r, "cannot configure the map %s", bpf_map__name(map));
	}
	return 0;
}

static int choose_pins(struct bpf_object *object, const char *bpffs, const char *folder, struct error *error)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, object) {
		const char *name = pin_name(bpf_map__name(map));
		_cleanup_free_ char *path = name ? pin_path(bpffs, folder, name) : NULL;
		int r = path ? bpf_map__set_pin_path(map, path) : 0;

		if (r)
			return error_set_errno(error, r, "cannot prepare the map %s", path);
	}
	return 0;
}

/* libbpf's own words, the verifier's log among them, belong in the log when somebody looks for them. */
static int log_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char text[8192];

	if (level == LIBBPF_DEBUG)
		return 0;
	/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = 0;
	log_debug("%s", text);
	return 0;
}

void object_hear_libbpf(void)
{
	libbpf_set_print(log_libbpf);
}

int object_open(enum object which, const struct datapath_options *options, struct bpf_object **ret, struct error *error)
{
	LIBBPF_OPTS(bpf_object_open_opts, open_options, .object_name = objects[which].name);
	struct bpf_object *object;
	size_t size;
	const void *bytes = objects[which].bytes(&size);
	int r;

	object_hear_libbpf();
	object = bpf_object__open_mem(bytes, size, &open_options);
	if (!object)
		return error_set_errno(error, -errno, "cannot open the BPF object %s", objects[which].name);
	r = configure_maps(object, options, error);
	if (!r && which == OBJECT_SOCKOPS && !options->short_cuts)
		bpf_program__set_autoload(bpf_object__next_program(object, NULL), false);
	if (r)
		bpf_object__close(object);
	else
		*ret = object;
	return r;
}

int object_load(struct bpf_object *object, const char *bpffs, const char *folder, struct error *error)
{
	int r = choose_pins(object, bpffs, folder, error);

	if (r)
		return r;
	r = bpf_object__load(object);
	return r ? error_set_errno(error, r, "the kernel refused the BPF object %s (log-level debug shows why)",
	                           bpf_object__name(object))
	         : 0;
}

struct load {
	struct bpf_object *object;
	const char *bpffs, *folder;
	pthread_t thread;
	bool threaded;
	struct error error;
};

static void *load_object(void *userdata)
{
	struct load *load = userdata;

	object_load(load->object, load->bpffs, load->folder, &load->error);
	return NULL;
}

static void load_begin(struct load *load)
{
	load->threaded = !pthread_create(&load->thread, NULL, load_object, load);
	if (!load->threaded)
		load_object(load);
}

static int load_end(struct load *load, struct error *error)
{
	if (load->threaded)
		pthread_join(load->thread, NULL);
	return load->error.code ? error_set(error, load->error.code, "%s", load->error.message) : 0;
}

/* Two that make the same map: libbpf takes the one that was pinned first. */
int objects_load(struct bpf_object *const *all, size_t count, const char *bpffs, const char *folder,
                 struct error *error)
{
	_cleanup_free_ struct load *loads = xcalloc(count, sizeof(*loads));
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		loads[i] = (struct load){.object = all[i], .bpffs = bpffs, .folder = folder};
		load_begin(&loads[i]);
	}
	for (size_t i = 0; i < count; i++)
		result = load_end(&loads[i], error) ?: result;
	return result;
}
