/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Every reason a packet can be dropped for: symbol, code, text. One list makes the return code of the programs'
 * stages, the key of the metrics, the field of the event and the words of the tools. Codes and words are
 * Cilium's where it has the same reason; ours alone start at 220.
 */
#ifndef PILUS_ABI_DROP_H
#define PILUS_ABI_DROP_H

#define DROP_REASONS(X)                                                                    \
	X(INVALID_SOURCE_MAC, 130, "Invalid source mac")                                   \
	X(INVALID_SOURCE_IP, 132, "Invalid source ip")                                     \
	X(POLICY_DENIED, 133, "Policy denied")                                             \
	X(INVALID_PACKET, 134, "Invalid packet")                                           \
	X(TRUNCATED_HEADER, 135, "CT: Truncated or invalid header")                        \
	X(UNSUPPORTED_L3, 139, "Unsupported L3 protocol")                                  \
	X(WRITE_ERROR, 141, "Error writing to packet")                                     \
	X(UNKNOWN_L4, 142, "Unknown L4 protocol")                                          \
	X(FLOW_INSERTION_FAILED, 155, "CT: Map insertion failed")                          \
	X(NO_SERVICE_BACKEND, 158, "Service backend not found")                            \
	X(INVALID_IPV6_EXTENSION, 156, "Invalid IPv6 extension header")                    \
	X(NO_TUNNEL_ENDPOINT, 160, "No tunnel/encapsulation endpoint (datapath BUG!)")     \
	X(NOT_LOCAL, 151, "Stale or unroutable IP")                                        \
	X(NO_CONFIGURATION, 165, "No configuration available to complete policy decision") \
	X(NO_NAT_MAPPING, 167, "No mapping for NAT masquerade")                            \
	X(NAT_UNSUPPORTED, 168, "Unsupported protocol for NAT masquerade")                 \
	X(INVALID_IDENTITY, 171, "Invalid identity")                                       \
	X(UNKNOWN_SENDER, 172, "Unknown sender")                                           \
	X(FIRST_FRAGMENT_NOT_FOUND, 175, "First logical datagram fragment not found")      \
	X(FORBIDDEN_ICMPV6, 176, "Forbidden ICMPv6 message")                               \
	X(SOURCE_RANGE_DENIED, 177, "Denied by LB src range check")                        \
	X(POLICY_DENY, 181, "Policy denied by denylist")                                   \
	X(MULTICAST, 220, "Multicast not forwarded")                                       \
	X(PREFILTER_SOURCE, 230, "Prefilter: source denied")                               \
	X(PREFILTER_DESTINATION, 231, "Prefilter: destination denied")                     \
	X(PREFILTER_FRAGMENT, 232, "Prefilter: fragment")                                  \
	X(PREFILTER_PORT, 233, "Prefilter: UDP source port 0")                             \
	X(PREFILTER_RATE, 234, "Prefilter: source exceeds its rate")

enum drop_reason {
#define X(symbol, code, text) DROP_##symbol = code,
	DROP_REASONS(X)
#undef X
};

#endif
