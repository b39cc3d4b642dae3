/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C text to a BPF object, by clang as a child process. What is compiled is the text with a small header before it: the
 * dialect's (bpf/trace/), and of the kernel's types those that the text names.
 */
#ifndef PILUS_TRACE_COMPILE_H
#define PILUS_TRACE_COMPILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct compile_source {
	const char *name; /* the file's, for messages; quoted includes are looked for beside it */
	const char *text;
	const char **flags; /* for clang */
	size_t flag_count;
};

struct compiled {
	char *object; /* ELF */
	size_t size;
	char *warnings; /* lines; may be "" */
};

/* On failure there may be lines in *ret_details: clang's own words, which the caller frees. */
int compile(const struct compile_source *source, struct compiled *ret, char **ret_details, struct error *error);
void compiled_clear(struct compiled *compiled);

/* The clang that is used: $PILUS_CLANG, else the newest in $PATH, as a path that the caller frees; NULL: none. */
char *compile_find_clang(void);

#endif
