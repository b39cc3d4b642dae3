/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics/requests.h"

#include <utlist.h>

#include "base/clock.h"
#include "base/memory.h"

/* One for each route and status that there were: a few dozen at most. */
struct request_kind {
	const struct http_route *route;
	unsigned status;
	struct durations durations;
	struct request_kind *next;
};

struct request_times {
	struct request_kind *kinds;
};

struct request_times *request_times_new(void)
{
	return xnew(struct request_times);
}

void request_times_free(struct request_times *times)
{
	struct request_kind *kind, *next;

	if (!times)
		return;
	LL_FOREACH_SAFE(times->kinds, kind, next)
	free(kind);
	free(times);
}

static struct request_kind *kind_of(struct request_times *times, const struct http_route *route, unsigned status)
{
	struct request_kind *kind;

	LL_FOREACH (times->kinds, kind)
		if (kind->route == route && kind->status == status)
			return kind;
	kind = xnew(struct request_kind);
	kind->route = route;
	kind->status = status;
	LL_APPEND(times->kinds, kind);
	return kind;
}

void request_times_add(void *userdata, const struct http_route *route, unsigned status, uint64_t nanoseconds)
{
	durations_add(&kind_of(userdata, route, status)->durations, (double)nanoseconds / (double)NS_PER_SECOND);
}

void request_times_write(const struct request_times *times, struct exposition *out)
{
	const struct request_kind *kind;

	LL_FOREACH (times->kinds, kind) {
		char status[8];
		const struct metric_label labels[] = {
			{"method", kind->route->method}, {"path", kind->route->pattern}, {"return_code", status}};

		snprintf(status, sizeof(status), "%u", kind->status);
		exposition_durations(out, labels, 3, &kind->durations);
	}
}
