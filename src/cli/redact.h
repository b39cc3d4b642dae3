/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes secrets out of text that goes to others: passwords in URLs, values of keys called so, private keys.
 */
#ifndef PILUS_CLI_REDACT_H
#define PILUS_CLI_REDACT_H

#include <stdbool.h>

#define REDACTED "[REDACTED]"

/* Zeroed before the first line of a text. */
struct redaction {
	bool in_key; /* between BEGIN and END of a PEM file's private key */
};

/* The line as it may be shown; the caller frees it. Lines come in order, with or without their newline. */
char *redact_line(struct redaction *redaction, const char *line);

#endif
