/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of a network namespace, whoever has them: found and ended, as `ss` and `ss -K` do (sock_diag).
 */
#ifndef PILUS_NET_SOCKETS_H
#define PILUS_NET_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/error.h"

/* A connected socket. */
struct socket_info {
	struct addr peer;
	uint16_t peer_port;
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	uint64_t cookie;  /* what programs see as its cookie */
};

/*
 * Ends the connected TCP and UDP sockets that are meant: whoever has one hears ECONNABORTED, and with TCP its peer a
 * reset. netns_path: NULL for the caller's. -EOPNOTSUPP, with words: this kernel cannot. ret_ended may be NULL.
 */
int sockets_end(const char *netns_path, bool (*is_meant)(const struct socket_info *socket, void *userdata),
                void *userdata, size_t *ret_ended, struct error *error);

#endif
