/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of policies, as the verbs of `policy` take them: "-" is standard input, a folder all its files that end in
 * .yaml, .yml or .json.
 */
#ifndef PILUS_CLI_POLICY_FILES_H
#define PILUS_CLI_POLICY_FILES_H

#include "cli/cli.h"
#include "policy/policy.h"

/*
 * What all the files of the command line hold: the policies, and the objects that they are (NULL: not wanted). When one
 * has a problem all of them are told on standard error, and nothing is taken.
 */
int policy_files_read(const struct cli *cli, struct policy_list *list, json_t *objects, struct error *error);

/* "CiliumNetworkPolicy shop/web" */
void policy_name_write(const struct policy *policy, FILE *out);

extern const struct cli_option POLICY_TRACE_OPTIONS[];
int policy_trace(struct cli *cli, struct error *error);

#endif
