/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a pod's wire away without an agent: deleting one end of a veth deletes both. What is no veth is not ours.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cni/cni.h"
#include "net/link.h"

bool cni_netns_is_ours(const char *netns)
{
	struct stat ours, theirs;

	return !stat("/proc/self/ns/net", &ours) && !stat(netns, &theirs) && ours.st_dev == theirs.st_dev &&
	       ours.st_ino == theirs.st_ino;
}

static int delete_veth(struct netlink *netlink, const struct link *link, struct error *error)
{
	if (strcmp(link->kind, "veth") != 0 || !link_delete(netlink, link->ifindex, error))
		return 0;
	return CNI_IO_FAILURE;
}

/* A namespace that is gone took its interfaces along. */
static int detach_in(const char *netns, const char *interface, struct error *error)
{
	_cleanup_netlink_ struct netlink *netlink = NULL;
	struct link link;
	int result;

	if (cni_netns_is_ours(netns))
		return 0;
	result = netlink_open(netns, &netlink, error);
	if (result == -EPERM || result == -EACCES)
		return CNI_IO_FAILURE;
	if (result < 0 || link_get(netlink, interface, &link, NULL) < 0)
		return 0;
	return delete_veth(netlink, &link, error);
}

/* Names of devices are used again: it is the one of prevResult only with the MAC that it had. */
static int detach_host_end(const json_t *interface, struct error *error)
{
	const char *name = json_string_value(json_object_get(interface, "name"));
	const char *sandbox = json_string_value(json_object_get(interface, "sandbox"));
	const char *mac = json_string_value(json_object_get(interface, "mac"));
	_cleanup_netlink_ struct netlink *netlink = NULL;
	struct link link;
	uint8_t bytes[6];

	if (!name || (sandbox && *sandbox) || !mac || mac_parse(mac, bytes) < 0)
		return 0;
	if (netlink_open(NULL, &netlink, error) < 0)
		return CNI_IO_FAILURE;
	if (link_get(netlink, name, &link, NULL) < 0 || memcmp(link.mac, bytes, sizeof(bytes)) != 0)
		return 0;
	return delete_veth(netlink, &link, error);
}

int cni_detach(const struct cni_config *config, const struct cni_environment *environment, struct error *error)
{
	json_t *interface;
	int code = 0;
	size_t i;

	if (environment->netns)
		return detach_in(environment->netns, environment->interface, error);
	json_array_foreach (json_object_get(config->previous, "interfaces"), i, interface)
		code = code ?: detach_host_end(interface, error);
	return code;
}
