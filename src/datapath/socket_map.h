/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets of endpoints, and whose namespaces they are in: see abi/socket.h. As in maps.h, functions return 0 or
 * −errno.
 */
#ifndef PILUS_DATAPATH_SOCKET_MAP_H
#define PILUS_DATAPATH_SOCKET_MAP_H

#include <stdbool.h>

#include "abi/socket.h"
#include "datapath/maps.h"

/* A network namespace, by its cookie, is the endpoint's. Deleting none is success. */
int namespace_map_set(const struct maps *maps, uint64_t cookie, uint16_t endpoint);
int namespace_map_delete(const struct maps *maps, uint64_t cookie);
int namespace_map_each(const struct maps *maps, int (*each)(uint64_t cookie, uint16_t endpoint, void *userdata),
                       void *userdata);

int socket_map_each(const struct maps *maps,
                    int (*each)(const struct flow_key *key, const struct socket_pair *pair, void *userdata),
                    void *userdata);

/* Is there a program that notes sockets? Not while socket-acceleration is off, or cannot be had. */
bool sockets_are_noted(const char *bpffs);

/* Forgets all sockets: the connections go on as packets, for ever. */
int socket_map_flush(const struct maps *maps);

/* Which way what one end writes goes. */
enum socket_way {
	SOCKET_TO_STRANGER, /* the other end is no socket of an endpoint of this node */
	SOCKET_WATCHED,     /* as packets, for now */
	SOCKET_SHORT_CUT,   /* small messages by the short cut */
	SOCKET_AS_PACKETS,  /* for ever */
};
enum socket_way socket_way(const struct socket_pair *pair, unsigned side);

#endif
