/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to an etcd cluster: its members, tried in turn with growing pauses while none answers, the token of a user
 * whom it knows, and calls of its v3 JSON gateway. What a call asks for and what the answer means is its caller's.
 */
#ifndef PILUS_STORE_ETCD_LINK_H
#define PILUS_STORE_ETCD_LINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "store/store.h"

#define ETCD_FOR_EVER UINT64_MAX

struct etcd_link;

/* location: as etcd_url.h says. */
int etcd_link_open(uv_loop_t *loop, const char *location, const struct store_access *access, struct etcd_link **ret,
                   struct error *error);
void etcd_link_close(struct etcd_link *link); /* after its calls; frees itself from the loop */

uv_loop_t *etcd_link_loop(const struct etcd_link *link);
const char *etcd_link_prefix(const struct etcd_link *link); /* of all keys: "/pilus/" */
const char *etcd_link_member(const struct etcd_link *link); /* that is talked to */

/* Why no member answers just now; code 0 while one does. */
const struct error *etcd_link_error(const struct etcd_link *link);

/*
 * One call, tried on all members until there is an answer, or until `deadline` (uv_now). answer: borrowed; NULL when
 * error->code is not 0. What etcd itself refuses is −ENOENT, −EACCES, −ENOSPC or −EPROTO; −EAGAIN: nobody answered.
 */
typedef void (*etcd_answered)(void *userdata, const json_t *answer, const struct error *error);

struct etcd_call;

/* Takes over the body. Valid until it is answered or cancelled. */
struct etcd_call *etcd_ask(struct etcd_link *link, const char *path, json_t *body, uint64_t deadline,
                           etcd_answered answered, void *userdata);

/* An endless answer, message by message. When it ends, for whatever reason, `ended` says so; it is not begun again. */
struct etcd_stream_events {
	void (*message)(void *userdata, const json_t *result);
	void (*ended)(void *userdata);
};
struct etcd_call *etcd_stream(struct etcd_link *link, const char *path, json_t *body,
                              const struct etcd_stream_events *events, void *userdata);

void etcd_call_cancel(struct etcd_call *call); /* may be NULL */

/* Was this call sent more than once, so that an earlier sending may have worked unheard? */
bool etcd_call_repeated(const struct etcd_call *call);

#endif
