/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label sets (labels.h) and their numbers. Through the store ("identities/NUMBER" -> {"labels": […]}) every node gives
 * a set the same number: the candidate is a hash of the labels, create-if-absent decides, a collision with another set
 * goes on to the next number.
 */
#ifndef PILUS_AGENT_IDENTITY_H
#define PILUS_AGENT_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/ipcache.h"
#include "agent/identity/labels.h"
#include "store/store.h"

struct identities;

/* For whoever selects identities by their labels. */
struct identity_events {
	void (*changed)(void *userdata, uint32_t identity); /* became known, was forgotten or has other labels */
	void (*synced)(void *userdata);                     /* the store has told all: once */
};

/* events: NULL: nobody wants to hear of them. */
struct identities *identities_new(struct store *store, const struct identity_events *events, void *userdata);
void identities_free(struct identities *identities);

/*
 * The number of a label set (a JSON array of strings, borrowed; order does not matter). Answers from the loop; 0 with
 * an error while the store cannot be asked (the caller tries again). Returns a ticket to withdraw the question with;
 * NULL, and nothing is called, for what is no set of labels to allocate a number for (labels_normalise; no reserved
 * ones).
 */
struct identity_request;
struct identity_request *identity_resolve(struct identities *identities, json_t *labels,
                                          void (*resolved)(void *userdata, uint32_t identity,
                                                           const struct error *error),
                                          void *userdata);
void identity_request_cancel(struct identity_request *request); /* before it is answered; NULL: nothing */

/* A borrowed, sorted array of label strings; NULL for an unknown number. Reserved ones are always known:
 * ["reserved:host"]. */
json_t *identity_labels(const struct identities *identities, uint32_t identity);

/* Known ones, the reserved among them. */
void identities_each(const struct identities *identities, void (*each)(void *userdata, uint32_t identity),
                     void *userdata);
size_t identities_count(const struct identities *identities);

/* Which numbers are in use: by endpoints of this node, and by anybody's. */
struct identity_users {
	bool here[IDENTITY_ALLOCATED_MAX + 1], anywhere[IDENTITY_ALLOCATED_MAX + 1];
};

/*
 * To be called now and then. What this node does not use any more, others may remove from the store; what nobody has
 * used for so many seconds is removed. forget_after 0: by nobody, or by another node.
 */
void identities_collect(struct identities *identities, const struct identity_users *users, uint32_t forget_after);

/* For GET /v1/identities: a new reference. */
json_t *identities_to_json(const struct identities *identities);

#endif
