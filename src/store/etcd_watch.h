/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch on etcd: all keys listed at one revision, then the stream of changes from the next one on. A stream that
 * broke is resumed where it was; where etcd has forgotten that, or is another one, all is listed again and the watch is
 * told the difference. Of another one, only later: the nodes shall find it, and write what they know. While nobody
 * answers, what was told stays.
 */
#ifndef PILUS_STORE_ETCD_WATCH_H
#define PILUS_STORE_ETCD_WATCH_H

#include "store/etcd_link.h"
#include "store/mirror.h"

struct etcd_watch {
	struct mirror mirror;
	struct etcd_link *link;
	struct etcd_call *call; /* the list's or the stream's */
	json_int_t revision;    /* up to which everything was told */
	char *cluster;          /* that the revision is of */
	char *page;             /* last key of the page before; NULL: none */
	bool renewed;           /* the list is of another etcd, or may be */
	uint64_t sweep_at;      /* uv_now from which on it says what is gone */
	uv_timer_t timer;
	struct etcd_watch *prev, *next;
};

extern unsigned etcd_watch_grace_ms; /* for nodes to find another etcd; tests have less patience */

/* Begins from the loop: the front fills in the rest first. */
struct etcd_watch *etcd_watch_new(struct etcd_link *link);
void etcd_watch_renew(struct etcd_watch *watch); /* this may be another etcd: lists all again */
void etcd_watch_close(struct etcd_watch *watch); /* frees itself from the loop */

#endif
