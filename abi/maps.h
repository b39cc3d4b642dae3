/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Every pinned map: its name without "pilus_", the number of its layout, and whether it is TOLD by the agent, LEARNT
 * by the programs, or LIVE: about this moment. The order is that of `pilus map list`. The pin is
 * BPFFS/pilus/maps/pilus_NAME_vLAYOUT.
 *
 * The maps in use are a set. Programs that find all of it as they would make it go on with it. If one map has another
 * layout, type or size, or is missing, they get a whole new set, which takes over as soon as it is filled: the agent
 * writes what is TOLD anew, and what is LEARNT is copied as long as the layout has the same number.
 *
 * Packets that are not sent (node_config.dry_run) share what is TOLD, and write nothing there; the rest they have of
 * their own.
 *
 * Raise the number when a value written before would be misread now. A field that is appended, or takes reserved space,
 * needs no new one if 0 says that it is not known.
 */
#ifndef PILUS_ABI_MAPS_H
#define PILUS_ABI_MAPS_H

#define PILUS_MAPS(X)              \
	X(flows, 2, LEARNT)        \
	X(endpoints, 2, TOLD)      \
	X(devices, 1, TOLD)        \
	X(local, 1, TOLD)          \
	X(ipcache, 1, TOLD)        \
	X(nodes, 1, TOLD)          \
	X(node_ids, 1, TOLD)       \
	X(fragments, 1, LEARNT)    \
	X(nat, 1, LEARNT)          \
	X(service_nat, 1, LEARNT)  \
	X(masquerade, 1, TOLD)     \
	X(policy, 1, TOLD)         \
	X(policy_cidrs, 1, TOLD)   \
	X(services, 1, TOLD)       \
	X(service_slots, 1, TOLD)  \
	X(backends, 1, TOLD)       \
	X(source_ranges, 1, TOLD)  \
	X(affinity, 1, LEARNT)     \
	X(socket_peers, 1, LEARNT) \
	X(namespaces, 1, TOLD)     \
	X(sockets, 1, LIVE)        \
	X(receivers, 1, LIVE)      \
	X(prefilter, 1, TOLD)      \
	X(metrics, 1, LIVE)        \
	X(events, 2, LIVE)         \
	X(state, 1, LIVE)

#endif
