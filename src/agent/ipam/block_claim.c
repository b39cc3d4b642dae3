/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims blocks: follows all that are claimed, takes what is this node's already, else the first that is free; whoever
 * was faster has it, and the next one is tried.
 */
#include "agent/ipam/block_claim.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"

#define FOLDER       "blocks/"
#define KEY_MAX      (sizeof(FOLDER) + PREFIX_TEXT_MAX)
#define RETRY_MS     1000
#define RETRY_MAX_MS 30000

struct block {
	struct prefix prefix;
	char *node; /* NULL: not known, but there */
	char *key;
	UT_hash_handle hh;
};

struct block_claim {
	const struct config *config;
	struct store *store;
	struct store_watch *watch;
	struct block *blocks; /* all that are claimed, by key */
	struct prefix own[FAMILIES];
	uint64_t next[FAMILIES]; /* the block of the pool to try next */
	enum family asking;      /* FAMILIES: nothing is asked */
	struct prefix asked;
	bool synced, done;
	uv_timer_t retry;
	uint64_t retry_ms;
	block_claim_done tell;
	void *userdata;
};

static void step(struct block_claim *claim);

static const char *key_of(const struct prefix *block, char key[static KEY_MAX])
{
	char text[PREFIX_TEXT_MAX];

	snprintf(key, KEY_MAX, FOLDER "%s", prefix_format(block, text));
	*strrchr(key, '/') = '-';
	return key;
}

static int key_parse(const char *key, struct prefix *ret)
{
	_cleanup_free_ char *text = xstrdup(key + strlen(FOLDER));
	char *dash = strrchr(text, '-');

	if (!dash)
		return -EINVAL;
	*dash = '/';
	return prefix_parse(text, ret);
}

static struct block *find(const struct block_claim *claim, const char *key)
{
	struct block *block;

	HASH_FIND_STR(claim->blocks, key, block);
	return block;
}

static void forget(struct block_claim *claim, struct block *block)
{
	HASH_DEL(claim->blocks, block);
	free(block->node);
	free(block->key);
	free(block);
}

/* Names that are no CIDR stand in nobody's way. */
static void note(struct block_claim *claim, const char *key, const char *node)
{
	struct block *block = find(claim, key);
	struct prefix prefix;

	if (!block) {
		if (key_parse(key, &prefix) < 0)
			return;
		block = xnew(struct block);
		block->prefix = prefix;
		block->key = xstrdup(key);
		HASH_ADD_KEYPTR(hh, claim->blocks, block->key, strlen(block->key), block);
	}
	free(block->node);
	block->node = node ? xstrdup(node) : NULL;
}

static bool is_mine(const struct block_claim *claim, const struct block *block)
{
	return block->node && !strcmp(block->node, claim->config->node_name);
}

static enum family family_of(const struct prefix *prefix)
{
	return prefix_is_v4(prefix) ? FAMILY_V4 : FAMILY_V6;
}

static bool fits(const struct block_claim *claim, enum family family, const struct prefix *block)
{
	const struct prefix *pool = &claim->config->pool_cidr[family];

	return family_of(block) == family && prefix_length(block) == claim->config->pool_mask[family] &&
	       prefix_contains(pool, &block->addr);
}

/* What an earlier life of this node claimed. Of several, the same one every time. */
static bool find_own(struct block_claim *claim, enum family family)
{
	struct prefix *own = &claim->own[family];

	for (const struct block *block = claim->blocks; block; block = block->hh.next)
		if (is_mine(claim, block) && fits(claim, family, &block->prefix) &&
		    (!own->bits || addr_compare(&block->prefix.addr, &own->addr) < 0))
			*own = block->prefix;
	return own->bits;
}

static uint64_t block_count(const struct block_claim *claim, enum family family)
{
	unsigned bits = claim->config->pool_mask[family] - prefix_length(&claim->config->pool_cidr[family]);

	return UINT64_C(1) << (bits < 63 ? bits : 63);
}

/* The block at a place of the pool. Blocks may be larger than 2^64 addresses. */
static struct prefix block_at(const struct block_claim *claim, enum family family, uint64_t place)
{
	struct prefix block = claim->config->pool_cidr[family];
	unsigned host_bits = (family == FAMILY_V4 ? 32 : 128) - claim->config->pool_mask[family];
	unsigned __int128 number = (unsigned __int128)be64toh(block.addr.quad[0]) << 64 | be64toh(block.addr.quad[1]);

