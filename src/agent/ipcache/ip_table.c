/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ipcache/ip_table.h"

#include <string.h>

#include "base/memory.h"

static struct ipcache_key key_of(const struct prefix *prefix)
{
	return (struct ipcache_key){.prefix_bits = prefix->bits, .addr = prefix->addr};
}

static void entry_free(struct ip_table *table, struct ip_entry *entry)
{
	HASH_DEL(table->entries, entry);
	for (enum ip_source source = 0; source < IP_SOURCES; source++)
		ip_entry_unback(entry, source);
	free(entry);
}

void ip_table_clear(struct ip_table *table)
{
	struct ip_entry *entry, *next;

	HASH_ITER (hh, table->entries, entry, next)
		entry_free(table, entry);
}

struct ip_entry *ip_table_find(const struct ip_table *table, const struct prefix *prefix)
{
	struct ipcache_key key = key_of(prefix);
	struct ip_entry *entry;

	HASH_FIND(hh, table->entries, &key, sizeof(key), entry);
	return entry;
}

struct ip_entry *ip_table_make(struct ip_table *table, const struct prefix *prefix)
{
	struct ip_entry *entry = ip_table_find(table, prefix);

	if (entry)
		return entry;
	entry = xnew(struct ip_entry);
	entry->key = key_of(prefix);
	HASH_ADD(hh, table->entries, key, sizeof(entry->key), entry);
	return entry;
}

void ip_table_drop(struct ip_table *table, struct ip_entry *entry)
{
	if (!entry->in_map && ip_entry_source(entry) == IP_SOURCES)
		entry_free(table, entry);
}

static int entry_compare(const struct ip_entry *a, const struct ip_entry *b)
{
	struct addr of_a = a->key.addr, of_b = b->key.addr;
	int order = addr_compare(&of_a, &of_b);

	return order ? order : (int)a->key.prefix_bits - (int)b->key.prefix_bits;
}

void ip_table_sort(struct ip_table *table)
{
	HASH_SORT(table->entries, entry_compare);
}

struct prefix ip_entry_prefix(const struct ip_entry *entry)
{
	return (struct prefix){.addr = entry->key.addr, .bits = entry->key.prefix_bits};
}

void ip_entry_back(struct ip_entry *entry, enum ip_source source, const struct ip_backing *backing)
{
	struct ip_backing *copy = xnew(struct ip_backing);

	*copy = *backing;
	copy->node = backing->node ? xstrdup(backing->node) : NULL;
	copy->pod = backing->pod ? xstrdup(backing->pod) : NULL;
	ip_entry_unback(entry, source);
	entry->backing[source] = copy;
}

void ip_entry_unback(struct ip_entry *entry, enum ip_source source)
{
	if (!entry->backing[source])
		return;
	free(entry->backing[source]->node);
	free(entry->backing[source]->pod);
	free(entry->backing[source]);
	entry->backing[source] = NULL;
}

bool ip_entry_backed_by(const struct ip_entry *entry, enum ip_source source, const char *node)
{
	const struct ip_backing *backing = entry->backing[source];

	return backing && backing->node && !strcmp(backing->node, node);
}

enum ip_source ip_entry_source(const struct ip_entry *entry)
{
	for (enum ip_source source = IP_SOURCES; source-- > 0;) {
		if (entry->backing[source])
			return source;
	}
	return IP_SOURCES;
}
