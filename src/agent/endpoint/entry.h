/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of endpoints: what the files endpoint*.c share and nobody else sees.
 */
#ifndef PILUS_AGENT_ENDPOINT_ENTRY_H
#define PILUS_AGENT_ENDPOINT_ENTRY_H

#include <time.h>

#include "agent/endpoint/endpoint.h"
#include "agent/endpoint/log.h"
#include "agent/endpoint/pod_link.h"
#include "agent/endpoint/spec.h"
#include "net/route.h"

#define ENDPOINT_STATES(X)                              \
	X(RESTORING, "restoring")                       \
	X(WAITING_FOR_IDENTITY, "waiting-for-identity") \
	X(READY, "ready")                               \
	X(DISCONNECTING, "disconnecting")               \
	X(DISCONNECTED, "disconnected")                 \
	X(NOT_READY, "not-ready")                       \
	X(INVALID, "invalid")

enum endpoint_state {
#define X(symbol, name) ENDPOINT_##symbol,
	ENDPOINT_STATES(X)
#undef X
};

typedef void (*endpoint_done)(void *userdata, json_t *endpoint, bool created, int result, const struct error *error);

/*
 * `wired` is what the file remembers: the pod's side was finished once, so a restart adopts it. `active` is of this
 * process: maps, programs and publications stand. Times are ns of CLOCK_MONOTONIC; 0: never.
 */
struct endpoint_entry {
	struct endpoints *endpoints;
	uint16_t id;
	enum endpoint_state state;
	struct endpoint_spec spec;
	json_t *labels;
	uint32_t identity; /* 0: not known yet */
	uint32_t joined;   /* the identity whose policy it has; 0: none yet */
	struct endpoint_policy policy;
	bool audit; /* what its policy denies is only told */
	struct pod_link link;
	uint64_t netns_cookie; /* that the maps have; 0: none */
	time_t created;
	bool wired, active, seen;
	struct endpoint_log log;
	struct identity_request *resolving;
	uint64_t retry_at, retry_delay;
	struct error trouble; /* why there is no identity yet */
	uint64_t deadline;    /* of the PUT that waits */
	endpoint_done done;   /* NULL: nobody waits */
	void *done_userdata;
};

struct endpoints {
	struct endpoint_services services;
	char *folder;
	time_t started;
	uint64_t create_timeout; /* ns that a PUT may wait for its identity */
	uv_timer_t timer;        /* for whatever of retry_at, deadline and look_at is next */
	uv_poll_t *links_poll;
	struct netlink_watch *links_watch;
	uint64_t look_at;                                    /* devices came or went: look which */
	uint64_t settle_at;                                  /* pods were wired in haste: see endpoint_settle */
	struct endpoint_entry *entries[ENDPOINT_ID_MAX + 1]; /* by id */
	uint32_t released[ENDPOINT_ID_MAX + 1];              /* by id: seconds of CLOCK_MONOTONIC, 0: never used */
};

/* In the order of ids; the current entry may be freed inside. */
#define endpoints_foreach(endpoints, entry)                   \
	for (unsigned id_ = 1; id_ <= ENDPOINT_ID_MAX; id_++) \
		if ((entry = (endpoints)->entries[id_]))

/* endpoint_table.c: entries and their numbers. -ENOSPC when all numbers are taken. */
struct endpoint_entry *endpoint_entry_new(struct endpoints *endpoints, uint16_t id);
void endpoint_entry_free(struct endpoint_entry *entry);
int endpoint_id_choose(const struct endpoints *endpoints, uint16_t *ret, struct error *error);
struct endpoint_entry *endpoint_lookup(const struct endpoints *endpoints, const char *container, const char *interface);
const char *endpoint_state_name(enum endpoint_state state);
int endpoint_id_of_device(const char *device, uint16_t *ret); /* "plx7" -> 7; -EINVAL for other names */