	number += (unsigned __int128)place << host_bits;
	block.addr.quad[0] = htobe64((uint64_t)(number >> 64));
	block.addr.quad[1] = htobe64((uint64_t)number);
	block.bits = (uint8_t)(ADDR_BITS - host_bits);
	return block;
}

static bool is_free(const struct block_claim *claim, const struct prefix *candidate)
{
	for (const struct block *block = claim->blocks; block; block = block->hh.next)
		if (prefix_overlaps(&block->prefix, candidate))
			return false;
	return true;
}

static bool find_free(struct block_claim *claim, enum family family, struct prefix *ret)
{
	uint64_t count = block_count(claim, family);

	for (uint64_t *place = &claim->next[family]; *place < count; ++*place) {
		*ret = block_at(claim, family, *place);
		if (is_free(claim, ret))
			return true;
	}
	claim->next[family] = 0;
	return false;
}

static void retry(uv_timer_t *timer)
{
	step(timer->data);
}

static void fail(struct block_claim *claim, int result, const struct error *error)
{
	/* Not all nodes at the same moment. */
	uv_timer_start(&claim->retry, retry, claim->retry_ms + uv_hrtime() % (claim->retry_ms / 2), 0);
	claim->retry_ms = claim->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : claim->retry_ms * 2;
	claim->tell(claim->userdata, result, claim->own, error);
}

static void fail_full(struct block_claim *claim, enum family family)
{
	struct block *block, *following;
	struct error error = {};
	char text[PREFIX_TEXT_MAX];

	/* Those that were only seen to be there may be gone by the next try. */
	HASH_ITER (hh, claim->blocks, block, following) {
		if (!block->node)
			forget(claim, block);
	}
	error_set(
		&error, -ENOSPC,
		"no block of the pool %s is free (%llu are claimed): enlarge cluster-pool-cidrs, or delete the blocks/ "
		"of nodes that are gone from the store",
		prefix_format(&claim->config->pool_cidr[family], text), (unsigned long long)block_count(claim, family));
	fail(claim, -ENOSPC, &error);
}

/* The block asked for is ours, or was given to another while we asked. */
static void claimed(void *userdata, int result, const struct error *error)
{
	struct block_claim *claim = userdata;
	enum family family = claim->asking;
	char key[KEY_MAX];

	claim->asking = FAMILIES;
	if (result == 0) {
		note(claim, key_of(&claim->asked, key), claim->config->node_name);
		claim->own[family] = claim->asked;
	} else if (result == -EEXIST) {
		/* Who has it, the watch will tell. */
		if (!find(claim, key_of(&claim->asked, key)))
			note(claim, key, NULL);
	} else {
		fail(claim, result, error);
		return;
	}
	step(claim);
}

static void write_claim(struct block_claim *claim, const struct prefix *block, typeof(store_create) *write,
                        store_done done)
{
	char key[KEY_MAX], text[PREFIX_TEXT_MAX];
	json_t *value = json_pack("{s:s, s:s}", "cidr", prefix_format(block, text), "node", claim->config->node_name);

	write(claim->store, key_of(block, key), value, done, claim);
	json_decref(value);
}

/* True when the family has what it needs; else something is under way. */
static bool step_family(struct block_claim *claim, enum family family)
{
	if (!claim->config->pool_cidr[family].bits || claim->own[family].bits || find_own(claim, family))
		return true;
	if (!find_free(claim, family, &claim->asked)) {
		fail_full(claim, family);
		return false;
	}
	claim->asking = family;
	write_claim(claim, &claim->asked, store_create, claimed);
	return false;
}

static bool is_own_key(const struct block_claim *claim, const char *key)
{
	char own[KEY_MAX];

	for (enum family family = 0; family < FAMILIES; family++)
		if (claim->own[family].bits && !strcmp(key_of(&claim->own[family], own), key))
			return true;
	return false;
}

