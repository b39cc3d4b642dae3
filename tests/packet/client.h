/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client outside, for tests of services that are met there: what it asks, who answers it, and what passes between
 * this node and the backend's.
 */
#ifndef PILUS_TESTS_PACKET_CLIENT_H
#define PILUS_TESTS_PACKET_CLIENT_H

#include "services.h"
#include "world.h"

#define BACK 8080 /* the backends' port */

/* What it asks of the node, as from_client takes it: protocols, families and headers. */
#define REQUESTS 8
extern const struct spec requests[REQUESTS];

/* Before each test: nothing is known of services. */
int client_begin(void **state);

/* The service that the request is for, with one backend. Returns its number. */
uint32_t serve(const struct spec *spec, const char *v4, const char *v6, uint16_t flags);

/* The request as that backend gets it; and from this node, as it is known in the overlay. */
struct spec to_backend(const struct spec *spec, const char *v4, const char *v6);
struct spec by_overlay(const struct spec *spec);

struct outcome send_by_a(const struct spec *spec);
struct outcome arrive_from_c(const struct spec *spec);

/* The ethernet addresses that tell of pod a or c, and the service's port there. */
void tell(const struct spec *at_backend, uint8_t destination[ETH_ALEN], uint8_t source[ETH_ALEN]);

/* The client's packet to the peer, as the peer sends it on to pod a, or whom it says. */
struct outcome arrive_directly(const struct spec *spec, const struct spec *at_backend, const char *node, uint32_t vni);

/* The client is none of the world's. */
void know_client(const char *text, uint32_t identity, uint16_t node);

/* Into the overlay, for this identity; out by the uplink, a hop further. */
void assert_inner(const struct outcome *outcome, const struct spec *expected, uint32_t vni);
void assert_sent_on(const struct outcome *outcome, const struct spec *expected);

#endif
