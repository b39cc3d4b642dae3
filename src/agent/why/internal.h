/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of why: what the files of this folder share and nobody else sees.
 */
#ifndef PILUS_AGENT_WHY_INTERNAL_H
#define PILUS_AGENT_WHY_INTERNAL_H

#include "agent/why/why.h"
#include "datapath/dry_run.h"
#include "policy/label_set.h"

/* ── request.c ── */

const char *why_protocol_word(uint8_t protocol); /* "tcp" */

/* ── party.c: who is meant ── */

enum party_kind {
	PARTY_POD,         /* of this node */
	PARTY_REMOTE_POD,  /* of another */
	PARTY_HOST,        /* this node itself */
	PARTY_REMOTE_NODE, /* another */
	PARTY_WORLD,       /* all else */
};

struct party {
	enum party_kind kind;
	char *name;                      /* "default/web", "node-2", "198.51.100.1" */
	char *node;                      /* where it is; NULL: outside */
	struct addr addresses[FAMILIES]; /* zero: none */
	struct addr addr;                /* of the family in question */
	uint32_t identity;
	json_t *labels; /* an array */
	struct label_set label_set;
	/* of a pod of this node */
	uint16_t endpoint;
	uint32_t ifindex;
	char device[16];
	uint8_t mac[6], host_mac[6];
	bool example; /* any address of the world: this one stands for all */
};

int party_find(const struct why_services *services, const char *text, struct party *ret, struct error *error);
void party_clear(struct party *party);

/* Gives both the address that the question is about. */
int parties_choose_family(struct party *source, struct party *destination, uint8_t family, struct error *error);

json_t *party_to_json(const struct party *party);

/* ── packet.c: the packet that opens the connection ── */

struct packet_spec {
	const struct addr *source, *destination;
	const uint8_t *source_mac, *destination_mac;
	uint8_t protocol;
	uint16_t port; /* of ICMP the type */
};

void packet_build(const struct packet_spec *spec, struct dry_packet *ret);

/* Into the overlay's headers, as another node sends it. */
struct packet_overlay {
	struct addr source, destination;
	const uint8_t *destination_mac;
	uint16_t port;
	uint32_t vni;
};
void packet_encapsulate(struct dry_packet *packet, const struct packet_overlay *overlay);

/* Where a frame goes; the port is 0 where its protocol has none. False for what is no frame of IP. */
bool packet_destination(const uint8_t *frame, size_t size, struct addr *ret, uint16_t *ret_port);

/* Its source, or false where it is none that packet_build makes. */
bool packet_source(const struct dry_packet *packet, struct addr *ret);

/* ── walk.c: its way ── */

enum party_end { END_SOURCE, END_DESTINATION };

struct walk {
	const struct why_services *services;
	struct dry_run *programs;
	const struct why_question *question;
	struct party *source, *destination;
	uint16_t port;        /* where it goes: of the destination, */
	struct party backend; /* which a service may have put in its place */
	struct dry_packet packet;
	struct dry_outcome outcome; /* of the last program */
	json_t *decisions;          /* an array, in order */
	json_t *refusal;            /* that which ends it, borrowed; NULL: none does */
	bool judged[2];             /* by enum party_end: its policy has had its say */
};

/* Fills `decisions`. -EINVAL: nobody here would see the packet. */
int walk_all(struct walk *walk, struct error *error);

/* Appends a decision (stolen) with these words, and returns it (borrowed). */
json_t *walk_tell(struct walk *walk, json_t *decision, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ── verdict.c: what policies say ── */

/* As the programs told it. */
void verdict_of_event(struct walk *walk, enum party_end end, const struct event *event);

/* Of a pod of this node whose policy was not asked. */
void verdict_not_asked(struct walk *walk, enum party_end end);

/* As the policies themselves have it: of a pod whose node's programs cannot be asked. */
void verdict_of_policies(struct walk *walk, enum party_end end);

/* ── remedy.c: what would allow it ── */

/* A policy, as YAML, for each end that refuses for want of one; NULL: none can. The caller frees it. */
char *remedy_write(const struct walk *walk);

#endif
