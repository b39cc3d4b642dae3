/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prefixes and who says what of them. Several sources may speak of one prefix; the highest is believed. What the map
 * holds stands beside it, so that only differences are written.
 */
#ifndef PILUS_AGENT_IPCACHE_IP_TABLE_H
#define PILUS_AGENT_IPCACHE_IP_TABLE_H

#include <stdbool.h>
#include <uthash.h>

#include "abi/ipcache.h"
#include "base/addr.h"

/* From the least to the most believed; words as in docs/api.md. */
enum ip_source { IP_RESERVED, IP_STORE, IP_NODE, IP_ENDPOINT, IP_SOURCES };
#define IP_SOURCE_NAMES {"reserved", "store", "node", "endpoint"}

struct ip_backing {
	uint32_t identity;
	char *node;   /* where it lives; NULL: outside */
	char *pod;    /* "default/web"; NULL: no pod, or one without a name */
	bool overlay; /* packets go to that node, encapsulated */
};

struct ip_entry {
	struct ipcache_key key;
	struct ip_backing *backing[IP_SOURCES]; /* NULL: the source does not know the prefix */
	bool in_map;
	bool adopted; /* the map holds it from an earlier life, and nobody has confirmed it yet */
	struct ipcache_entry written;
	UT_hash_handle hh;
};

struct ip_table {
	struct ip_entry *entries;
};

void ip_table_clear(struct ip_table *table);

/* NULL when there is none. */
struct ip_entry *ip_table_find(const struct ip_table *table, const struct prefix *prefix);
struct ip_entry *ip_table_make(struct ip_table *table, const struct prefix *prefix); /* found, or new */

/* Frees the entry when no source knows it and the map does not hold it. */
void ip_table_drop(struct ip_table *table, struct ip_entry *entry);
void ip_table_sort(struct ip_table *table);

struct prefix ip_entry_prefix(const struct ip_entry *entry);

/* The backing is copied. */
void ip_entry_back(struct ip_entry *entry, enum ip_source source, const struct ip_backing *backing);
void ip_entry_unback(struct ip_entry *entry, enum ip_source source);
bool ip_entry_backed_by(const struct ip_entry *entry, enum ip_source source, const char *node);

/* The most believed source; IP_SOURCES when none knows the prefix. */
enum ip_source ip_entry_source(const struct ip_entry *entry);

#endif
