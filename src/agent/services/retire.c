/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that has just looked a frontend up is about to look up its slots, and then a backend: what nobody points to
 * any more is removed a moment later. An agent that ends meanwhile leaves it to the next one, which finds it unclaimed.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/services/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#define MOMENT_MS 50

static void add(struct services *services, struct retired retired)
{
	retired.due = clock_now() + MOMENT_MS * NS_PER_MS;
	services->retired = xrealloc(services->retired, (services->retired_count + 1) * sizeof(*services->retired));
	services->retired[services->retired_count++] = retired;
	if (!uv_is_active((uv_handle_t *)&services->retire))
		uv_timer_start(&services->retire, retire_due, MOMENT_MS, 0);
}

void retire_set(struct services *services, const struct slot_set *set)
{
	if (set->count)
		add(services, (struct retired){.set = *set});
}

void retire_backend(struct services *services, uint32_t id)
{
	add(services, (struct retired){.backend = id});
}

static int remove_retired(struct services *services, const struct retired *retired)
{
	const struct maps *maps = services->needs.maps;
	int r;

	if (!retired->backend)
		return service_slots_delete(maps, retired->set.set, retired->set.count);
	r = backend_map_delete(maps, retired->backend);
	if (!r)
		services->events.backend_gone(services->userdata, retired->backend);
	return r;
}

void retire_due(uv_timer_t *timer)
{
	struct services *services = timer->data;
	uint64_t now = clock_now();
	size_t done = 0;

	while (done < services->retired_count && services->retired[done].due <= now) {
		int r = remove_retired(services, &services->retired[done++]);

		if (r)
			log_error("services: cannot remove what is no longer used: %s", strerror(-r));
	}
	services->retired_count -= done;
	memmove(services->retired, &services->retired[done], services->retired_count * sizeof(*services->retired));
	if (services->retired_count)
		uv_timer_start(timer, retire_due, MOMENT_MS, 0);
}
