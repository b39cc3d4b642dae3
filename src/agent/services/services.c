/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following the store. What it tells is noted at once, and applied together in the loop's next turn: a Service and its
 * slices mostly come in one go.
 */
#include "agent/services/services.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/ipcache/publications.h"
#include "agent/services/health_port.h"
#include "agent/services/internal.h"
#include "agent/services/request.h"
#include "base/log.h"
#include "base/memory.h"
#include "service/parse.h"

/* ── records ── */

static struct record *record_find(const struct services *services, const char *key)
{
	struct record *record;

	HASH_FIND_STR(services->records, key, record);
	return record;
}

static struct record *record_get(struct services *services, const char *key)
{
	struct record *record = record_find(services, key);

	if (record)
		return record;
	record = xnew(struct record);
	record->key = xstrdup(key);
	HASH_ADD_KEYPTR(hh, services->records, record->key, strlen(record->key), record);
	return record;
}

static void record_free(struct services *services, struct record *record)
{
	HASH_DEL(services->records, record);
	for (size_t i = 0; i < record->group_count; i++)
		group_clear(&record->groups[i]);
	free(record->groups);
	free(record->frontends);
	free(record->trouble);
	free(record->pod);
	health_port_free(record->health);
	service_spec_free(record->spec);
	free(record->key);
	free(record);
}

void record_trouble(struct record *record, int code, const char *format, ...)
{
	va_list arguments;

	if (record->trouble)
		return;
	record->trouble = xnew(struct error);
	record->trouble->code = code;
	va_start(arguments, format);
	vsnprintf(record->trouble->message, sizeof(record->trouble->message), format, arguments);
	va_end(arguments);
}

bool record_is_by_hand(const struct record *record)
{
	return !strncmp(record->key, FRONTEND_KEYS, strlen(FRONTEND_KEYS));
}

const char *record_kind(const struct record *record)
{
	return record->pod ? "pod" : "service";
}

const char *record_name(const struct record *record)
{
	if (record->pod)
		return record->pod;
	return record_is_by_hand(record) ? record->key + strlen(FRONTEND_KEYS) : record->key + strlen(SERVICE_KEYS);
}

static void work_due(uv_timer_t *timer);

void record_touch(struct services *services, struct record *record)
{
	if (!record->dirty) {
		record->dirty = true;
		*services->dirty_end = record;
		services->dirty_end = &record->next_dirty;
	}
	if (!services->unsynced)
		uv_timer_start(&services->work, work_due, 0, 0);
}

/* ── applying ── */

static bool is_empty(const struct record *record)
{
	return !record->spec && !record->slices && !record->group_count && !record->frontend_count;
}

/* What is wrong with it is logged once, however often it is tried. */
static void apply(struct services *services, struct record *record)
{
	_cleanup_free_ struct error *before = TAKE_PTR(record->trouble);

	record_apply(services, record);
	health_port_update(services, record);
	if (record->trouble && !(before && !strcmp(before->message, record->trouble->message)))
		log_warning("services: %s: %s", record_name(record), record->trouble->message);
}

void services_apply(struct services *services)
{
	while (services->dirty) {
		struct record *record = services->dirty;

		services->dirty = record->next_dirty;
		if (!services->dirty)
			services->dirty_end = &services->dirty;
		record->next_dirty = NULL;
		record->dirty = false;
		apply(services, record);
		if (is_empty(record) && !record->dirty)
			record_free(services, record);
	}
}

static void work_due(uv_timer_t *timer)
{
	services_apply(timer->data);
}

/* ── slices ── */

static void slice_remove(struct services *services, struct slice_entry *entry)
{
	DL_DELETE(entry->record->slices, entry);
	HASH_DEL(services->slices, entry);
	record_touch(services, entry->record);
	service_slice_free(entry->slice);
	free(entry->key);
	free(entry);
}

static struct slice_entry *slice_find(const struct services *services, const char *key)
{
	struct slice_entry *entry;

