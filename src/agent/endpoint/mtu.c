/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods' MTU follows the underlay's: the node's, or what the pod asked for as long as that fits. A pod that cannot be
 * given the new one (its namespace bars the way) still learns how much fits from the answers to what is too big.
 */
#include "agent/endpoint/entry.h"
#include "base/log.h"

uint32_t endpoint_mtu(const struct endpoint_entry *entry)
{
	uint32_t most = entry->endpoints->services.pod_mtu, asked = entry->spec.mtu;

	return asked && asked < most ? asked : most;
}

void endpoint_fit_mtu(struct endpoint_entry *entry)
{
	const struct pod_place place = {.netns = entry->spec.netns, .interface = entry->spec.interface};
	uint32_t mtu = endpoint_mtu(entry);
	struct error error = {};

	if (!entry->wired || entry->link.mtu == mtu)
		return;
	if (pod_link_set_mtu(&entry->link, &place, entry->endpoints->services.netlink, mtu, &error) ||
	    endpoint_file_write(entry, &error)) {
		log_warning("endpoint %u: its MTU cannot be set to %u: %s", entry->id, mtu, error.message);
		endpoint_tell(entry, entry->state, ENDPOINT_WARNING, "MTU cannot be set to %u: %s", mtu, error.message);
		return;
	}
	endpoint_tell(entry, entry->state, ENDPOINT_OK, "MTU is %u", mtu);
}

void endpoints_set_mtu(struct endpoints *endpoints, uint32_t pod_mtu)
{
	struct endpoint_entry *entry;

	endpoints->services.pod_mtu = pod_mtu;
	endpoints_foreach (endpoints, entry)
		endpoint_fit_mtu(entry);
}
