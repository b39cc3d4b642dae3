/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent knows, fetched (docs/api.md). Answers of another shape than promised are errors here, so that commands
 * need not look.
 */
#ifndef PILUS_CLI_AGENT_H
#define PILUS_CLI_AGENT_H

#include "cli/cli.h"

/* GET `path`; the caller owns *ret, which is an object or an array as the name says. */
int agent_get_object(const struct cli *cli, const char *path, json_t **ret, struct error *error);
int agent_get_array(const struct cli *cli, const char *path, json_t **ret, struct error *error);

/* GET `path`, whose answer is text of any kind; the caller frees *ret. */
int agent_get_text(const struct cli *cli, const char *path, char **ret, struct error *error);

/* POST to `path`, without a body; else as agent_get_object. */
int agent_post_object(const struct cli *cli, const char *path, json_t **ret, struct error *error);

/* PUT `request` to `path`, or DELETE what is there; the answer is an array, as above. */
int agent_put_array(const struct cli *cli, const char *path, json_t *request, json_t **ret, struct error *error);
int agent_delete(const struct cli *cli, const char *path, json_t **ret, struct error *error);

/* For completion: the member `key` of each element of the array at `path`, one a line; nothing without an agent. */
void agent_complete(const struct cli *cli, const char *path, const char *key);

#endif
