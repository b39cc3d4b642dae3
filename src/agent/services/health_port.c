/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/services/health_port.h"

#include <stdlib.h>
#include <string.h>

#include "agent/metrics/listener.h"
#include "base/memory.h"
#include "http/server.h"

struct health_port {
	const struct record *record;
	uint16_t port;
	struct http_server *server;
};

/* Each pod counts once, however many ports it answers at. */
static bool is_new(const struct record *record, size_t group, const struct addr *addr)
{
	for (size_t g = 0; g < group; g++)
		for (size_t i = 0; i < record->groups[g].count; i++)
			if (addr_equal(&record->groups[g].members[i].candidate.addr, addr))
				return false;
	return true;
}

static size_t count_local(const struct record *record)
{
	size_t count = 0;

	for (size_t g = 0; g < record->group_count; g++)
		for (size_t i = 0; i < record->groups[g].count; i++) {
			const struct candidate *candidate = &record->groups[g].members[i].candidate;

			count += (candidate->place & BACKEND_ON_NODE) && candidate->state == BACKEND_ACTIVE &&
			         is_new(record, g, &candidate->addr);
		}
	return count;
}

static void answer(struct http_exchange *exchange, void *userdata)
{
	const struct health_port *health = userdata;
	const char *name = record_name(health->record), *slash = strchr(name, '/');
	size_t count = count_local(health->record);

	http_reply_json(exchange, count ? 200 : 503,
	                json_pack("{s:{s:s%, s:s}, s:I, s:b}", "service", "namespace", name, (size_t)(slash - name),
	                          "name", slash + 1, "localEndpoints", (json_int_t)count, "serviceProxyHealthy", 1));
}

static const struct http_route ROUTES[] = {{"GET", "/", answer}, {"GET", "/healthz", answer}};

void health_port_free(struct health_port *health)
{
	if (!health)
		return;
	http_server_free(health->server);
	free(health);
}

static int listen_at(struct services *services, struct health_port *health, struct error *error)
{
	char address[8];
	int fd = -1, r;

	snprintf(address, sizeof(address), ":%u", health->port);
	r = metrics_listen(address, &fd, error);
	return r ? r : http_server_adopt(services->needs.loop, fd, ROUTES, 2, health, &health->server, error);
}

void health_port_update(struct services *services, struct record *record)
{
	uint16_t port = record->spec ? record->spec->health_port : 0;
	struct error error = {};

	if (record->health && record->health->port == port)
		return;
	health_port_free(TAKE_PTR(record->health));
	if (!port)
		return;
	record->health = xnew(struct health_port);
	*record->health = (struct health_port){.record = record, .port = port};
	if (!listen_at(services, record->health, &error))
		return;
	record_trouble(record, error.code, "its health cannot be asked for: %s", error.message);
	free(TAKE_PTR(record->health));
}
