/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that were asked for, and the addresses that were answered: the newest of them.
 */
#include "names.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"

#define NAMES_MAX 4096

struct known {
	struct addr addr;
	uint64_t when;
	char name[256]; /* as long as names may be */
};

static struct known known[NAMES_MAX];
static size_t told; /* since the beginning: the newest is at told − 1, modulo the size */

static void note(const char *name, const struct addr *addr, uint64_t when)
{
	struct known *entry = &known[told++ % NAMES_MAX];

	entry->addr = *addr;
	entry->when = when;
	snprintf(entry->name, sizeof(entry->name), "%.*s", (int)sizeof(entry->name) - 1, name);
}

/* An A or AAAA record's address; false: it is another. */
static bool read_address(const ns_rr *record, struct addr *ret)
{
	__be32 v4;

	if (ns_rr_type(*record) == ns_t_a && ns_rr_rdlen(*record) == sizeof(v4)) {
		memcpy(&v4, ns_rr_rdata(*record), sizeof(v4));
		*ret = addr_from_v4(v4);
		return true;
	}
	if (ns_rr_type(*record) != ns_t_aaaa || ns_rr_rdlen(*record) != sizeof(*ret))
		return false;
	memcpy(ret, ns_rr_rdata(*record), sizeof(*ret));
	return true;
}

/* Aliases on the way are of no interest: the name is that of the question. */
void names_learn(const struct answer_event *answer)
{
	ns_msg message;
	ns_rr question, record;
	struct addr addr;

	if (ns_initparse(answer->bytes, answer->head.answer_size, &message) ||
	    ns_parserr(&message, ns_s_qd, 0, &question))
		return;
	for (int i = 0; i < ns_msg_count(message, ns_s_an); i++)
		if (!ns_parserr(&message, ns_s_an, i, &record) && read_address(&record, &addr))
			note(ns_rr_name(question), &addr, answer->head.who.time);
}

const char *names_find(const struct addr *addr, uint64_t *ret_when)
{
	size_t oldest = told > NAMES_MAX ? told - NAMES_MAX : 0;

	for (size_t i = told; i-- > oldest;) {
		const struct known *entry = &known[i % NAMES_MAX];

		if (memcmp(&entry->addr, addr, sizeof(*addr)))
			continue;
		*ret_when = entry->when;
		return entry->name;
	}
	return NULL;
}
