/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was compiled before, in a folder of files named by all that the result depends on: the text and its flags, the
 * compiler, this library and the kernel. Whoever may write there decides what runs in the kernel, so a folder that
 * others than its owner could write to, or that is not this user's, is not used.
 */
#ifndef PILUS_TRACE_CACHE_H
#define PILUS_TRACE_CACHE_H

#include "trace/compile.h"

/* The caller frees it. NULL: not to be cached, because the text includes files that may change. */
char *cache_key(const struct compile_source *source);

/* 0, or −errno: it is not there. */
int cache_get(const char *key, struct compiled *ret);

/* Fails silently: a cache that cannot be written is only slow. Keeps the newest 256 files. */
void cache_put(const char *key, const struct compiled *compiled);

/* For what is made of these bytes and the kernel: the path of a file in the same folder, which need not be there yet.
 * The caller frees it. NULL: there is no such folder. */
char *cache_path(const void *bytes, size_t size);

#endif
