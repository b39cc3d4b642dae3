/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are pinned: BPFFS/pilus/maps/NAME_vLAYOUT, BPFFS/pilus/links/DEVICE_HOOK and
 * BPFFS/pilus/cgroup/PROGRAM; and in BPFFS/pilus/next, the set of maps that is going to take over (abi/maps.h). For the
 * files of this folder.
 */
#ifndef PILUS_DATAPATH_PINS_H
#define PILUS_DATAPATH_PINS_H

#include "base/error.h"

#define PIN_MAPS   "maps"
#define PIN_NEXT   "next"
#define PIN_LINKS  "links"
#define PIN_CGROUP "cgroup"

/* "pilus_flows_v1" of "pilus_flows"; NULL: there is no such map. */
const char *pin_name(const char *map);

/* The caller frees it. name NULL: the folder. */
char *pin_path(const char *bpffs, const char *folder, const char *name);

/* Makes the folders of links, and ends what a crash left half-done; refuses where no BPF file system is mounted. */
int pins_prepare(const char *bpffs, struct error *error);

/* Makes a folder of maps. */
int pins_make(const char *bpffs, const char *folder, struct error *error);

/* Visits the names in a folder; no such folder has none. A non-zero return ends it and is returned. */
int pins_each(const char *bpffs, const char *folder, int (*each)(const char *name, void *userdata), void *userdata);

/* What is in `next` becomes `maps`. Programs that use the old ones keep them. */
int pins_take_over(const char *bpffs, struct error *error);

/* Removes all pins and the folders. */
int pins_remove(const char *bpffs, struct error *error);

#endif
