/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs have LEARNT, from one set of maps into the next (abi/maps.h). For the files of this folder.
 */
#ifndef PILUS_DATAPATH_CARRY_H
#define PILUS_DATAPATH_CARRY_H

#include "datapath/maps.h"

/* Opens those LEARNT maps in use whose layout is this version's; the others stay closed. */
void carry_open(const char *bpffs, struct maps *ret);

/* Copies what `to` has not yet. What has no room is left out: it is learnt again. */
int carry(const struct maps *from, const struct maps *to);

/* One map. Values may be of different length; of a map with other keys nothing is copied. */
int carry_map(int from, int to);

#endif
