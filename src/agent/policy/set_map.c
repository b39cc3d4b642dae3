/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets in the maps. Denials are written before permissions and deleted after them: whoever looks in between is told no.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "agent/policy/internal.h"
#include "base/log.h"
#include "base/memory.h"

static struct policy_key key_of(uint32_t id, const struct policy_line *line)
{
	struct policy_key key = {
		.prefix_bits = POLICY_PEER_BITS,
		.set = htonl(id),
		.peer = htonl(line->peer),
		.direction = line->direction,
	};

	if (line->protocol) {
		key.prefix_bits = POLICY_PROTOCOL_BITS + line->port_bits;
		key.protocol = line->protocol;
		key.port = htons(line->port);
	}
	return key;
}

static int write_line(const struct maps *maps, uint32_t id, const struct policy_line *line)
{
	const struct policy_key key = key_of(id, line);
	const struct policy_entry entry = {.rule = line->rule, .verdict = line->deny ? POLICY_DENY : POLICY_ALLOW};

	return policy_set(maps, &key, &entry);
}

static int write_some(const struct maps *maps, uint32_t id, const struct policy_line *lines, size_t count, bool denials)
{
	int result = 0;

	for (size_t i = 0; !result && i < count; i++)
		if (lines[i].deny == denials)
			result = write_line(maps, id, &lines[i]);
	return result;
}

static int delete_some(const struct maps *maps, uint32_t id, const struct policy_line *lines, size_t count,
                       bool denials)
{
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		const struct policy_key key = key_of(id, &lines[i]);

		if (lines[i].deny == denials)
			result = policy_delete(maps, &key) ?: result;
	}
	return result;
}

int set_map_write_lines(const struct maps *maps, uint32_t id, const struct policy_line *lines, size_t count)
{
	return write_some(maps, id, lines, count, true) ?: write_some(maps, id, lines, count, false);
}

void set_map_delete_lines(const struct maps *maps, uint32_t id, const struct policy_line *lines, size_t count)
{
	int result = delete_some(maps, id, lines, count, false);

	result = delete_some(maps, id, lines, count, true) ?: result;
	if (result)
		log_error("entries of the policy set %u stay in the maps: %s", id, strerror(-result));
}

int set_map_write(const struct maps *maps, uint32_t id, const struct policy_set *set)
{
	int result = 0;

	for (size_t i = 0; !result && i < set->block_count; i++)
		result = policy_cidr_set(maps, id, &set->blocks[i], (uint32_t)i + 1);
	return result ?: set_map_write_lines(maps, id, set->lines, set->count);
}

void set_map_delete(const struct maps *maps, uint32_t id, const struct policy_set *set)
{
	int result = 0;

	set_map_delete_lines(maps, id, set->lines, set->count);
	for (size_t i = 0; i < set->block_count; i++)
		result = policy_cidr_delete(maps, id, &set->blocks[i]) ?: result;
	if (result)
		log_error("blocks of the policy set %u stay in the maps: %s", id, strerror(-result));
}

/* ── what an agent before has left ── */

static int note_id(const struct policy_key *key, const struct policy_entry *entry, void *userdata)
{
	identity_set_add(userdata, ntohl(key->set));
	return 0;
}

static int note_id_of_block(uint32_t set, const struct prefix *prefix, uint32_t id, void *userdata)
{
	identity_set_add(userdata, set);
	return 0;
}

int set_map_find(const struct maps *maps, struct identity_set *ret)
{
	return policy_each(maps, note_id, ret) ?: policy_cidr_each(maps, note_id_of_block, ret);
}

/* What is deleted is noted first: nothing is taken from under a walk. */
struct rest {
	const struct identity_set *ids;
	struct policy_key *keys;
	struct {
		uint32_t set;
		struct prefix prefix;
	} *blocks;
	size_t key_count, block_count;
};

static int note_key(const struct policy_key *key, const struct policy_entry *entry, void *userdata)
{
	struct rest *rest = userdata;

	if (!identity_set_has(rest->ids, ntohl(key->set)))
		return 0;
	if (!(rest->key_count & (rest->key_count - 1))) /* a power of two: it is full */
		rest->keys = xrealloc(rest->keys, (rest->key_count * 2 + 1) * sizeof(*rest->keys));
	rest->keys[rest->key_count++] = *key;
	return 0;
}

static int note_block(uint32_t set, const struct prefix *prefix, uint32_t id, void *userdata)
{
	struct rest *rest = userdata;

	if (!identity_set_has(rest->ids, set))
		return 0;
	if (!(rest->block_count & (rest->block_count - 1)))
		rest->blocks = xrealloc(rest->blocks, (rest->block_count * 2 + 1) * sizeof(*rest->blocks));
	rest->blocks[rest->block_count].set = set;
	rest->blocks[rest->block_count++].prefix = *prefix;
	return 0;
}

int set_map_sweep(const struct maps *maps, const struct identity_set *ids)
{
	struct rest rest = {.ids = ids};
	int result = policy_each(maps, note_key, &rest) ?: policy_cidr_each(maps, note_block, &rest);

	for (size_t i = 0; i < rest.key_count; i++)
		result = policy_delete(maps, &rest.keys[i]) ?: result;
	for (size_t i = 0; i < rest.block_count; i++)
		result = policy_cidr_delete(maps, rest.blocks[i].set, &rest.blocks[i].prefix) ?: result;
	free(rest.keys);
	free(rest.blocks);
	return result;
}
