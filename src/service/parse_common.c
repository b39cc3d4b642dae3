/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "abi/flow.h"
#include "base/memory.h"
#include "service/parse_internal.h"

void *array_append(void *array, size_t *count, size_t size)
{
	char **elements = array;

	*elements = xrealloc(*elements, (*count + 1) * size);
	return memset(*elements + (*count)++ * size, 0, size);
}

uint8_t read_protocol(const struct field *object)
{
	static const char *const words[] = {"TCP", "UDP", "SCTP", NULL};
	static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP};
	struct field field = field_of(object, "protocol");

	return protocols[field_word(&field, words, 0)];
}

static void check_text(const struct field *object, const char *name, const char *must, size_t length)
{
	struct field field = field_of(object, name);
	const char *text = field_text(&field);

	if (text && (strlen(text) != length || strncmp(text, must, length) != 0))
		field_refuse(&field, "must be %.*s, as the key says, not %s", (int)length, must, text);
}

static void check_kind(const struct field *object, const char *name, const char *must)
{
	struct field field = field_of(object, name);
	const char *text = field_text(&field);

	if (!text)
		field_refuse(&field, "is missing: it must be %s", must);
	else if (strcmp(text, must) != 0)
		field_refuse(&field, "must be %s, not %s", must, text);
}

void check_identity(const struct field *object, const char *version, const char *kind, const char *name)
{
	struct field metadata = field_of(object, "metadata");
	const char *slash = strchr(name, '/');

	check_kind(object, "apiVersion", version);
	check_kind(object, "kind", kind);
	check_text(&metadata, "namespace", name, (size_t)(slash - name));
	check_text(&metadata, "name", slash + 1, strlen(slash + 1));
}

static bool is_pod_of(const struct service_viewer *viewer, const struct addr *addr)
{
	for (size_t i = 0; i < 2; i++)
		if (viewer->pods[i].bits && prefix_contains(&viewer->pods[i], addr))
			return true;
	return false;
}

uint8_t read_place(const struct field *node, const struct field *zone, const struct addr *addr,
                   const struct service_viewer *viewer)
{
	const char *on = field_text(node), *in = field_text(zone);
	uint8_t place = 0;

	if (on ? !strcmp(on, viewer->node) : is_pod_of(viewer, addr))
		place |= BACKEND_ON_NODE;
	if (in && viewer->zone && !strcmp(in, viewer->zone))
		place |= BACKEND_IN_ZONE;
	return place;
}

void read_ranges(const struct field *list, struct service_spec *service)
{
	size_t count = field_count_at_most(list, SERVICE_RANGES_MAX);

	for (size_t i = 0; i < count; i++) {
		struct field field = field_at(list, i);

		field_prefix(&field, APPEND(service->ranges, service->range_count));
	}
}
