/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "datapath/pins.h"
#include "datapath/resize.h"

#include "bpf/container.skel.h"
#include "bpf/netdev.skel.h"
#include "bpf/overlay.skel.h"

static const struct {
	const char *name;
	const void *(*bytes)(size_t *ret_size);
} objects[OBJECTS] = {
	[OBJECT_CONTAINER] = {"container", container__elf_bytes},
	[OBJECT_OVERLAY] = {"overlay", overlay__elf_bytes},
	[OBJECT_NETDEV] = {"netdev", netdev__elf_bytes},
};

#define CONFIG_SECTION ".rodata.config"

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && !strcmp(text + length - end_length, end);
}

static bool is_pinned_by_us(const struct bpf_map *map)
{
	return !strncmp(bpf_map__name(map), "pilus_", 6);
}

static uint32_t wanted_size(const struct bpf_map *map, const struct map_sizes *sizes)
{
#define X(name)                                          \
	if (!strcmp(bpf_map__name(map), "pilus_" #name)) \
		return sizes->name ?: bpf_map__max_entries(map);
	DATAPATH_MAPS(X)
#undef X
	return bpf_map__max_entries(map);
}

static bool has_layout(const struct bpf_map_info *info, const struct bpf_map *map)
{
	return info->type == bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
	       info->value_size == bpf_map__value_size(map) && info->map_flags == bpf_map__map_flags(map);
}

static int remove_pin(const char *path)
{
	log_warning("%s has another layout: replaced by an empty map", path);
	return unlink(path) < 0 ? -errno : 0;
}

/* What is pinned shall be what libbpf is going to ask for: then libbpf takes it. */
static int adapt_pin(const struct bpf_map *map, const char *path)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	uint32_t size = bpf_map__max_entries(map), length = sizeof(struct bpf_map_info);
	struct bpf_map_info info = {};
	int r;

	if (fd == -ENOENT)
		return 0;
	r = fd < 0 ? fd : bpf_map_get_info_by_fd(fd, &info, &length);
	if (r || !has_layout(&info, map))
		return remove_pin(path);
	if (info.max_entries == size)
		return 0;
	if (!map_can_resize(&info))
		return remove_pin(path);
	log_info("%s has room for %u entries now instead of %u", path, size, info.max_entries);
	return map_resize(path, fd, &info, size);
}

static int prepare_pinned_map(struct bpf_map *map, const struct datapath_options *options, struct error *error)
{
	_cleanup_free_ char *path = pin_path(options->bpffs, PIN_MAPS, bpf_map__name(map));
	int r = bpf_map__set_max_entries(map, wanted_size(map, &options->sizes));

	if (!r)
		r = adapt_pin(map, path);
	if (!r)
		r = bpf_map__set_pin_path(map, path);
	return r ? error_set_errno(error, r, "cannot prepare the map %s", path) : 0;
}

static int prepare_maps(struct bpf_object *object, const struct datapath_options *options, struct error *error)
{
	struct bpf_map *map;

	bpf_object__for_each_map (map, object) {
		int r = 0;

		if (is_pinned_by_us(map))
			r = prepare_pinned_map(map, options, error);
		else if (ends_with(bpf_map__name(map), CONFIG_SECTION))
			r = bpf_map__set_initial_value(map, &options->config, sizeof(options->config));
		if (r)
			return r;
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

int object_load(enum object which, const struct datapath_options *options, struct bpf_object **ret, struct error *error)
{
	LIBBPF_OPTS(bpf_object_open_opts, open_options, .object_name = objects[which].name);
	struct bpf_object *object;
	size_t size;
	const void *bytes = objects[which].bytes(&size);
	int r;

	libbpf_set_print(log_libbpf);
	object = bpf_object__open_mem(bytes, size, &open_options);
	if (!object)
		return error_set_errno(error, -errno, "cannot open the BPF object %s", objects[which].name);
	r = prepare_maps(object, options, error);
	if (!r) {
		r = bpf_object__load(object);
		if (r)
			error_set_errno(error, r, "the kernel refused the BPF object %s (log-level debug shows why)",
			                objects[which].name);
	}
	if (r) {
		bpf_object__close(object);
		return r;
	}
	*ret = object;
	return 0;
}
