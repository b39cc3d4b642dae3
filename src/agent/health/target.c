/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/health/target.h"

#include <string.h>

#include "agent/endpoint/spec.h"
#include "agent/health/responder.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/netns.h"

#define INTERFACE   "eth0"
#define LOOK_MS     10000
#define OWN_NETNS   (-1)
#define NO_ENDPOINT ((const struct addr[FAMILIES]){})

/* One address that is listened on; zero: none. */
struct door {
	struct addr addr;
	struct http_server *responder;
};

struct health_target {
	struct health_target_services services;
	void (*changed)(void *userdata, const struct addr addresses[FAMILIES]);
	void *userdata;
	char *netns;
	uv_timer_t timer;
	struct door host[FAMILIES], endpoint[FAMILIES];
	struct addr told[FAMILIES];
	struct error trouble; /* said last: once is enough */
};

/* ── what goes wrong ── */

static void complain(struct health_target *target, const struct error *error)
{
	if (strcmp(error->message, target->trouble.message))
		log_warning("health: %s", error->message);
	target->trouble = *error;
}

/* ── doors ── */

static void door_close(struct door *door)
{
	http_server_free(TAKE_PTR(door->responder));
	door->addr = (struct addr){};
}

static void door_open(struct health_target *target, struct door *door, const struct addr *addr, int netns_fd)
{
	struct error error = {};

	if (door->responder && addr_equal(&door->addr, addr))
		return;
	door_close(door);
	if (addr_is_zero(addr))
		return;
	if (responder_new(target->services.loop, netns_fd, addr, target->services.config->health_port, &door->responder,
	                  &error))
		complain(target, &error);
	else
		door->addr = *addr;
}

static void doors_open(struct health_target *target, struct door doors[FAMILIES], const struct addr addrs[FAMILIES],
                       int netns_fd)
{
	for (enum family family = 0; family < FAMILIES; family++)
		door_open(target, &doors[family], &addrs[family], netns_fd);
}

/* ── the health endpoint ── */

static void tell(struct health_target *target, const struct addr addresses[FAMILIES])
{
	if (!memcmp(target->told, addresses, sizeof(target->told)))
		return;
	memcpy(target->told, addresses, sizeof(target->told));
	target->changed(target->userdata, addresses);
}

static void endpoint_there(struct health_target *target, const json_t *endpoint, int netns_fd)
{
	static const char *const keys[FAMILIES] = {"ipv4", "ipv6"};
	struct addr addresses[FAMILIES] = {};

	for (enum family family = 0; family < FAMILIES; family++) {
		const char *text = json_string_value(json_object_get(endpoint, keys[family]));

		if (text)
			addr_parse(text, &addresses[family]);
	}
	doors_open(target, target->endpoint, addresses, netns_fd);
	tell(target, addresses);
}

static void endpoint_gone(struct health_target *target)
{
	for (enum family family = 0; family < FAMILIES; family++)
		door_close(&target->endpoint[family]);
	tell(target, NO_ENDPOINT);
}

static void created(void *userdata, json_t *endpoint, bool is_new, int result, const struct error *error)
{
	struct health_target *target = userdata;

	if (!endpoint)
		complain(target, error);
}

/* Answers at once: its identity needs nobody to be asked. */
static void endpoint_make(struct health_target *target)
{
	json_t *request = json_pack("{s:s, s:s, s:s}", "container", ENDPOINT_HEALTH_CONTAINER, "interface", INTERFACE,
	                            "netns", target->netns);

	endpoint_create(target->services.endpoints, request, created, target);
	json_decref(request);
}

static json_t *endpoint_get(const struct health_target *target)
{
	return endpoint_find(target->services.endpoints, ENDPOINT_HEALTH_CONTAINER, INTERFACE);
}

/* An endpoint whose namespace cannot be entered any more is made again with a new one. */
static void look_at_endpoint(struct health_target *target)
{
	struct endpoints *endpoints = target->services.endpoints;
	json_t *endpoint = endpoint_get(target);
	_cleanup_close_ int netns_fd = -1;
	struct error error = {};
	int result = 0;

	if (endpoint && netns_open(target->netns, &netns_fd, NULL)) {
		endpoint_gone(target);
		result = endpoint_delete(endpoints, ENDPOINT_HEALTH_CONTAINER, INTERFACE, &error);
		json_decref(endpoint);
		endpoint = NULL;
	}
	if (!endpoint && !result) {
		endpoint_gone(target);
		result = netns_keep(target->netns, &error);
		if (!result)
			result = netns_open(target->netns, &netns_fd, &error);
		if (!result)
			endpoint_make(target);
		endpoint = endpoint_get(target);
	}
	if (result)
		complain(target, &error);
	else if (endpoint)
		endpoint_there(target, endpoint, netns_fd);
	json_decref(endpoint);
}

static void remove_endpoint(struct health_target *target)
{
	struct error error = {};
	int result;

	result = endpoint_delete(target->services.endpoints, ENDPOINT_HEALTH_CONTAINER, INTERFACE, &error);
	if (!result)
		result = netns_drop(target->netns, &error);
	if (result)
		complain(target, &error);
}

/* ── the whole ── */

static void look(uv_timer_t *timer)
{
	struct health_target *target = timer->data;
	const struct config *config = target->services.config;

	if (config->health_checking)
		doors_open(target, target->host, target->services.host, OWN_NETNS);
	if (config->health_checking && config->endpoint_health_checking)
		look_at_endpoint(target);
	else
		remove_endpoint(target);
}

struct health_target *health_target_new(const struct health_target_services *services,
                                        void (*changed)(void *userdata, const struct addr addresses[FAMILIES]),
                                        void *userdata)
{
	struct health_target *target = xnew(struct health_target);

	target->services = *services;
	target->changed = changed;
	target->userdata = userdata;
	target->netns = xasprintf("%s/health", services->config->state_dir);
	uv_timer_init(services->loop, &target->timer);
	target->timer.data = target;
	uv_timer_start(&target->timer, look, 0, LOOK_MS);
	return target;
}

static void timer_closed(uv_handle_t *handle)
{
	struct health_target *target = handle->data;

	free(target->netns);
	free(target);
}

void health_target_free(struct health_target *target)
{
	if (!target)
		return;
	for (enum family family = 0; family < FAMILIES; family++) {
		door_close(&target->host[family]);
		door_close(&target->endpoint[family]);
	}
	uv_close((uv_handle_t *)&target->timer, timer_closed);
}
