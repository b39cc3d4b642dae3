/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * pilus_events: ring buffer of struct event. Written by the programs only while state.events asks for the type; read
 * by the agent, which hands the records to whoever listens. A record is as long as its capture: EVENT_SIZE(captured).
 */
#ifndef PILUS_ABI_EVENT_H
#define PILUS_ABI_EVENT_H

#include "addr.h"

enum event_type {
	EVENT_DROP = 1,
	EVENT_TRACE = 4,          /* every packet, at every point */
	EVENT_FLOW = 5,           /* never the type of a record, but a wish: of the traces, the notable ones */
	EVENT_AGENT = 6,          /* never in the ring: the agent's own events in the monitor stream */
	EVENT_POLICY_VERDICT = 7, /* what an endpoint's policy says of a new flow, and of what it denies */
};

/* Where a packet is seen. Words as Cilium's. `from` points: where it entered; `to` points: where it was sent. */
#define TRACE_POINTS(X)                                     \
	X(FROM_ENDPOINT, 1, "from-endpoint", "<- endpoint") \
	X(TO_ENDPOINT, 2, "to-endpoint", "-> endpoint")     \
	X(FROM_OVERLAY, 3, "from-overlay", "<- overlay")    \
	X(TO_OVERLAY, 4, "to-overlay", "-> overlay")        \
	X(FROM_HOST, 5, "from-host", "<- host")             \
	X(TO_HOST, 6, "to-host", "-> host")                 \
	X(FROM_NETWORK, 7, "from-network", "<- network")    \
	X(TO_NETWORK, 8, "to-network", "-> network")        \
	X(TO_STACK, 9, "to-stack", "-> stack")

enum trace_point {
#define X(symbol, code, name, summary) TRACE_##symbol = code,
	TRACE_POINTS(X)
#undef X
};

/* What the programs did to the packet so far: told in order by `monitor -vv`. */
#define STORY_STEPS(X)                                                \
	X(DECAPSULATED, 0, "decapsulated")                            \
	X(FLOW_HIT, 1, "flow found, decision valid")                  \
	X(FLOW_STALE, 2, "flow found, decided now")                   \
	X(FLOW_MISS, 3, "no flow yet")                                \
	X(FLOW_CREATED, 4, "flow created")                            \
	X(LOCAL_DELIVERY, 5, "delivered into the pod")                \
	X(ENCAPSULATED, 6, "encapsulated")                            \
	X(LEFT_TO_STACK, 7, "left to the host's stack")               \
	X(LEFT_TO_DEVICE, 8, "left to the overlay device")            \
	X(NEIGHBOUR_LOOKUP, 9, "next hop looked up by the kernel")    \
	X(AHEAD, 10, "fragment ahead of its first, ports unknown")    \
	X(MASQUERADED, 11, "masqueraded")                             \
	X(UNMASQUERADED, 12, "translated back to the pod")            \
	X(ROUTED, 13, "sent to the next hop")                         \
	X(SERVICE, 14, "service translated to a backend")             \
	X(FROM_SERVICE, 15, "backend translated back to the service") \
	X(REJECTED, 16, "answered with a refusal")

enum story_step {
#define X(symbol, bit, text) STORY_##symbol = 1 << (bit),
	STORY_STEPS(X)
#undef X
};

#define EVENT_CAPTURE_MAX 128

/*
 * To wake the reader costs a packet more than all else about an event. So the programs do it only when this much waits
 * in the ring, and the reader looks by itself, as often as this.
 */
#define EVENTS_WAKE_BYTES (64 * 1024)
#define EVENTS_PERIOD_MS  50

/* The first two are those of enum policy_effect. */
enum verdict_action {
	VERDICT_ALLOW = 1,
	VERDICT_DENY = 2,
	VERDICT_AUDIT = 3, /* denied, and let pass: ENDPOINT_AUDITS */
};

/* What one endpoint's policy says. */
struct event_verdict {
	__u32 rule;     /* struct policy_entry's; 0: no entry matched */
	__u16 endpoint; /* whose policy it is; 0: nobody's was asked */
	__u8 action;    /* enum verdict_action */
	__u8 match;     /* enum policy_match */
	__u8 direction; /* enum policy_direction */
	__u8 reserved[3];
};
ABI_ASSERT_SIZE(struct event_verdict, 12);

/* Source and destination are the packet's, in the order of the wire. */
struct event {
	__u64 time;            /* ns, CLOCK_MONOTONIC */
	__u8 type;             /* enum event_type */
	__u8 point;            /* enum trace_point; of a drop: where the packet had entered */
	__u8 reason;           /* enum drop_reason; of a trace 0 */
	__u8 state;            /* enum packet_state */
	__u32 ifindex;         /* the device it is at; of a redirected packet, the one it is sent to */
	__u32 source_identity; /* 0: unknown */
	__u32 destination_identity;
	__u16 source_endpoint; /* of this node; 0: none */
	__u16 destination_endpoint;
	__u16 node; /* the peer of the overlay; 0: none */
	__u16 cpu;
	__u32 mark;
	__u32 hash;     /* the flow's: equal for both directions */
	__u32 story;    /* enum story_step, or-ed */
	__u32 length;   /* of the frame, without the overlay's headers */
	__u32 vni;      /* of the overlay header written or read; 0: none */
	__u16 captured; /* bytes of `frame` that follow, from the ethernet header on */
	__u8 notable;   /* of its flow: the first in its direction, a SYN, FIN or RST, or one in some seconds */
	__u8 reserved;
	union {
		struct addr original;         /* source before it was masqueraded; zero: the frame's */
		struct event_verdict verdict; /* of an EVENT_POLICY_VERDICT */
	};
	__u8 frame[EVENT_CAPTURE_MAX];
};
ABI_ASSERT_SIZE(struct event, 72 + EVENT_CAPTURE_MAX);

#define EVENT_SIZE(captured) (__builtin_offsetof(struct event, frame) + (captured))

#endif
