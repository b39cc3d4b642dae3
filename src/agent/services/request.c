/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/services/request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "abi/flow.h"
#include "base/memory.h"
#include "service/parse.h"

/* Not answered yet. */
struct request {
	struct services *services;
	char *key;
	json_t *value; /* NULL: it is to be deleted */
	struct service_key frontend;
	services_answered answered;
	void *userdata;
	struct request *prev, *next;
};

char *frontend_store_key(const struct service_spec *spec)
{
	uint8_t protocol = spec->ports[0].protocol;
	char addr[ADDR_TEXT_MAX];

	return xasprintf(FRONTEND_KEYS "%s/%s/%u",
	                 protocol == PROTOCOL_TCP   ? "TCP"
	                 : protocol == PROTOCOL_UDP ? "UDP"
	                                            : "SCTP",
	                 addr_format(&spec->frontends[0].addr, addr), spec->frontends[0].port);
}

static void request_free(struct request *request)
{
	json_decref(request->value);
	free(request->key);
	free(request);
}

void requests_free(struct services *services)
{
	struct request *request, *next;

	DL_FOREACH_SAFE(services->requests, request, next)
	request_free(request);
	services->requests = NULL;
}

static struct request *request_new(struct services *services, services_answered answered, void *userdata)
{
	struct request *request = xnew(struct request);

	request->services = services;
	request->answered = answered;
	request->userdata = userdata;
	return request;
}

static int number_of(const struct request *request, uint32_t *ret, struct error *error)
{
	const struct frontend *frontend = frontend_find(request->services, &request->frontend);
	struct record *record;

	HASH_FIND_STR(request->services->records, request->key, record);
	if (record && record->trouble)
		return error_set(error, record->trouble->code, "%s", record->trouble->message);
	*ret = frontend ? frontend->value.number : 0;
	return 0;
}

/* The store has it: so have we, without waiting for the watch to tell. */
static void stored(void *userdata, int result, const struct error *trouble)
{
	struct request *request = userdata;
	json_auto_t *frontends = NULL;
	struct error error = {};
	uint32_t number = 0;

	if (!result && request->value)
		services_told(request->services, request->key, request->value);
	else if (!result)
		services_untold(request->services, request->key);
	if (!result) {
		services_apply(request->services);
		result = number_of(request, &number, &error);
		trouble = &error;
	}
	if (!result)
		frontends = service_to_json(request->services, number);
	request->answered(request->userdata, result, frontends, trouble);
	DL_DELETE(request->services->requests, request);
	request_free(request);
}

/* ── update ── */

/* Whoever has it already keeps it; said before it is stored, for there it would stay. */
static int check_free(const struct services *services, const struct request *request, struct error *error)
{
	const struct frontend *frontend = frontend_find(services, &request->frontend);
	char text[SERVICE_KEY_TEXT_MAX];

	if (!frontend || !frontend->owner || !strcmp(frontend->owner->key, request->key))
		return 0;
	return error_set(error, -EEXIST, "%s is served for the %s %s: change that one, or choose another address",
	                 service_key_format(&request->frontend, text), record_kind(frontend->owner),
	                 record_name(frontend->owner));
}

static int prepare_update(struct request *request, json_t *body, struct error *error)
{
	_cleanup_(service_slice_freep) struct service_slice *slice = NULL;
	_cleanup_(service_spec_freep) struct service_spec *spec = NULL;
	int r = service_frontend_parse(body, &request->services->viewer, &spec, &slice, error);

	if (r)
		return r;
	request->key = frontend_store_key(spec);
	request->value = json_incref(body);
	request->frontend = frontend_key(&spec->frontends[0].addr, spec->frontends[0].port, spec->ports[0].protocol);
	return check_free(request->services, request, error);
}

void services_update(struct services *services, json_t *frontend, services_answered answered, void *userdata)
{
	struct request *request = request_new(services, answered, userdata);
	struct error error = {};
	int r = prepare_update(request, frontend, &error);

	if (!r) {
		DL_APPEND(services->requests, request);
		store_put(services->needs.store, request->key, request->value, stored, request);
		return;
	}
	answered(userdata, r, NULL, &error);
	request_free(request);
}

/* ── delete ── */

static const struct frontend *find_numbered(const struct services *services, uint32_t number)
{
	const struct frontend *frontend;

	for (frontend = services->frontends; frontend; frontend = frontend->hh.next)
		if (number && frontend->value.number == number)
			return frontend;
	return NULL;
}

static int prepare_delete(struct request *request, uint32_t number, struct error *error)
{
	const struct frontend *frontend = find_numbered(request->services, number);

	if (!frontend || !frontend->owner)
		return error_set(error, -ENOENT, "there is no service %u", number);
	if (!record_is_by_hand(frontend->owner))
		return error_set(error, -EEXIST, "service %u is of the %s %s: delete that", number,
		                 frontend->owner->pod ? "pod" : "Service object", record_name(frontend->owner));
	request->key = xstrdup(frontend->owner->key);
	request->frontend = frontend->key;
	return 0;
}

void services_delete(struct services *services, uint32_t number, services_answered answered, void *userdata)
{
	struct request *request = request_new(services, answered, userdata);
	struct error error = {};
	int r = prepare_delete(request, number, &error);

	if (!r) {
		DL_APPEND(services->requests, request);
		store_delete(services->needs.store, request->key, stored, request);
		return;
	}
	answered(userdata, r, NULL, &error);
	request_free(request);
}
