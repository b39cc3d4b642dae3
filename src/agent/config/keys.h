/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of configuration keys, and the kinds of values they take. Private to config*.c.
 */
#ifndef PILUS_AGENT_CONFIG_KEYS_H
#define PILUS_AGENT_CONFIG_KEYS_H

#include "agent/config/config.h"

/* What a key is given, from a file, a flag or the default. */
struct config_value {
	const char *const *items;
	size_t count;
	bool list;
	bool quoted; /* in the file: text, whatever it looks like */
};

struct config_key;

struct config_kind {
	const char *placeholder; /* for --help; NULL: the choices */
	bool list;
	/* Fills the field, which is empty. On failure the words say what is wrong, not where. */
	int (*parse)(const struct config_key *key, const struct config_value *value, void *field, struct error *error);
	json_t *(*show)(const struct config_key *key, const void *field);
	void (*clear)(void *field); /* frees and empties */
};

struct config_key {
	const char *name;
	const struct config_kind *kind;
	size_t offset; /* of the field in struct config */
	const char *fallback;
	const char *help;
	const char *const *choices; /* of a choice: names in the order of the enum, then NULL */
	uint32_t min, max;          /* of a number */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* Replaces what the field holds. */
int config_set(struct config *config, const struct config_key *key, const struct config_value *value,
               struct error *error);

/* The keys of the store: check_store.c. */
int config_check_store(const struct config *config, const char **ret_key, struct error *error);

/* What no key can say alone: whether they fit together. ret_key is the key to name in the words. */
int config_check(const struct config *config, const char **ret_key, struct error *error);

#endif
