/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd_lease.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "store/etcd_key.h"

#define SECONDS  20
#define RENEW_MS 5000

struct etcd_lease {
	struct etcd_link *link;
	char *id;
	struct etcd_call *grant, *renewal;
	etcd_lease_granted granted;
	void *userdata; /* of granted */
	void (*lost)(void *userdata);
	void *lost_userdata;
	uv_timer_t timer;
};

static void renew(uv_timer_t *timer);

/* Who could not be reached says nothing of the lease: the call was for ever, so this is etcd's own word. */
static void on_renewed(void *userdata, const json_t *answer, const struct error *error)
{
	struct etcd_lease *lease = userdata;

	lease->renewal = NULL;
	if (error->code == -ENOENT || (answer && !etcd_number(json_object_get(answer, "result"), "TTL")))
		etcd_lease_lost(lease);
	else
		uv_timer_start(&lease->timer, renew, RENEW_MS, 0);
}

static void renew(uv_timer_t *timer)
{
	struct etcd_lease *lease = timer->data;

	lease->renewal = etcd_ask(lease->link, "lease/keepalive", json_pack("{s:s}", "ID", lease->id), ETCD_FOR_EVER,
	                          on_renewed, lease);
}

static void on_granted(void *userdata, const json_t *answer, const struct error *error)
{
	struct etcd_lease *lease = userdata;
	const char *id = json_string_value(json_object_get(answer, "ID"));
	struct error problem = *error;

	lease->grant = NULL;
	if (id) {
		lease->id = xstrdup(id);
		uv_timer_start(&lease->timer, renew, RENEW_MS, 0);
	} else if (!problem.code) {
		error_set(&problem, -EPROTO, "store etcd at %s: granted a lease without a number",
		          etcd_link_member(lease->link));
	}
	lease->granted(lease->userdata, &problem);
}

void etcd_lease_grant(struct etcd_lease *lease, uint64_t deadline, etcd_lease_granted granted, void *userdata)
{
	lease->granted = granted;
	lease->userdata = userdata;
	lease->grant = etcd_ask(lease->link, "lease/grant", json_pack("{s:o}", "TTL", etcd_number_new(SECONDS)),
	                        deadline, on_granted, lease);
}

static void give_up(struct etcd_lease *lease)
{
	uv_timer_stop(&lease->timer);
	etcd_call_cancel(lease->renewal);
	lease->renewal = NULL;
	free(lease->id);
	lease->id = NULL;
}

void etcd_lease_lost(struct etcd_lease *lease)
{
	give_up(lease);
	lease->lost(lease->lost_userdata);
}

const char *etcd_lease_id(const struct etcd_lease *lease)
{
	return lease->id;
}

struct etcd_lease *etcd_lease_new(struct etcd_link *link, void (*lost)(void *userdata), void *userdata)
{
	struct etcd_lease *lease = xnew(struct etcd_lease);

	lease->link = link;
	lease->lost = lost;
	lease->lost_userdata = userdata;
	uv_timer_init(etcd_link_loop(link), &lease->timer);
	lease->timer.data = lease;
	return lease;
}

static void timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void etcd_lease_free(struct etcd_lease *lease)
{
	give_up(lease);
	etcd_call_cancel(lease->grant);
	uv_close((uv_handle_t *)&lease->timer, timer_closed);
}
