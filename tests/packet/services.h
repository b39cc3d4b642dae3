/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services for the tests that need some: written as the agent does it.
 */
#ifndef PILUS_TESTS_PACKET_SERVICES_H
#define PILUS_TESTS_PACKET_SERVICES_H

#include "datapath/service_map.h"
#include "packet_test.h"

#define SCENE_BACKENDS 8

struct scene_backend {
	const char *addr; /* NULL: no more */
	uint16_t port;
};

/* Both sides have the same backends. Zeros are the usual: TCP, no flags, no affinity. */
struct scene_service {
	const char *addr; /* "0.0.0.0", "::": a node port */
	uint16_t port;
	uint8_t protocol;
	uint16_t flags;
	uint32_t affinity;
	struct scene_backend backends[SCENE_BACKENDS];
};

/* Nothing is learnt or told of services: before each test. */
void services_clear(void);

/* Returns the service's number; its backends have the ids SCENE_ID(number, 0 …). */
uint32_t service_add(const struct scene_service *service);
#define SERVICE(...)            service_add(&(struct scene_service){__VA_ARGS__})
#define SCENE_ID(number, index) ((number) * 100 + (index) + 1)

/* The request to a node port, from a client outside, as the next router sends it. */
#define NODE_PORT 30080
struct spec from_client(const struct spec *request);

#endif
