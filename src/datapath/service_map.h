/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps of services, as the agent writes them and everyone reads them: see abi/service.h, also for the order of
 * writing. All functions return 0 or −errno; deleting what is not there is success. None of this needs a new epoch.
 */
#ifndef PILUS_DATAPATH_SERVICE_MAP_H
#define PILUS_DATAPATH_SERVICE_MAP_H

#include "abi/service.h"
#include "datapath/maps.h"

/* Frontends. Setting one switches it to another set, all at once. -ENOENT: there is none. */
int service_map_set(const struct maps *maps, const struct service_key *key, const struct service *service);
int service_map_get(const struct maps *maps, const struct service_key *key, struct service *ret);
int service_map_delete(const struct maps *maps, const struct service_key *key);
int service_map_each(const struct maps *maps,
                     int (*each)(const struct service_key *key, const struct service *service, void *userdata),
                     void *userdata);

/* The slots of a set: backend ids. A set is written whole under a number not in use, and deleted whole; after a failure
 * to write, delete it. Reading fills as many as there are room for. */
int service_slots_set(const struct maps *maps, uint32_t set, const uint32_t *backends, uint32_t count);
int service_slots_get(const struct maps *maps, uint32_t set, uint32_t *ret_backends, uint32_t count);
int service_slots_delete(const struct maps *maps, uint32_t set, uint32_t count);

/* Every set there is, slot by slot in entries: to find those that an earlier agent has left. */
int service_slots_each(const struct maps *maps,
                       int (*each)(const struct service_slot_key *key, const struct service_slots *slots,
                                   void *userdata),
                       void *userdata);

/* Setting one that is there changes it in place: its state, while connections go on. */
int backend_map_set(const struct maps *maps, uint32_t id, const struct backend *backend);
int backend_map_set_many(const struct maps *maps, const uint32_t *ids, const struct backend *backends, uint32_t count);
int backend_map_get(const struct maps *maps, uint32_t id, struct backend *ret);
int backend_map_delete(const struct maps *maps, uint32_t id);
int backend_map_each(const struct maps *maps, int (*each)(uint32_t id, const struct backend *backend, void *userdata),
                     void *userdata);

/* Whom a service (its number) serves on the uplinks. */
int source_range_set(const struct maps *maps, uint32_t service, const struct prefix *prefix);
int source_range_delete(const struct maps *maps, uint32_t service, const struct prefix *prefix);
int source_range_each(const struct maps *maps,
                      int (*each)(uint32_t service, const struct prefix *prefix, void *userdata), void *userdata);

/* Learnt by the programs. */
int affinity_each(const struct maps *maps,
                  int (*each)(const struct affinity_key *key, const struct affinity *affinity, void *userdata),
                  void *userdata);
int socket_peer_each(const struct maps *maps,
                     int (*each)(const struct socket_peer_key *key, const struct socket_peer *peer, void *userdata),
                     void *userdata);

#endif
