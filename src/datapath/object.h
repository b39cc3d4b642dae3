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

enum object { OBJECT_CONTAINER, OBJECT_OVERLAY, OBJECT_NETDEV, OBJECTS };

/*
 * Loads one. A pinned map of another size is replaced by one with its entries (resize.h); of another layout, by an
 * empty one: what is pinned is made from what the agent knows, or, like flows, is made again by traffic. The caller
 * closes *ret (bpf_object__close).
 */
int object_load(enum object which, const struct datapath_options *options, struct bpf_object **ret,
                struct error *error);

#endif
