/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back: what agents have left in the kernel goes. Pods keep their devices, and their files in the state folder:
 * another agent takes them up again.
 */
#include <errno.h>

#include "agent/agent.h"
#include "base/log.h"
#include "http/server.h"
#include "net/link.h"

static int remove_overlay(struct error *error)
{
	_cleanup_(netlink_freep) struct netlink *netlink = NULL;
	struct link link;
	int result;

	result = netlink_open(NULL, &netlink, error);
	if (!result)
		result = link_get(netlink, OVERLAY_DEVICE, &link, error);
	if (result == -ENODEV)
		return 0;
	return result ? result : link_delete(netlink, link.ifindex, error);
}

int agent_remove(const struct config *config, struct error *error)
{
	struct http_server *http = NULL;
	uv_loop_t loop;
	int result;

	uv_loop_init(&loop);
	/* While we have the socket, no agent starts. */
	result = http_server_new(&loop, config->socket, NULL, 0, NULL, &http, error);
	if (!result)
		result = datapath_remove(config->bpffs, error);
	if (!result)
		result = remove_overlay(error);
	if (http)
		http_server_free(http);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	if (!result)
		log_info("the datapath is removed: pods have no network until an agent runs again");
	return result;
}
