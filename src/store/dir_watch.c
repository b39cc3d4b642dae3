/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dir_watch.h"

#include <errno.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/memory.h"

struct dir_entry {
	char *key;
	uint64_t digest; /* of the text last looked at */
	bool told;       /* `set` was called: `removed` is due one day */
	uint32_t walk;   /* that saw it last */
	UT_hash_handle hh;
};

static void entry_free(struct dir_watch *watch, struct dir_entry *entry)
{
	HASH_DEL(watch->entries, entry);
	free(entry->key);
	free(entry);
}

static void entry_remove(struct dir_watch *watch, struct dir_entry *entry)
{
	_cleanup_free_ char *key = xstrdup(entry->key);
	bool told = entry->told;

	entry_free(watch, entry);
	if (told)
		watch->watch.watcher.removed(watch->watch.userdata, key);
}

static struct dir_entry *entry_new(struct dir_watch *watch, const struct dir_look *look)
{
	struct dir_entry *entry = xnew(struct dir_entry);

	entry->key = xstrdup(look->key);
	entry->digest = ~look->digest;
	HASH_ADD_KEYPTR(hh, watch->entries, entry->key, strlen(entry->key), entry);
	return entry;
}

static void entry_set(const struct dir_watch *watch, struct dir_entry *entry, struct dir_look *look)
{
	const struct store_watch *told = &watch->watch;
	json_t *value = look->error.code ? NULL : store_parse(look->key, look->text, &look->error);

	entry->digest = look->digest;
	if (value) {
		entry->told = true;
		told->watcher.set(told->userdata, look->key, value);
	} else if (!look->finished) {
		entry->digest = ~look->digest; /* the last write makes us look again */
	} else if (told->watcher.broken) {
		told->watcher.broken(told->userdata, look->key, &look->error);
	}
	json_decref(value);
}

void dir_watch_free(struct dir_watch *watch)
{
	struct dir_entry *entry, *next;

	HASH_ITER (hh, watch->entries, entry, next)
		entry_free(watch, entry);
	free(watch->watch.prefix);
	free(watch);
}

bool dir_watch_wants(const struct dir_watch *watch, const char *key)
{
	return !watch->closed && !strncmp(key, watch->watch.prefix, strlen(watch->watch.prefix));
}

void dir_watch_look(struct dir_watch *watch, struct dir_look *look)
{
	struct dir_entry *entry;

	HASH_FIND_STR(watch->entries, look->key, entry);
	if (look->error.code == -ENOENT) {
		if (entry)
			entry_remove(watch, entry);
		return;
	}
	if (!entry)
		entry = entry_new(watch, look);
	entry->walk = look->walk;
	if (entry->digest != look->digest)
		entry_set(watch, entry, look);
}

void dir_watch_sweep(struct dir_watch *watch)
{
	struct dir_entry *entry, *next;

	HASH_ITER (hh, watch->entries, entry, next) {
		if (entry->walk != watch->walk && !watch->closed)
			entry_remove(watch, entry);
	}
	if (!watch->synced && !watch->closed) {
		watch->synced = true;
		watch->watch.watcher.synced(watch->watch.userdata);
	}
}
