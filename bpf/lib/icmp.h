/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * ICMP errors belong to the flow of the packet they quote (RFC 792, RFC 4443): which one that is.
 */
#ifndef PILUS_BPF_ICMP_H
#define PILUS_BPF_ICMP_H

#include "parse.h"

/* Only this much of the quoted transport header is sure to be there; it holds the ports, or the echo's identifier. */
#define QUOTED_TRANSPORT 8

/* The packet that an error quotes; offsets as in struct packet. */
struct quote {
	struct tuple tuple;
	__u32 network;
	__u32 transport;
};

/* Reads what the error in `packet` quotes. Returns 0, or a drop reason when it cannot be read. */
static __always_inline int icmp_quote(struct __sk_buff *skb, const struct packet *packet, struct quote *ret_quote)
{
	struct tuple *quoted = &ret_quote->tuple;
	struct fragment fragment = {};
	struct cursor cursor;
	void *transport;

	if (packet->transport > PARSE_LINEAR)
		return DROP_TRUNCATED_HEADER;
	cursor = cursor_at(skb, packet->transport);
	*ret_quote = (struct quote){.tuple.ethertype = packet->tuple.ethertype};
	ret_quote->network = packet->transport + sizeof(struct icmp_header);
	if (!cursor_take(&cursor, sizeof(struct icmp_header)) || parse_network(&cursor, quoted, &fragment))
		return DROP_TRUNCATED_HEADER;
	ret_quote->transport = (__u32)(long)cursor.at - skb->data;
	transport = cursor_take(&cursor, QUOTED_TRANSPORT);
	if (!transport || fragment.later)
		return DROP_TRUNCATED_HEADER;
	if (quoted->protocol == PROTOCOL_ICMP || quoted->protocol == PROTOCOL_ICMPV6) {
		parse_echo(quoted, transport);
	} else {
		quoted->source_port = ((__be16 *)transport)[0];
		quoted->destination_port = ((__be16 *)transport)[1];
	}
	return 0;
}

#endif
