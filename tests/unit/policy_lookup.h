/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled policy, looked up as the programs do (bpf/lib/policy.h): by the longest match, which in the kernel is one
 * of bits and knows nothing of families.
 */
#ifndef PILUS_TESTS_POLICY_LOOKUP_H
#define PILUS_TESTS_POLICY_LOOKUP_H

#include "abi/ipcache.h"
#include "policy/compile.h"
#include "policy/evaluate.h"

static bool shares_bits(const struct addr *a, const struct addr *b, unsigned bits)
{
	for (unsigned bit = 0; bit < bits; bit++)
		if ((a->byte[bit / 8] ^ b->byte[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

static uint32_t block_of(const struct policy_set *set, const struct addr *addr)
{
	uint32_t best = 0;

	for (size_t i = 0; i < set->block_count; i++)
		if (shares_bits(&set->blocks[i].addr, addr, set->blocks[i].bits) &&
		    (!best || set->blocks[i].bits > set->blocks[best - 1].bits))
			best = (uint32_t)i + 1;
	return best;
}

static bool line_covers(const struct policy_line *line, const struct policy_question *question)
{
	if (line->protocol == PROTOCOL_ANY)
		return true;
	return line->protocol == question->protocol &&
	       line->port >> (16 - line->port_bits) == question->port >> (16 - line->port_bits);
}

/* The longest match among one peer's keys. */
static const struct policy_line *look_up(const struct policy_set *set, uint32_t peer,
                                         const struct policy_question *question)
{
	const struct policy_line *best = NULL;

	for (size_t i = 0; i < set->count; i++) {
		const struct policy_line *line = &set->lines[i];

		if (line->direction != question->direction || line->peer != peer || !line_covers(line, question))
			continue;
		if (!best || best->protocol == PROTOCOL_ANY || line->port_bits > best->port_bits)
			best = line;
	}
	return best;
}

static enum policy_verdict answer_of(const struct policy_set *set, const struct policy_question *question)
{
	uint32_t block = block_of(set, &question->peer.addr);
	uint32_t peers[] = {question->peer.identity, POLICY_ANYBODY, block ? POLICY_BLOCK | block : POLICY_ANYBODY,
	                    block && question->peer.identity == IDENTITY_WORLD ? POLICY_WORLD_BLOCK | block
	                                                                       : POLICY_ANYBODY};
	enum policy_verdict verdict = set->closes[question->direction] ? POLICY_NOT_ALLOWED : POLICY_NOT_ENFORCED;

	for (size_t i = 0; i < sizeof(peers) / sizeof(*peers); i++) {
		const struct policy_line *line = look_up(set, peers[i], question);

		if (line && line->deny)
			return POLICY_DENIED;
		if (line)
			verdict = POLICY_ALLOWED;
	}
	return verdict;
}

#endif