/* Moves to a state, or stays in it, and tells the endpoint's log. */
void endpoint_tell(struct endpoint_entry *entry, enum endpoint_state state, enum endpoint_log_status status,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "default/web-1", or the container where no pod was named; the caller frees. */
char *endpoint_owner(const struct endpoint_entry *entry);

/* endpoint_file.c: one file per endpoint. Reading fills an entry whose id is set. Set aside it is ID.json.broken. */
int endpoint_file_write(const struct endpoint_entry *entry, struct error *error);
int endpoint_file_read(struct endpoint_entry *entry, struct error *error);
int endpoint_file_remove(const struct endpoint_entry *entry, struct error *error);
#define ENDPOINT_FILE_ASIDE ".json.broken"
int endpoint_file_set_aside(const struct endpoint_entry *entry, struct error *error);

/*
 * endpoint_policy.c: which policy an endpoint has: that of its identity, once that is known; before, what the map says
 * (adopting), or none that lets anything pass.
 */
uint32_t endpoint_policy_flags(const struct endpoint_entry *entry); /* as the map has them */
void endpoint_adopt_policy(struct endpoint_entry *entry);
void endpoint_join_policy(struct endpoint_entry *entry);
void endpoint_leave_policy(struct endpoint_entry *entry);

/* endpoint_activate.c: the host's side of the wire, and what the datapath and the others know of an endpoint. */
int endpoint_start_host(const struct endpoint_entry *entry, struct error *error);
int endpoint_activate(struct endpoint_entry *entry, struct error *error);
struct endpoint endpoint_for_map(const struct endpoint_entry *entry);
void endpoint_deactivate(struct endpoint_entry *entry);

/* host_ports.c: ports of the node that lead to the pod. Taken for a new pod, or adopted; then what fails is logged. */
int endpoint_take_host_ports(const struct endpoint_entry *entry, struct error *error);
void endpoint_adopt_host_ports(const struct endpoint_entry *entry);
void endpoint_release_host_ports(const struct endpoint_entry *entry);

/*
 * endpoint_sockets.c: may its sockets take short cuts, and by which namespace are they told? Leaving takes back what
 * joining has told; the sweep, what earlier agents have.
 */
bool endpoint_has_short_cuts(const struct endpoint_entry *entry);
int endpoint_join_sockets(struct endpoint_entry *entry, struct error *error);
void endpoint_leave_sockets(struct endpoint_entry *entry);
void endpoint_sweep_sockets(struct endpoints *endpoints);

/*
 * A new device's programs are attached the quick way, the host's too, and once nothing was made or taken down for a
 * while, the better way: one device at a time, as it holds up the loop.
 */
void endpoint_settle_later(struct endpoints *endpoints);
void endpoint_settle(struct endpoints *endpoints);

/* endpoint_identity.c: asks for the identity, then goes on with endpoint_wire or endpoint_confirm. */
void endpoint_resolve(struct endpoint_entry *entry);
void endpoint_retry_later(struct endpoint_entry *entry); /* endpoint_resume, later and later */
void endpoint_schedule(struct endpoints *endpoints);

/* endpoint_create.c. Failing answers the PUT, undoes and frees. */
void endpoint_wire(struct endpoint_entry *entry, uint32_t identity);
void endpoint_creation_failed(struct endpoint_entry *entry, const struct error *error);

/* endpoint_mtu.c: sees to it that a wired pod has the MTU that it should have. What fails is logged. */
uint32_t endpoint_mtu(const struct endpoint_entry *entry);
void endpoint_fit_mtu(struct endpoint_entry *entry);

/* endpoint_restore.c */
void endpoint_resume(struct endpoint_entry *entry);
void endpoint_confirm(struct endpoint_entry *entry, uint32_t identity);

/*
 * endpoint.c. Undoing can be repeated; when a step fails the entry stays, for the next DEL or restart, else it is
 * freed. Taking down also tells: the log, the monitor, a PUT that waits.
 */
int endpoint_undo(struct endpoint_entry *entry, struct error *error);
int endpoint_take_down(struct endpoint_entry *entry, const char *reason, struct error *error);
json_t *endpoint_event_details(const struct endpoint_entry *entry);

/* endpoint_watch.c: devices that vanish take their endpoints with them. */
int endpoint_watch_start(struct endpoints *endpoints, struct error *error);
void endpoint_watch_stop(struct endpoints *endpoints);
void endpoint_watch_look(struct endpoints *endpoints);

/* endpoint_json.c */
json_t *endpoint_entry_to_json(const struct endpoint_entry *entry);

#endif
