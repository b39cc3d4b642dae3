/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every noun: one row here, and its file.
 */
#ifndef PILUS_CLI_NOUNS_H
#define PILUS_CLI_NOUNS_H

#include "cli/cli.h"

#define CLI_NOUNS(X) \
	X(STATUS)    \
	X(ENDPOINT)  \
	X(IDENTITY)  \
	X(IP)        \
	X(NODE)      \
	X(SERVICE)   \
	X(HEALTH)    \
	X(MAP)       \
	X(BPF)       \
	X(MONITOR)   \
	X(POLICY)    \
	X(PREFILTER) \
	X(WHY)       \
	X(TRACE)     \
	X(METRICS)   \
	X(CONFIG)    \
	X(BUGTOOL)   \
	X(VERSION)   \
	X(HELP)      \
	X(COMPLETE)

#define X(name) extern const struct command name##_NOUN;
CLI_NOUNS(X)
#undef X

#endif
