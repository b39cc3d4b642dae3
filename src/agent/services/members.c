/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/services/internal.h"
#include "base/memory.h"

int member_compare(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	int order = addr_compare(&left->candidate.addr, &right->candidate.addr);

	return order ? order : left->candidate.port - right->candidate.port;
}

static int compare(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	int order = member_compare(left, right);

	return order ? order : left->candidate.state - right->candidate.state;
}

/* While an endpoint moves from one slice to another it may be in both: the better news count. */
static size_t without_doubles(struct member *members, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (!kept || member_compare(&members[kept - 1], &members[i]))
			members[kept++] = members[i];
	return kept;
}

bool slice_port_is_for(const struct slice_port *of, const struct service_port *port)
{
	return of->protocol == port->protocol && !strcmp(of->name, port->name);
}

static void add_slice(const struct service_slice *slice, const struct slice_port *port, bool v4,
                      struct member **members, size_t *count)
{
	*members = xrealloc(*members, (*count + slice->endpoint_count) * sizeof(**members) ?: 1);
	for (size_t i = 0; i < slice->endpoint_count; i++) {
		const struct slice_endpoint *endpoint = &slice->endpoints[i];

		if (addr_is_v4(&endpoint->addr) != v4)
			continue;
		(*members)[(*count)++] = (struct member){.candidate = {.addr = endpoint->addr,
		                                                       .port = endpoint->port ?: port->port,
		                                                       .weight = endpoint->weight,
		                                                       .protocol = port->protocol,
		                                                       .state = endpoint->state,
		                                                       .place = endpoint->place}};
	}
}

size_t members_gather(const struct record *record, const struct service_port *port, bool v4, struct member **ret)
{
	struct slice_entry *entry;
	size_t count = 0;

	*ret = NULL;
	DL_FOREACH (record->slices, entry) {
		const struct service_slice *slice = entry->slice;

		for (size_t i = 0; i < slice->port_count; i++)
			if (slice_port_is_for(&slice->ports[i], port))
				add_slice(slice, &slice->ports[i], v4, ret, &count);
	}
	if (count)
		qsort(*ret, count, sizeof(**ret), compare);
	return without_doubles(*ret, count);
}
