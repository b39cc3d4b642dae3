/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/node/presence.h"

#include <string.h>
#include <uthash.h>

#include "agent/health/probe.h"
#include "agent/ipcache/publications.h"
#include "base/log.h"
#include "base/memory.h"

#define FOLDER   "alive/"
#define PROBE_MS 1000 /* a silent node is probed so often; one probe has three echoes, a second apart */

struct peer {
	struct presence *presence;
	struct node_info info;
	bool alive; /* says the store */
	bool here;
	uint64_t gone_since;
	struct probe *probe;
	UT_hash_handle hh;
};

struct presence {
	uv_loop_t *loop;
	const struct config *config;
	struct publications *publications;
	struct store_watch *watch;
	json_t *alive; /* names, of nodes that are not known yet as well */
	struct peer *peers;
	struct presence_events events;
	void *userdata;
	uv_timer_t timer; /* while somebody is silent */
};

/* ── one node ── */

static struct peer *peer_find(const struct presence *presence, const char *name)
{
	struct peer *peer;

	HASH_FIND_STR(presence->peers, name, peer);
	return peer;
}

static void peer_is_here(struct peer *peer)
{
	peer->here = true;
	peer->presence->events.here(peer->presence->userdata, &peer->info);
}

static void peer_is_gone(struct peer *peer, const char *reason)
{
	log_info("node %s says nothing and does not answer pings: %s", peer->info.name, reason);
	peer->here = false;
	peer->gone_since = uv_now(peer->presence->loop);
	peer->presence->events.gone(peer->presence->userdata, peer->info.name);
}

static void on_probed(void *userdata, const struct probe_answer *answer)
{
	struct peer *peer = userdata;

	peer->probe = NULL;
	if (!answer->error.code && !peer->here)
		peer_is_here(peer);
	else if (answer->error.code && peer->here)
		peer_is_gone(peer, answer->error.message);
}

static void stop_probing(struct peer *peer)
{
	probe_cancel(peer->probe);
	peer->probe = NULL;
}

bool presence_is_first(const struct presence *presence)
{
	const char *name;
	json_t *value;

	json_object_foreach (presence->alive, name, value) {
		if (strcmp(name, presence->config->node_name) < 0)
			return false;
	}
	return true;
}

static void peer_check(struct peer *peer)
{
	struct presence *presence = peer->presence;
	const struct probe_target target = {.kind = PROBE_ICMP, .addr = peer->info.address[FAMILY_V4]};
	uint64_t patience = presence->config->forget_after * UINT64_C(1000);

	if (!peer->probe)
		peer->probe = probe_start(presence->loop, &target, on_probed, peer);
	if (peer->here || !patience || uv_now(presence->loop) - peer->gone_since < patience ||
	    !presence_is_first(presence))
		return;
	peer->gone_since = uv_now(presence->loop); /* should the store not hear of it, it is told again */
	presence->events.forgotten(presence->userdata, peer->info.name);
}

static void on_timer(uv_timer_t *timer)
{
	struct presence *presence = timer->data;
	struct peer *peer, *next;
	bool silent = false;

	HASH_ITER (hh, presence->peers, peer, next) {
		if (!peer->alive) {
			silent = true;
			peer_check(peer);
		}
	}
	if (!silent)
		uv_timer_stop(timer);
}

static void peer_is_silent(struct peer *peer)
{
	uv_timer_t *timer = &peer->presence->timer;

	peer->alive = false;
	if (!uv_is_active((uv_handle_t *)timer))
		uv_timer_start(timer, on_timer, PROBE_MS, PROBE_MS);
}

static void peer_free(struct presence *presence, struct peer *peer)
{
	stop_probing(peer);
	HASH_DEL(presence->peers, peer);
	free(peer->info.name);
	free(peer);
}

/* ── what nodes say of themselves ── */

/* Of one that says nothing yet we believe the best: it may be about to. */
void presence_set(struct presence *presence, const struct node_info *info)
{
	struct peer *peer = peer_find(presence, info->name);
	bool known = peer;
	char *name;

	if (!known) {
		peer = xnew(struct peer);
		peer->presence = presence;
		peer->here = true;
		peer->info.name = xstrdup(info->name);
		HASH_ADD_KEYPTR(hh, presence->peers, peer->info.name, strlen(peer->info.name), peer);
	}
	name = peer->info.name;
	peer->info = *info;
	peer->info.name = name;
	stop_probing(peer);
	peer->alive = json_object_get(presence->alive, name);
	if (!peer->alive)
		peer_is_silent(peer);
	if (peer->here || peer->alive)
		peer_is_here(peer);
}

void presence_remove(struct presence *presence, const char *name)
{
	struct peer *peer = peer_find(presence, name);

	if (!peer)
		return;
	if (peer->here)
		presence->events.gone(presence->userdata, name);
	peer_free(presence, peer);
}

bool presence_is_silent(const struct presence *presence, const char *name)
{
	const struct peer *peer = peer_find(presence, name);

	return peer && !peer->alive;
}

static void on_set(void *userdata, const char *key, json_t *value)
{
	struct presence *presence = userdata;
	const char *name = key + strlen(FOLDER);
	struct peer *peer = peer_find(presence, name);

	json_object_set_new(presence->alive, name, json_true());
	if (!strcmp(name, presence->config->node_name))
		publications_seen(presence->publications, key, value);
	if (!peer)
		return;
	stop_probing(peer);
	peer->alive = true;
	if (!peer->here)
		peer_is_here(peer);
}

static void on_removed(void *userdata, const char *key)
{
	struct presence *presence = userdata;
	const char *name = key + strlen(FOLDER);
	struct peer *peer = peer_find(presence, name);

	json_object_del(presence->alive, name);
	if (!strcmp(name, presence->config->node_name))
		publications_gone(presence->publications, key);
	if (!peer)
		return;
	log_info("the agent of node %s says nothing any more: its host is asked", name);
	peer_is_silent(peer);
}

static void on_synced(void *userdata)
{
}

static void on_broken(void *userdata, const char *key, const struct error *error)
{
	log_warning("%s", error->message);
}

static void on_renewed(void *userdata)
{
	struct presence *presence = userdata;

	publications_renew(presence->publications);
}

/* ── the whole ── */

static void publish(struct presence *presence)
{
	const char *name = presence->config->node_name;
	char *key = xasprintf(FOLDER "%s", name);

	publications_set(presence->publications, key, json_pack("{s:s}", "node", name));
	free(key);
}

struct presence *presence_new(uv_loop_t *loop, struct store *store, const struct config *config,
                              const struct presence_events *events, void *userdata)
{
	static const struct store_watcher watcher = {on_set, on_removed, on_synced, on_broken, on_renewed};
	struct presence *presence = xnew(struct presence);

	presence->loop = loop;
	presence->config = config;
	presence->events = *events;
	presence->userdata = userdata;
	presence->alive = json_object();
	uv_timer_init(loop, &presence->timer);
	presence->timer.data = presence;
	presence->publications = publications_new(loop, store, store_put_leased);
	presence->watch = store_watch(store, FOLDER, &watcher, presence);
	publish(presence);
	return presence;
}

static void timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void presence_free(struct presence *presence)
{
	struct peer *peer, *next;

	store_watch_close(presence->watch);
	publications_free(presence->publications);
	HASH_ITER (hh, presence->peers, peer, next)
		peer_free(presence, peer);
	json_decref(presence->alive);
	uv_close((uv_handle_t *)&presence->timer, timer_closed);
}
