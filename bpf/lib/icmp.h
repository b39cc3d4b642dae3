/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * ICMP errors belong to the flow of the packet they quote (RFC 792, RFC 4443): which one that is.
 */
#ifndef PILUS_BPF_ICMP_H
#define PILUS_BPF_ICMP_H

#include "parse.h"

/* Only this much of the quoted transport header is sure to be there; it holds the ports, or the echo's identifier. */
#define QUOTED_TRANSPORT 8

/*
 * Fills the key of the flow that the error in `packet` is about. Returns 0, or a drop reason when the quote cannot be
 * read.
 */
static __always_inline int icmp_quoted_flow(struct __sk_buff *skb, const struct packet *packet,
                                            struct flow_key *ret_key)
{
	struct tuple quoted = {.ethertype = packet->tuple.ethertype};
	struct fragment fragment = {};
	struct cursor cursor;
	__be16 *words;
	_Bool echo;

	if (packet->transport > PARSE_LINEAR)
		return DROP_TRUNCATED_HEADER;
	cursor = cursor_at(skb, packet->transport);
	if (!cursor_take(&cursor, sizeof(struct icmp_header)) || parse_network(&cursor, &quoted, &fragment))
		return DROP_TRUNCATED_HEADER;
	words = cursor_take(&cursor, QUOTED_TRANSPORT);
	if (!words)
		return DROP_TRUNCATED_HEADER;
	echo = quoted.protocol == PROTOCOL_ICMP || quoted.protocol == PROTOCOL_ICMPV6;
	quoted.source_port = echo ? words[2] : words[0];
	quoted.destination_port = echo ? words[2] : words[1];
	tuple_key(&quoted, ret_key);
	return 0;
}

#endif
