/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prefilter/set.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"

const char *const set_origins[SET_ORIGINS] = {"local", "file", "store", "preset"};

static const struct set_kind kinds[] = {
	{".deny", PREFILTER_SOURCE, PREFILTER_DENY},
	{".allow", PREFILTER_SOURCE, PREFILTER_ALLOW},
	{".deny-to", PREFILTER_DESTINATION, PREFILTER_DENY},
	{".allow-to", PREFILTER_DESTINATION, PREFILTER_ALLOW},
};

/*
 * IANA's registries of special-purpose addresses (RFC 6890): nobody sends from these. Not among them: 0.0.0.0 and ::,
 * which hosts without an address send from (DHCP, duplicate address detection).
 */
static const char *const bogons[] = {
	"0.0.0.1/32",  "0.0.0.2/31",   "0.0.0.4/30",    "0.0.0.8/29",      "0.0.0.16/28",    "0.0.0.32/27",
	"0.0.0.64/26", "0.0.0.128/25", "0.0.1.0/24",    "0.0.2.0/23",      "0.0.4.0/22",     "0.0.8.0/21",
	"0.0.16.0/20", "0.0.32.0/19",  "0.0.64.0/18",   "0.0.128.0/17",    "0.1.0.0/16",     "0.2.0.0/15",
	"0.4.0.0/14",  "0.8.0.0/13",   "0.16.0.0/12",   "0.32.0.0/11",     "0.64.0.0/10",    "0.128.0.0/9",
	"127.0.0.0/8", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
	"240.0.0.0/4", "::1/128",      "100::/64",      "2001:db8::/32",   "3fff::/20",      "fec0::/10",
	"ff00::/8",    NULL,
};

/* What the internet never sends from, but a network of one's own may. */
static const char *const private[] = {
	"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", NULL,
};

static const struct {
	const char *name;
	const char *const *cidrs;
} presets[] = {{"bogons.deny", bogons}, {"private.deny", private}};

const char *const *preset_cidrs(const char *name)
{
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		if (!strcmp(presets[i].name, name))
			return presets[i].cidrs;
	return NULL;
}

static bool name_is_valid(const char *name)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *name && *name != '.' && strlen(name) <= SET_NAME_MAX && !name[strspn(name, characters)];
}

const struct set_kind *set_kind_of(const char *name, struct error *error)
{
	size_t length = strlen(name);

	for (size_t i = 0; name_is_valid(name) && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t suffix = strlen(kinds[i].suffix);

		if (length > suffix && !strcmp(name + length - suffix, kinds[i].suffix))
			return &kinds[i];
	}
	error_set(error, -EINVAL,
	          "\"%s\" is no set's name: up to %d letters, digits, '.', '_' and '-' that end in .deny, .allow, "
	          ".deny-to or .allow-to",
	          name, SET_NAME_MAX);
	return NULL;
}

struct set *sets_find(const struct sets *sets, enum set_origin origin, const char *name)
{
	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++)
		if (sets->at[i] && sets->at[i]->origin == origin && !strcmp(sets->at[i]->name, name))
			return sets->at[i];
	return NULL;
}

static int free_slot(const struct sets *sets)
{
	for (int i = 0; i < PREFILTER_SETS_MAX; i++)
		if (!sets->at[i])
			return i;
	return -ENOSPC;
}

int sets_add(struct sets *sets, enum set_origin origin, const char *name, int slot, struct set **ret,
             struct error *error)
{
	const struct set_kind *kind = set_kind_of(name, error);
	struct set *set;

	if (!kind)
		return -EINVAL;
	if (slot < 0 || slot >= PREFILTER_SETS_MAX || sets->at[slot])
		slot = free_slot(sets);
	if (slot < 0)
		return error_set(error, slot, "there are %d sets already, and no room for %s", PREFILTER_SETS_MAX,
		                 name);
	set = xnew(struct set);
	set->name = xstrdup(name);
	set->origin = origin;
	set->slot = slot;
	set->kind = kind;
	sets->at[slot] = set;
	*ret = set;
	return 0;
}

void sets_remove(struct sets *sets, struct set *set)
{
	sets->at[set->slot] = NULL;
	cidrs_clear(&set->cidrs);
	free(set->problem);
	free(set->name);
	free(set);
}

void sets_clear(struct sets *sets)
{
	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++)
		if (sets->at[i])
			sets_remove(sets, sets->at[i]);
}

void set_problem(struct set *set, const char *problem)
{
	free(set->problem);
	set->problem = problem ? xstrdup(problem) : NULL;
}
