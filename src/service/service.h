/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services as they were meant, whoever wrote them: where a service is met (its frontends) and how it chooses; and
 * slices of who answers (its backends). Service and EndpointSlice of Kubernetes become these, and what `pilus service
 * update` says becomes one of each (parse.h). choose.h and slots.h turn them into what the programs look up.
 */
#ifndef PILUS_SERVICE_SERVICE_H
#define PILUS_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/service.h"
#include "base/addr.h"
#include "base/cleanup.h"

/* Lists of words end with NULL. */
#define SERVICE_WORD(symbol, code, name) name,
#define SERVICE_TYPE_NAMES               {SERVICE_TYPES(SERVICE_WORD) NULL}
#define BACKEND_STATE_NAMES              {BACKEND_STATES(SERVICE_WORD) NULL}

/* DEFAULT: as the node is configured. */
enum service_algorithm { ALGORITHM_RANDOM, ALGORITHM_MAGLEV, ALGORITHM_DEFAULT };

#define SERVICE_ALGORITHM_NAMES {"random", "maglev", "default", NULL}

/* Whom to prefer, as long as there is one. */
enum service_preference { PREFER_NOBODY, PREFER_ZONE, PREFER_NODE };

#define AFFINITY_SECONDS_DEFAULT 10800
#define SERVICE_RANGES_MAX       4096
#define AFFINITY_SECONDS_MAX     86400

struct service_port {
	char *name; /* "": it has none */
	uint8_t protocol;
	uint16_t port, node_port; /* node_port 0: none */
};

struct service_frontend {
	enum service_type type;
	struct addr addr;
	uint16_t port;
	size_t of; /* the index of the service's port */
};

struct service_spec {
	char *created; /* RFC 3339; "": not known */
	struct service_port *ports;
	size_t port_count;
	struct service_frontend *frontends; /* none: headless, or somebody else's to serve */
	size_t frontend_count;
	enum service_algorithm algorithm;
	enum service_preference preference;
	uint32_t affinity; /* seconds; 0: none */
	/* Only backends of the node that is asked: by its cluster address; by another from outside. */
	bool internal_local, external_local;
	struct prefix *ranges; /* who may use a load balancer's address from outside; none: everybody */
	size_t range_count;
	uint16_t health_port; /* where each node says whether it has backends; 0: nowhere */
};

void service_spec_free(struct service_spec *service);
DEFINE_CLEANUP(struct service_spec *, service_spec_free)

/* Where a backend is, seen from this node; bits. */
enum backend_place {
	BACKEND_ON_NODE = 1,
	BACKEND_IN_ZONE = 2,
	BACKEND_HINTED = 4,    /* hints say for whom it is: */
	BACKEND_FOR_ZONE = 8,  /* for this zone */
	BACKEND_FOR_NODE = 16, /* for this node */
};

struct candidate {
	struct addr addr;
	uint32_t id; /* the caller's own: it is only carried along */
	uint16_t port;
	uint16_t weight;
	uint8_t protocol;
	uint8_t state; /* enum backend_state */
	uint8_t place; /* enum backend_place */
};

/* One port of a slice: which of the service's ports it is for, and the number on the backends' side. */
struct slice_port {
	char *name;
	uint8_t protocol;
	uint16_t port;
};

struct slice_endpoint {
	struct addr addr;
	uint16_t port; /* 0: the slice's ports */
	uint16_t weight;
	uint8_t state, place;
};

/* All endpoints are of one family, and answer at all ports. */
struct service_slice {
	char *service; /* "NAMESPACE/NAME" */
	struct slice_port *ports;
	size_t port_count;
	struct slice_endpoint *endpoints;
	size_t endpoint_count;
};

void service_slice_free(struct service_slice *slice);
DEFINE_CLEANUP(struct service_slice *, service_slice_free)

/* Whose eyes: hints and policies are about one node. zone NULL: not known. Backends whose node nobody tells are on this
 * one if they have an address of its pods. */
struct service_viewer {
	const char *node, *zone;
	struct prefix pods[2]; /* bits 0: none */
};

#endif
