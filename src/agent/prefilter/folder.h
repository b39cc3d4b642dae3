/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of lists, one a file, followed: each is told once it is whole, and again when it has become another. The
 * folder need not be there yet.
 */
#ifndef PILUS_AGENT_PREFILTER_FOLDER_H
#define PILUS_AGENT_PREFILTER_FOLDER_H

#include <uv.h>

struct folder;

struct folder_events {
	void (*changed)(void *userdata, const char *name, const char *path);
	void (*removed)(void *userdata, const char *name);
};

/* Tells what is there before it returns. */
struct folder *folder_new(uv_loop_t *loop, const char *path, const struct folder_events *events, void *userdata);
void folder_free(struct folder *folder);

#endif
