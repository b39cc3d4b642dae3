/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The masquerade from user space: its mappings read, aged and flushed, and who is masqueraded as whom. See abi/nat.h.
 */
#ifndef PILUS_DATAPATH_NAT_TABLE_H
#define PILUS_DATAPATH_NAT_TABLE_H

#include "abi/nat.h"
#include "datapath/flow_table.h"
#include "datapath/maps.h"

/* Visits every entry, two for each mapping; a non-zero return ends the walk and is returned. */
int nat_table_each(const struct maps *maps,
                   int (*each)(const struct nat_key *key, const struct nat_entry *entry, void *userdata),
                   void *userdata);

/*
 * Removes what belongs to nothing: mappings whose flow has left the flow table or whose addresses are nobody's here any
 * more, and entries that no mapping needs. The host's own connections have no flow: theirs are idle for as long as a
 * flow may be; and so are all while the flow table is so full that it may have lost some (`flows_lost`). Counts entries
 * in *ret_removed (may be NULL).
 */
int nat_table_age(const struct maps *maps, const struct flow_timeouts *timeouts, bool flows_lost, uint64_t now,
                  uint32_t *ret_removed);

int nat_table_flush(const struct maps *maps, uint32_t *ret_removed);

/* ifindex 0: the prefix is reached without masquerade, and source is ignored. */
int masquerade_set(const struct maps *maps, uint32_t ifindex, const struct prefix *prefix, const struct addr *source);
int masquerade_delete(const struct maps *maps, uint32_t ifindex, const struct prefix *prefix);
int masquerade_each(const struct maps *maps,
                    int (*each)(uint32_t ifindex, const struct prefix *prefix, const struct addr *source,
                                void *userdata),
                    void *userdata);

#endif
