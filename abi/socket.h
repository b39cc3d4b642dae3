/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sockets of endpoints, and the short cut between two of the same node: what one process writes is put into the queue
 * of the other's socket, past both TCPs and everything between them.
 *
 * pilus_namespaces  hash, cookie of a network namespace (__u64) -> endpoint id (__u32): whose sockets are looked at
 * pilus_sockets     hash, struct flow_key                       -> struct socket_pair
 * pilus_receivers   sockhash, cookie of a socket (__u64)        -> the socket: who may be given a message
 *
 * The first is written by the agent. An endpoint has one namespace, and a socket counts only there and with the
 * endpoint's own address, so addresses and ports tell a connection without ambiguity, as the flow table tells it:
 * pilus_sockets has its keys. Each end writes its own half (but for `inbox`); what a half says of a socket holds as
 * long as the cookie is that socket's.
 *
 * Order. The receiver reads what came by the short cut before what came by TCP. So nothing is sent by the short cut
 * while anything sent by TCP may be unread: the receiver has answered (which is when it writes to its half) with all
 * read that there was, `heard`. The other way round, from the short cut to TCP, is always safe.
 *
 * Memory. At most SOCKET_ROOM wait in a receiver's queue: what does not fit goes by TCP, which has its windows. How
 * much is certainly read is what the receiver says in `taken`.
 *
 * Which way. Small messages are faster by the short cut, bulk as packets. A connection is watched from its beginning; a
 * turn is what one end sends until the other has answered it. After SOCKET_TURNS turns in which neither sent more than
 * SOCKET_SMALL, what is small takes the short cut. When one sends more than SOCKET_BULK in one turn, each end that was
 * never sent anything by the short cut is let go for ever: its socket leaves pilus_receivers, and is as if it had never
 * been there.
 *
 * Policy. A message is asked of the flow table what a packet is asked: permitted is what was decided in this epoch, and
 * else the message goes as a packet, which decides. Messages and bytes are counted there, too, as packets without
 * headers.
 */
#ifndef PILUS_ABI_SOCKET_H
#define PILUS_ABI_SOCKET_H

#include "flow.h"

#define SOCKET_SMALL (16 * 1024)
#define SOCKET_ROOM  (64 * 1024)
#define SOCKET_BULK  (256 * 1024)
#define SOCKET_TURNS 4

/* What came by the short cut lies in a queue of the socket's, which is lost when it leaves pilus_receivers. So it is
 * either open for messages or free to go, and changes from UNUSED to one of the others only once. */
enum socket_inbox {
	SOCKET_UNUSED = 0,
	SOCKET_USED = 1, /* the other end has sent here: it stays */
	SOCKET_SHUT = 2, /* it is in pilus_receivers no more, or never was */
};

struct socket_end {
	__u64 cookie;   /* 0: no socket of an endpoint, or closed */
	__u64 messages; /* that it sent by the short cut */
	__u64 bytes;    /* in these */
	__u64 taken;    /* of the other's bytes: read, and maybe more */
	__u32 heard;    /* TCP's sequence number that it would read next, when it last sent */
	__u32 turn;     /* bytes sent in this turn, either way */
	__u32 inbox;    /* enum socket_inbox */
	__u16 endpoint;
	__u8 turns; /* small ones in a row, SOCKET_TURNS at most */
	__u8 spoke; /* 1: it has sent something, `heard` is true */
};
ABI_ASSERT_SIZE(struct socket_end, 48);

/* end[i] is the socket of addr[i]. */
struct socket_pair {
	struct socket_end end[2];
};
ABI_ASSERT_SIZE(struct socket_pair, 96);

#endif
