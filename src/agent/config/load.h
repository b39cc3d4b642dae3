/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration while it is read: which key was given where, so that words can say it. Private to config*.c.
 */
#ifndef PILUS_AGENT_CONFIG_LOAD_H
#define PILUS_AGENT_CONFIG_LOAD_H

#include "agent/config/keys.h"

#define CONFIG_LIST_MAX 64

/* Where a key got its value; a line of the file is that number. */
#define FROM_DEFAULT 0
#define FROM_FLAG    -1

struct config_load {
	const char *file;
	bool file_named; /* by --config, so it must be there */
	struct config config;
	const char **flags; /* the text of each key's flag */
	long *origins;      /* per key: FROM_… or a line */
};

/* NULL when there is none. */
const struct config_key *config_key_find(const char *name);

long *config_load_origin(struct config_load *load, const struct config_key *key);

/* Puts before the words which key was meant, and where it was given. Returns -EINVAL. */
int config_load_blame(struct config_load *load, const struct config_key *key, struct error *error);

int config_load_set(struct config_load *load, const struct config_key *key, const struct config_value *value,
                    long origin, struct error *error);

/* config_file.c */
int config_load_file(struct config_load *load, struct error *error);

#endif
