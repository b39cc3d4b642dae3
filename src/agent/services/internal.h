/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of services: what the files of this folder share and nobody else sees.
 *
 *   record      one Service of the store, one frontend by hand, or one pod's host ports, with the slices that name it
 *   frontend    where a record is met: each belongs to one record, whoever else may want it
 *   group       the frontends of one port of a record and one family: one service number, its backends, its sets
 */
#ifndef PILUS_AGENT_SERVICES_INTERNAL_H
#define PILUS_AGENT_SERVICES_INTERNAL_H

#include <uthash.h>

#include "agent/services/services.h"

#define SERVICE_KEYS   "services/"
#define SLICE_KEYS     "endpointslices/"
#define FRONTEND_KEYS  "frontends/"
#define HOST_PORT_KEYS "hostports/"

#define SERVICE_FOLDERS   4
#define FOLDER_HOST_PORTS 3

struct record;

struct frontend {
	struct service_key key;
	struct service value; /* as it is in the map; number 0: it is not; frontend_set_value */
	struct record *owner; /* NULL: an earlier agent's, not claimed yet */
	enum service_type type;
	size_t of;   /* the owner's port */
	bool wanted; /* while its owner is applied */
	UT_hash_handle hh;
	UT_hash_handle by_number; /* while it has one; those of a group have the same */
};

/* A row of slots as it is in the map. */
struct slot_set {
	uint32_t set, count; /* count 0: there is none */
	uint64_t digest;     /* of the slots: slots_digest */
};

/* Who may be chosen: anybody; only backends of this node. */
enum reach { REACH_ALL, REACH_NODE, REACHES };

struct member {
	struct candidate candidate; /* its id is the backend's */
	bool serves;
};

struct group {
	uint32_t number;
	size_t of; /* the record's port */
	bool v4;
	struct member *members; /* in the order of addresses and ports */
	size_t count;
	struct prefix *ranges; /* who is served by it from outside; none: everybody */
	size_t range_count;
	struct slot_set sets[REACHES];
	UT_hash_handle hh; /* while it is an earlier agent's */
};

struct slice_entry {
	char *key;
	struct record *record;
	struct service_slice *slice;
	struct slice_entry *prev, *next; /* of the record */
	UT_hash_handle hh;
};

struct record {
	char *key;                 /* in the store */
	char *pod;                 /* whose host ports these are; NULL: nobody's */
	bool elsewhere;            /* the pod is on another node */
	struct service_spec *spec; /* NULL: only slices were told */
	struct slice_entry *slices;
	struct frontend **frontends;
	size_t frontend_count;
	struct group *groups;
	size_t group_count;
	bool dirty;
	struct health_port *health; /* NULL: nobody may ask */
	bool refused;               /* not all of it is served: tried again when something goes */
	struct error *trouble;      /* the first thing that is wrong; NULL: nothing */
	struct record *next_dirty;
	UT_hash_handle hh;
};

/* What leaves the maps once nobody can be on the way to it. */
struct retired {
	uint64_t due; /* ns, CLOCK_MONOTONIC */
	struct slot_set set;
	uint32_t backend; /* 0: it is the set */
};

struct services {
	struct services_needs needs;
	struct services_events events;
	void *userdata;
	struct service_viewer viewer;
	struct store_watch *watches[SERVICE_FOLDERS];
	unsigned unsynced; /* watches that have not told all */
	struct record *records;
	struct slice_entry *slices;
	struct frontend *frontends, *numbered;
	struct group *adopted; /* of an earlier agent, not claimed yet */
	uint32_t last_number, last_set, last_backend;
	struct record *dirty, **dirty_end;
	struct retired *retired; /* in the order of due */
	size_t retired_count;
	uv_timer_t work, retire;
	unsigned open_handles;
	struct request *requests;
	struct publications *host_ports; /* of this node's pods */
};

/* services.c: leaves the table and is freed. */
void frontend_forget(struct services *services, struct frontend *frontend);

/* Is to be applied soon. */
void record_touch(struct services *services, struct record *record);

/* Records the first trouble of a record. */
void record_trouble(struct record *record, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* services.c: applies what was touched, now; what the store tells. */
void services_apply(struct services *services);
void services_told(void *userdata, const char *key, json_t *value);
void services_untold(void *userdata, const char *key);

bool record_is_by_hand(const struct record *record);

/* services.c: a record and its only slice, which have the same key; both are taken over. */
struct record *record_set(struct services *services, const char *key, struct service_spec *spec,
                          struct service_slice *slice);
void record_remove(struct services *services, const char *key); /* or a slice; none of that key: nothing */

/* What it is: "service", "pod". */
const char *record_kind(const struct record *record);

/* "shop/web"; by hand "TCP/10.0.0.1/80"; of a pod "shop/web-1". */
const char *record_name(const struct record *record);

/* host_ports.c: as services_told and services_untold, of HOST_PORT_KEYS. */
int host_ports_told(struct services *services, const char *key, json_t *value, struct error *error);
bool host_ports_untold(struct services *services, const char *key); /* true: it was this node's own to say */

/* frontends.c: who has which. Claims all that the record wants, and leaves the rest marked as not wanted. */
void frontends_claim(struct services *services, struct record *record);

/* Those of the record that are not wanted any more leave the map and the table. */
void frontends_release(struct services *services, struct record *record);

struct frontend *frontend_find(const struct services *services, const struct service_key *key);
struct frontend *frontend_numbered(const struct services *services, uint32_t number); /* one of them */

/* Notes what is in the map; number 0: nothing. */
void frontend_set_value(struct services *services, struct frontend *frontend, const struct service *value);
struct service_key frontend_key(const struct addr *addr, uint16_t port, uint8_t protocol);

/* members.c: is it one of the ports that the service's leads to? */
bool slice_port_is_for(const struct slice_port *of, const struct service_port *port);

/* The backends of a port and family, from the record's slices, without ids; the caller frees *ret. */
int member_compare(const void *a, const void *b); /* by address and port */
size_t members_gather(const struct record *record, const struct service_port *port, bool v4, struct member **ret);

/* plan.c: the groups of the frontends that the record has, with the numbers and ids that are in the maps already; those
 * of an earlier agent become the record's. The caller frees *ret and what is in it. */
size_t groups_plan(struct services *services, struct record *record, struct group **ret);
struct group *group_of_frontend(struct group *groups, size_t count, const struct frontend *frontend);
struct group *group_numbered(struct group *groups, size_t count, uint32_t number);
void group_clear(struct group *group);

/* How a service chooses on this node. */
enum service_algorithm algorithm_of(const struct services *services, const struct service_spec *spec);

/* Whom a frontend gives to those who ask from that side. */
enum reach reach_of(const struct service_spec *spec, enum service_type type, enum service_side side);

/* Draws up a set of a group: backend ids, which the caller frees. */
uint32_t group_slots(const struct services *services, const struct service_spec *spec, struct group *group,
                     enum reach reach, uint32_t **ret);

/* apply.c: makes the maps what the record says. */
void record_apply(struct services *services, struct record *record);

/* adopt.c: what an earlier agent has programmed; and, once all is applied, the end of what nobody claimed. */
int services_adopt(struct services *services);
void services_drop_unclaimed(struct services *services);

/* Of one entry of a set; a set's is their sum. */
uint64_t slots_digest(const struct service_slots *slots, uint32_t chunk);

/* retire.c */
void retire_set(struct services *services, const struct slot_set *set);
void retire_backend(struct services *services, uint32_t id);
void retire_due(uv_timer_t *timer);

#endif