/* Claimed by an earlier life of this node with another configuration. */
static void release_stale(struct block_claim *claim)
{
	for (const struct block *block = claim->blocks; block; block = block->hh.next)
		if (is_mine(claim, block) && !is_own_key(claim, block->key))
			store_delete(claim->store, block->key, NULL, NULL);
}

static void step(struct block_claim *claim)
{
	if (!claim->synced || claim->done || claim->asking != FAMILIES)
		return;
	uv_timer_stop(&claim->retry);
	if (!step_family(claim, FAMILY_V4) || !step_family(claim, FAMILY_V6))
		return;
	claim->done = true;
	release_stale(claim);
	claim->tell(claim->userdata, 0, claim->own, &(struct error){});
}

void block_claim_forget_node(struct block_claim *claim, const char *name)
{
	for (const struct block *block = claim->blocks; block; block = block->hh.next)
		if (block->node && !strcmp(block->node, name))
			store_delete(claim->store, block->key, NULL, NULL);
}

static void tell_lost(struct block_claim *claim, const char *key, const char *node)
{
	struct error error = {};

	error_set(&error, -EEXIST,
	          "this node's %s was given to %s: give it back in the store, or restart this node's pods", key,
	          node ? node : "another node");
	claim->tell(claim->userdata, -EEXIST, claim->own, &error);
}

static void block_set(void *userdata, const char *key, json_t *value)
{
	struct block_claim *claim = userdata;
	const char *node = json_string_value(json_object_get(value, "node"));

	note(claim, key, node);
	if (is_own_key(claim, key) && (!node || strcmp(node, claim->config->node_name)))
		tell_lost(claim, key, node);
}

/* Of another node that was as fast as to take it, the watch tells; other failures are the store's to report. */
static void reclaimed(void *userdata, int result, const struct error *error)
{
	struct block_claim *claim = userdata;

	if (result < 0 && result != -EEXIST)
		claim->tell(claim->userdata, result, claim->own, error);
}

/* Nobody's, and avoided; our own is written again, as nobody else can know that it is ours. */
static void block_broken(void *userdata, const char *key, const struct error *error)
{
	struct block_claim *claim = userdata;

	log_warning("%s", error->message);
	note(claim, key, NULL);
	if (is_own_key(claim, key))
		write_claim(claim, &find(claim, key)->prefix, store_put, reclaimed);
}

static void block_removed(void *userdata, const char *key)
{
	struct block_claim *claim = userdata;
	struct block *block = find(claim, key);

	if (!block)
		return;
	if (is_own_key(claim, key)) {
		write_claim(claim, &block->prefix, store_create, reclaimed);
		return;
	}
	forget(claim, block);
	/* The free one may be behind us. */
	memset(claim->next, 0, sizeof(claim->next));
	step(claim);
}

static void blocks_renewed(void *userdata)
{
	struct block_claim *claim = userdata;

	for (enum family family = 0; family < FAMILIES; family++) {
		if (claim->own[family].bits)
			write_claim(claim, &claim->own[family], store_create, reclaimed);
	}
}

static void blocks_synced(void *userdata)
{
	struct block_claim *claim = userdata;

	claim->synced = true;
	step(claim);
}

struct block_claim *block_claim_new(uv_loop_t *loop, const struct config *config, struct store *store,
                                    block_claim_done done, void *userdata)
{
	static const struct store_watcher watcher = {.set = block_set,
	                                             .removed = block_removed,
	                                             .synced = blocks_synced,
	                                             .broken = block_broken,
	                                             .renewed = blocks_renewed};
	struct block_claim *claim = xnew(struct block_claim);

	claim->config = config;
	claim->store = store;
	claim->asking = FAMILIES;
	claim->retry_ms = RETRY_MS;
	claim->tell = done;
	claim->userdata = userdata;
	uv_timer_init(loop, &claim->retry);
	claim->retry.data = claim;
	claim->watch = store_watch(store, FOLDER, &watcher, claim);
	return claim;
}

static void free_closed(uv_handle_t *timer)
{
	free(timer->data);
}

void block_claim_free(struct block_claim *claim)
{
	struct block *block, *following;

	if (!claim)
		return;
	store_watch_close(claim->watch);
	HASH_ITER (hh, claim->blocks, block, following) {
		forget(claim, block);
	}
	uv_close((uv_handle_t *)&claim->retry, free_closed);
}