	HASH_FIND_STR(services->slices, key, entry);
	return entry;
}

/* Takes the slice. One that names another service now has left the one before. */
static void slice_set(struct services *services, const char *key, struct record *record, struct service_slice *slice)
{
	struct slice_entry *entry = slice_find(services, key);

	if (entry)
		slice_remove(services, entry);
	entry = xnew(struct slice_entry);
	entry->key = xstrdup(key);
	entry->record = record;
	entry->slice = slice;
	HASH_ADD_KEYPTR(hh, services->slices, entry->key, strlen(entry->key), entry);
	DL_APPEND(record->slices, entry);
	record_touch(services, record);
}

/* ── what the store tells ── */

static bool is_object_key(const char *key, const char *prefix)
{
	const char *slash = strchr(key + strlen(prefix), '/');

	return slash && slash[1] && !strchr(slash + 1, '/');
}

static void spec_set(struct services *services, const char *key, struct service_spec *spec)
{
	struct record *record = record_get(services, key);

	service_spec_free(record->spec);
	record->spec = spec;
	record_touch(services, record);
}

struct record *record_set(struct services *services, const char *key, struct service_spec *spec,
                          struct service_slice *slice)
{
	struct record *record;

	spec_set(services, key, spec);
	record = record_find(services, key);
	slice_set(services, key, record, slice);
	return record;
}

static int take_service(struct services *services, const char *key, json_t *value, struct error *error)
{
	struct service_spec *spec;
	int r;

	if (!is_object_key(key, SERVICE_KEYS))
		return error_set(error, -EINVAL, "the key must be " SERVICE_KEYS "NAMESPACE/NAME");
	r = service_spec_parse(value, key + strlen(SERVICE_KEYS), &spec, error);
	if (!r)
		spec_set(services, key, spec);
	return r;
}

static int take_slice(struct services *services, const char *key, json_t *value, struct error *error)
{
	_cleanup_free_ char *of = NULL;
	struct service_slice *slice;
	int r;

	if (!is_object_key(key, SLICE_KEYS))
		return error_set(error, -EINVAL, "the key must be " SLICE_KEYS "NAMESPACE/NAME");
	r = service_slice_parse(value, key + strlen(SLICE_KEYS), &services->viewer, &slice, error);
	if (r)
		return r;
	of = xasprintf(SERVICE_KEYS "%s", slice->service);
	slice_set(services, key, record_get(services, of), slice);
	return 0;
}

static int take_frontend(struct services *services, const char *key, json_t *value, struct error *error)
{
	_cleanup_(service_slice_freep) struct service_slice *slice = NULL;
	_cleanup_(service_spec_freep) struct service_spec *spec = NULL;
	_cleanup_free_ char *must = NULL;
	int r = service_frontend_parse(value, &services->viewer, &spec, &slice, error);

	if (r)
		return r;
	must = frontend_store_key(spec);
	if (strcmp(key, must) != 0)
		return error_set(error, -EINVAL, "the key must be %s", must);
	record_set(services, key, TAKE_PTR(spec), TAKE_PTR(slice));
	return 0;
}

static const struct {
	const char *prefix;
	int (*take)(struct services *services, const char *key, json_t *value, struct error *error);
} folders[SERVICE_FOLDERS] = {
	{SERVICE_KEYS, take_service},
	{SLICE_KEYS, take_slice},
	{FRONTEND_KEYS, take_frontend},
	[FOLDER_HOST_PORTS] = {HOST_PORT_KEYS, host_ports_told},
};

/* What cannot be understood leaves what was there before as it is. */
void services_told(void *userdata, const char *key, json_t *value)
{
	struct services *services = userdata;
	struct error error = {};

	for (size_t i = 0; i < SERVICE_FOLDERS; i++)
		if (!strncmp(key, folders[i].prefix, strlen(folders[i].prefix)) &&
		    folders[i].take(services, key, value, &error))
			log_warning("services: %s is refused: %s", key, error.message);
}

