/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One BPF object, from its bytes in this program to loaded: configured, its maps pinned or taken from their pins. For
 * the files of this folder.
 */
#ifndef PILUS_DATAPATH_OBJECT_H
#define PILUS_DATAPATH_OBJECT_H

#include "datapath/datapath.h"

struct bpf_object;
struct bpf_program;

/* OBJECTS of them are always loaded; the last, which asks more of the kernel, where it is wanted. */
enum object {
	OBJECT_CONTAINER,
	OBJECT_OVERLAY,
	OBJECT_NETDEV,
	OBJECT_PREFILTER,
	OBJECT_SOCKET,
	OBJECT_SOCKOPS,
	OBJECTS,
	OBJECT_SK_MSG = OBJECTS,
};

/* What libbpf says goes to our log, at debug, instead of standard error. */
void object_hear_libbpf(void);

/* Reads and configures one; nothing is in the kernel yet. The caller closes *ret (bpf_object__close). */
int object_open(enum object which, const struct datapath_options *options, struct bpf_object **ret,
                struct error *error);

/* Is every map that it needs pinned, as it would make it? */
bool object_fits(const struct bpf_object *object, const char *bpffs);

/* Loads it, with the maps pinned in the folder (pins.h); those that are not there are made and pinned. */
int object_load(struct bpf_object *object, const char *bpffs, const char *folder, struct error *error);

/* Loads them all, each in a thread of its own: the kernel verifies as many at a time as there are CPUs. */
int objects_load(struct bpf_object *const *all, size_t count, const char *bpffs, const char *folder,
                 struct error *error);

#endif
