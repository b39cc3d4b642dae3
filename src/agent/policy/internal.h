/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of policies: what the files of this folder share and nobody else sees.
 */
#ifndef PILUS_AGENT_POLICY_INTERNAL_H
#define PILUS_AGENT_POLICY_INTERNAL_H

#include <uthash.h>

#include "agent/policy/policies.h"
#include "datapath/maps.h"
#include "policy/compile.h"
#include "policy/world.h"

#define POLICY_FOLDER "policies/"

/* A policy of the store. */
struct object {
	char *key;
	char *text;              /* the JSON in force; NULL: none ever was right */
	struct policy_list list; /* what it says; the rulebook owns the policies */
	char *trouble;           /* what is wrong with what the store has now; NULL: nothing */
	UT_hash_handle hh;
};

/* A set in the maps. */
struct set {
	uint32_t identity;
	unsigned users;
	struct label_set labels;
	struct policy_list list; /* those about it, borrowed from the rulebook */
	struct policy_set compiled;
	struct endpoint_policy now;
	bool known; /* `now` is what the policies say */
	bool dirty, locked;
	UT_hash_handle hh;
};

/* A set that no endpoint has any more, until no program reads it any more. */
struct old_set {
	uint32_t id;
	struct policy_set compiled;
	uint64_t due;
	struct old_set *prev, *next;
};

struct wait; /* requests.c */

struct policies {
	struct policy_services services;
	struct policy_events events;
	void *userdata;
	struct store_watch *watch;
	struct rulebook *book;
	struct world *world;
	struct object *objects;
	json_t *kept; /* what is in force of objects that are wrong: key -> object */
	bool kept_changed;
	struct set *sets;
	struct old_set *old_sets;
	struct identity_set adopted; /* ids of sets that an agent before has left in the maps */
	uint32_t last_id;
	uint64_t revision, import_errors;
	bool told, identities_told;
	bool complete;  /* both: sets can be compiled */
	bool in_force;  /* and all were, once */
	bool round_due; /* there are dirty sets */
	uint64_t round_began, round_ended, round_took;
	uv_timer_t rounds, sweeps, retries, keeping;
	unsigned closing;
	struct wait **waits;
	size_t wait_count;
};

/* objects.c */
void objects_watch(struct policies *policies);
void objects_clear(struct policies *policies);
struct object *object_find(const struct policies *policies, const char *key);
void objects_enter(struct policies *policies); /* those that came before everybody was known */
size_t object_rules(const struct object *object);

/*
 * One object, as text and as what it says: its key (to free) and its policies. -EINVAL with words: what is wrong, by
 * field.
 */
int object_read(json_t *value, char **ret_key, char **ret_text, struct policy_list *ret, struct error *error);

/* kept.c: what is in force in place of an object that is wrong in the store, for the agent after this one. */
void kept_read(struct policies *policies);
void kept_write(struct policies *policies); /* now, if there is anything to write; errors are logged */
void kept_put(struct policies *policies, const char *key, const char *text);
void kept_drop(struct policies *policies, const char *key); /* the store has something right, or nothing */
void kept_settle(struct policies *policies);                /* all objects are known: drops what has none */

/* sets.c */
void policy_sets_touch(struct policies *policies, const struct policy *policy); /* those it is about are dirty */
void policy_sets_touch_all(struct policies *policies);
void policy_sets_identity_came(struct policies *policies, uint32_t identity);
void policy_sets_identity_went(struct policies *policies, uint32_t identity);
void policy_sets_start(struct policies *policies); /* all is known */
void policy_sets_clear(struct policies *policies);
bool policy_sets_are_done(const struct policies *policies);

/* policies.c: everybody whom the identities know comes into the world. */
void world_fill(struct policies *policies);

/* set_map.c: a whole set, some of its lines; −errno when they do not fit. */
int set_map_write(const struct maps *maps, uint32_t id, const struct policy_set *set);
int set_map_write_lines(const struct maps *maps, uint32_t id, const struct policy_line *lines, size_t count);
void set_map_delete_lines(const struct maps *maps, uint32_t id, const struct policy_line *lines, size_t count);
void set_map_delete(const struct maps *maps, uint32_t id, const struct policy_set *set);

/* Ids of the sets that are there, and their end. */
int set_map_find(const struct maps *maps, struct identity_set *ret);
int set_map_sweep(const struct maps *maps, const struct identity_set *ids);

/* requests.c: all dirty sets are done; the store told of a key. */
void waits_look(struct policies *policies);
void waits_told(struct policies *policies, const char *key);
void waits_end(struct policies *policies);

#endif