void record_remove(struct services *services, const char *key)
{
	struct slice_entry *entry = slice_find(services, key);
	struct record *record = record_find(services, key);

	if (entry)
		slice_remove(services, entry);
	if (!record)
		return;
	service_spec_free(TAKE_PTR(record->spec));
	record_touch(services, record);
}

void services_untold(void *userdata, const char *key)
{
	if (!host_ports_untold(userdata, key))
		record_remove(userdata, key);
}

/* One of ours is written again. */
static void on_broken(void *userdata, const char *key, const struct error *error)
{
	log_warning("services: %s", error->message);
	host_ports_untold(userdata, key);
}

static void on_renewed(void *userdata)
{
	struct services *services = userdata;

	publications_renew(services->host_ports);
}

static void on_synced(void *userdata)
{
	struct services *services = userdata;

	if (--services->unsynced)
		return;
	services_apply(services);
	services_drop_unclaimed(services);
	services->events.settled(services->userdata);
}

/* ── the whole ── */

struct services *services_new(const struct services_needs *needs, const struct services_events *events, void *userdata)
{
	static const struct store_watcher watchers[] = {
		{services_told, services_untold, on_synced, on_broken, NULL},
		{services_told, services_untold, on_synced, on_broken, on_renewed}, /* where this node writes, too */
	};
	struct services *services = xnew(struct services);
	int r;

	services->needs = *needs;
	services->events = *events;
	services->userdata = userdata;
	services->viewer = (struct service_viewer){.node = needs->config->node_name, .zone = needs->config->zone};
	memcpy(services->viewer.pods, needs->pods, sizeof(services->viewer.pods));
	services->dirty_end = &services->dirty;
	uv_timer_init(needs->loop, &services->work);
	uv_timer_init(needs->loop, &services->retire);
	services->work.data = services->retire.data = services;
	services->open_handles = 2;
	services->host_ports = publications_new(needs->loop, needs->store, store_put);
	r = services_adopt(services);
	if (r)
		log_error("services: cannot read what is programmed: %s", strerror(-r));
	for (; services->unsynced < SERVICE_FOLDERS; services->unsynced++)
		services->watches[services->unsynced] =
			store_watch(needs->store, folders[services->unsynced].prefix,
		                    &watchers[services->unsynced == FOLDER_HOST_PORTS], services);
	return services;
}

void frontend_forget(struct services *services, struct frontend *frontend)
{
	frontend_set_value(services, frontend, &(struct service){});
	HASH_DEL(services->frontends, frontend);
	free(frontend);
}

static void clear_tables(struct services *services)
{
	struct slice_entry *entry, *next_entry;
	struct frontend *frontend, *next_frontend;
	struct record *record, *next_record;
	struct group *group, *next_group;

	HASH_ITER (hh, services->slices, entry, next_entry)
		slice_remove(services, entry);
	HASH_ITER (hh, services->frontends, frontend, next_frontend)
		frontend_forget(services, frontend);
	HASH_ITER (hh, services->records, record, next_record)
		record_free(services, record);
	HASH_ITER (hh, services->adopted, group, next_group) {
		HASH_DEL(services->adopted, group);
		group_clear(group);
		free(group);
	}
	free(services->retired);
}

static void handle_closed(uv_handle_t *handle)
{
	struct services *services = handle->data;

	if (!--services->open_handles)
		free(services);
}

void services_free(struct services *services)
{
	if (!services)
		return;
	for (size_t i = 0; i < SERVICE_FOLDERS; i++)
		store_watch_close(services->watches[i]);
	requests_free(services);
	publications_free(services->host_ports);
	services->unsynced = 1; /* nothing is applied any more */
	clear_tables(services);
	uv_close((uv_handle_t *)&services->work, handle_closed);
	uv_close((uv_handle_t *)&services->retire, handle_closed);
}
