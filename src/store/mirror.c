/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mirror.h"

#include <errno.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/memory.h"

struct mirror_entry {
	char *key;
	uint64_t digest; /* of the text last looked at */
	bool told;       /* of it, right or broken: `removed` is due one day */
	uint32_t walk;   /* that saw it last */
	UT_hash_handle hh;
};

static void entry_free(struct mirror *mirror, struct mirror_entry *entry)
{
	HASH_DEL(mirror->entries, entry);
	free(entry->key);
	free(entry);
}

static void entry_remove(struct mirror *mirror, struct mirror_entry *entry)
{
	_cleanup_free_ char *key = xstrdup(entry->key);
	bool told = entry->told;

	entry_free(mirror, entry);
	if (told)
		mirror->watch.watcher.removed(mirror->watch.userdata, key);
}

static struct mirror_entry *entry_new(struct mirror *mirror, const struct mirror_look *look)
{
	struct mirror_entry *entry = xnew(struct mirror_entry);

	entry->key = xstrdup(look->key);
	entry->digest = ~look->digest;
	HASH_ADD_KEYPTR(hh, mirror->entries, entry->key, strlen(entry->key), entry);
	return entry;
}

static void entry_set(const struct mirror *mirror, struct mirror_entry *entry, struct mirror_look *look)
{
	const struct store_watch *told = &mirror->watch;
	json_t *value = look->error.code ? NULL : store_parse(look->key, look->text, &look->error);

	entry->digest = look->digest;
	if (value) {
		entry->told = true;
		told->watcher.set(told->userdata, look->key, value);
	} else if (!look->finished) {
		entry->digest = ~look->digest; /* the last write makes us look again */
	} else if (told->watcher.broken) {
		entry->told = true;
		told->watcher.broken(told->userdata, look->key, &look->error);
	}
	json_decref(value);
}

void mirror_clear(struct mirror *mirror)
{
	struct mirror_entry *entry, *next;

	HASH_ITER (hh, mirror->entries, entry, next)
		entry_free(mirror, entry);
	free(mirror->watch.prefix);
}

bool mirror_wants(const struct mirror *mirror, const char *key)
{
	return !mirror->closed && !strncmp(key, mirror->watch.prefix, strlen(mirror->watch.prefix));
}

void mirror_look(struct mirror *mirror, struct mirror_look *look)
{
	struct mirror_entry *entry;

	HASH_FIND_STR(mirror->entries, look->key, entry);
	if (look->error.code == -ENOENT) {
		if (entry)
			entry_remove(mirror, entry);
		return;
	}
	if (!entry)
		entry = entry_new(mirror, look);
	entry->walk = look->walk;
	if (entry->digest != look->digest)
		entry_set(mirror, entry, look);
}

void mirror_sweep(struct mirror *mirror)
{
	struct mirror_entry *entry, *next;

	HASH_ITER (hh, mirror->entries, entry, next) {
		if (entry->walk != mirror->walk && !mirror->closed)
			entry_remove(mirror, entry);
	}
	if (!mirror->synced && !mirror->closed) {
		mirror->synced = true;
		mirror->watch.watcher.synced(mirror->watch.userdata);
	}
}
