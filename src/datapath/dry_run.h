/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that are not sent: what the programs of this node would do with them. The same programs are loaded once more.
 * They look up what the agent has told (the maps in use), and have tables of their own for all else, so that nothing
 * changes that a real packet meets, nobody who listens hears of it, and nothing is counted. What is asked for is always
 * a new connection.
 */
#ifndef PILUS_DATAPATH_DRY_RUN_H
#define PILUS_DATAPATH_DRY_RUN_H

#include "datapath/datapath.h"

#define DRY_PACKET_MAX 256
#define DRY_EVENTS_MAX 16

/* A packet on its way: programs change it. */
struct dry_packet {
	uint32_t mark;
	size_t size;
	uint8_t bytes[DRY_PACKET_MAX];
};

/* What a program said of it. */
struct dry_outcome {
	int verdict; /* TC_ACT_…: redirected, dropped, or left to the stack (TC_ACT_UNSPEC) */
	struct event events[DRY_EVENTS_MAX];
	size_t event_count;
};

struct dry_run;

/* Loads the programs, which takes a while; any thread will do. The maps in use are borrowed. The caller frees *ret. */
int dry_run_open(const struct node_config *config, const struct maps *maps, struct dry_run **ret, struct error *error);
void dry_run_free(struct dry_run *run);
DEFINE_CLEANUP(struct dry_run *, dry_run_free)

/* Forgets what the packets so far have taught: another question begins. */
int dry_run_forget(struct dry_run *run);

/* The packet passes a program ("from_container") at the device, in the network namespace of the caller. */
int dry_run_pass(struct dry_run *run, const char *program, uint32_t ifindex, struct dry_packet *packet,
                 struct dry_outcome *ret);

#endif
