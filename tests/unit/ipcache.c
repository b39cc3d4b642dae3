/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On a real map and a real store; the nodes are the test's own.
 */
#include "loop.h"

#include <errno.h>

#include "agent/ipcache/ipcache.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "map_fakes.h"

static struct scene {
	struct maps maps;
	struct store *store;
	struct identities *identities;
	struct ipcache *ipcache;
	struct node_info b;
	bool b_is_known;
	int upserts, deletions, settlements;
	char last_node[16];
} scene;

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct prefix prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

const struct node_info *__wrap_nodes_find(const struct nodes *nodes, const char *name)
{
	static struct node_info local = {.name = (char *)"a"};

	local.address[FAMILY_V4] = addr("10.99.0.1");
	local.router[FAMILY_V4] = addr("10.1.0.1");
	local.router[FAMILY_V6] = addr("fd00:1::1");
	local.pod_cidr[FAMILY_V4] = prefix("10.1.0.0/24");
	if (!strcmp(name, "a"))
		return &local;
	return scene.b_is_known && !strcmp(name, "b") ? &scene.b : NULL;
}

static int enter(void **state)
{
	scene = (struct scene){.b = {.name = (char *)"b", .id = 5}};
	scene.b.address[FAMILY_V4] = addr("10.99.0.2");
	scene.b.pod_cidr[FAMILY_V4] = prefix("10.2.0.0/24");
	scene.b.pod_cidr[FAMILY_V6] = prefix("fd00:2::/112");
	scene.b.router[FAMILY_V4] = addr("10.2.0.1");
	scene.b.router[FAMILY_V6] = addr("fd00:2::1");
	if (loop_setup(state))
		return -1;
	if (geteuid() == 0)
		scene.maps = maps_fake();
	return 0;
}

static int leave(void **state)
{
	maps_close(&scene.maps);
	return loop_teardown(state);
}

static void on_upserted(void *userdata, const struct prefix *changed, uint32_t identity, const char *node)
{
	scene.upserts++;
	snprintf(scene.last_node, sizeof(scene.last_node), "%s", node ? node : "");
}

static void on_deleted(void *userdata, const struct prefix *changed)
{
	scene.deletions++;
}

static void on_settled(void *userdata)
{
	scene.settlements++;
}

static void start(void)
{
	static const struct ipcache_events events = {on_upserted, on_deleted, on_settled};
	_cleanup_free_ char *url = xasprintf("dir:%s", folder);

	scene.upserts = scene.deletions = scene.settlements = 0;
	assert_int_equal(store_open(&loop, url, &(struct store_access){}, &scene.store, NULL), 0);
	scene.identities = identities_new(scene.store, NULL, NULL);
	scene.ipcache = ipcache_new(&(struct ipcache_services){&loop, &scene.maps, scene.store, scene.identities, NULL},
	                            "a", &events, NULL);
}

static void stop(void)
{
	ipcache_free(scene.ipcache);
	identities_free(scene.identities);
	store_close(scene.store);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static void b_comes(void)
{
	scene.b_is_known = true;
	ipcache_node_changed(scene.ipcache, &scene.b);
}

static char *ip_path(const char *address)
{
	return xasprintf("%s/ips/%s.json", folder, address);
}

static void write_text(const char *address, const char *text)
{
	_cleanup_free_ char *path = ip_path(address), *below = xasprintf("%s/ips", folder);

	assert_int_equal(folder_make(below, 0700), 0);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

static void write_ip(const char *address, int identity, const char *node)
{
	_cleanup_free_ char *text =
		xasprintf("{\"address\": \"%s\", \"identity\": %d, \"node\": \"%s\"}", address, identity, node);

	write_text(address, text);
}

static void delete_ip(const char *address)
{
	_cleanup_free_ char *path = ip_path(address);

	assert_int_equal(file_delete(path), 0);
}

static bool is_stored(const char *address)
{
	_cleanup_free_ char *path = ip_path(address);

	return !access(path, F_OK);
}

/* The map's own entry of the prefix, not the longest match; identity 0: there is none. */
struct lookup {
	struct prefix wanted;
	struct ipcache_entry found;
};

static int visit(const struct prefix *found, const struct ipcache_entry *entry, void *userdata)
{
	struct lookup *lookup = userdata;

	if (found->bits == lookup->wanted.bits && addr_equal(&found->addr, &lookup->wanted.addr))
		lookup->found = *entry;
	return 0;
}

static struct ipcache_entry entry(const char *text)
{
	struct lookup lookup = {.wanted = prefix(text)};

	assert_int_equal(ipcache_each(&scene.maps, visit, &lookup), 0);
	return lookup.found;
}

static void assert_entry(const char *text, uint32_t identity, uint16_t node)
{
	struct ipcache_entry found = entry(text);

	if (found.identity != identity || found.node != node)
		fail_msg("%s is %u behind node %u, not %u behind %u", text, found.identity, found.node, identity, node);
}

static void publish(const char *address, uint32_t identity)
{
	const struct ipcache_publication publication = {.addr = addr(address), .identity = identity, .pod = "web-1"};

	ipcache_publish(scene.ipcache, &publication);
}

static void withdraw(const char *address)
{
	struct addr gone = addr(address);

	ipcache_withdraw(scene.ipcache, &gone);
}

static void the_host_and_the_world_are_there_at_once(void **state)
{
	if (!scene.maps.live)
		skip();
	start();
	assert_entry("0.0.0.0/0", IDENTITY_WORLD, 0);
	assert_entry("::/0", IDENTITY_WORLD, 0);
	assert_entry("10.99.0.1", IDENTITY_HOST, 0);
	assert_entry("10.1.0.1", IDENTITY_HOST, 0);
	assert_entry("fd00:1::1", IDENTITY_HOST, 0);
	assert_int_equal(entry("10.1.0.0/24").identity, 0);
	stop();
}

static void nodes_are_entered_and_withdrawn(void **state)
{
	uint32_t epoch;

	if (!scene.maps.live)
		skip();
	start();
	epoch = scene.maps.live->epoch;
	b_comes();
	assert_int_not_equal(scene.maps.live->epoch, epoch);
	assert_entry("10.99.0.2", IDENTITY_REMOTE_NODE, 5); /* what pods send there goes through the overlay */
	assert_entry("10.2.0.1", IDENTITY_REMOTE_NODE, 5);
	assert_entry("fd00:2::1", IDENTITY_REMOTE_NODE, 5);
	assert_entry("10.2.0.0/24", IDENTITY_WORLD, 5);
	assert_entry("fd00:2::/112", IDENTITY_WORLD, 5);

	scene.b.address[FAMILY_V4] = addr("10.99.0.7");
	scene.b.pod_cidr[FAMILY_V6] = (struct prefix){};
	scene.b.router[FAMILY_V6] = (struct addr){};
	b_comes();
	assert_int_equal(entry("10.99.0.2").identity, 0);
	assert_int_equal(entry("fd00:2::/112").identity, 0);
	assert_int_equal(entry("fd00:2::1").identity, 0);
	assert_entry("10.99.0.7", IDENTITY_REMOTE_NODE, 5);

	scene.b_is_known = false;
	ipcache_node_removed(scene.ipcache, &scene.b);
	assert_int_equal(entry("10.99.0.7").identity, 0);
	assert_int_equal(entry("10.2.0.0/24").identity, 0);
	assert_entry("0.0.0.0/0", IDENTITY_WORLD, 0);
	stop();
}

static void others_endpoints_wait_for_their_node(void **state)
{
	if (!scene.maps.live)
		skip();
	start();
	write_ip("10.2.0.7", 300, "b");
	write_ip("fd00:2::7", 300, "b");
	write_ip("10.3.0.7", 301, "c");
	b_comes();
	assert_eventually(entry("10.2.0.7").identity && entry("fd00:2::7").identity);
	assert_entry("10.2.0.7", 300, 5);
	assert_int_equal(entry("10.3.0.7").identity, 0);
	assert_string_equal(scene.last_node, "b");
	write_ip("10.2.0.7", 302, "b");
	assert_eventually(entry("10.2.0.7").identity == 302);
	delete_ip("10.2.0.7");
	assert_eventually(!entry("10.2.0.7").identity);

	scene.b_is_known = false;
	ipcache_node_removed(scene.ipcache, &scene.b);
	assert_int_equal(entry("fd00:2::7").identity, 0);
	b_comes(); /* and what it had published is there again */
	assert_entry("fd00:2::7", 300, 5);
	stop();
}

static void own_endpoints_are_entered_at_once_and_published(void **state)
{
	_cleanup_free_ char *path = ip_path("10.1.0.7"), *text = NULL;
	json_t *value;

	if (!scene.maps.live)
		skip();
	start();
	ipcache_restored(scene.ipcache);
	publish("10.1.0.7", 300);
	assert_entry("10.1.0.7", 300, 0);
	assert_eventually(is_stored("10.1.0.7"));
	value = json_load_file(path, 0, NULL);
	text = json_dumps(value, JSON_COMPACT);
	assert_string_equal(text, "{\"address\":\"10.1.0.7\",\"identity\":300,\"node\":\"a\",\"pod\":\"web-1\","
	                          "\"namespace\":null,\"labels\":null}");
	json_decref(value);
	publish("10.1.0.7", 301);
	assert_entry("10.1.0.7", 301, 0);
	withdraw("10.1.0.7");
	assert_int_equal(entry("10.1.0.7").identity, 0);
	assert_eventually(!is_stored("10.1.0.7"));
	withdraw("10.1.0.7");
	stop();
	assert_false(is_stored("10.1.0.7"));
}

static bool is_whole(const char *address)
{
	_cleanup_free_ char *path = ip_path(address);
	json_t *value = json_load_file(path, 0, NULL);
	const char *stored = json_string_value(json_object_get(value, "address"));
	bool whole = stored && !strcmp(stored, address);

	json_decref(value);
	return whole;
}

static void the_store_is_told_again(void **state)
{
	if (!scene.maps.live)
		skip();
	start();
	ipcache_restored(scene.ipcache);
	publish("10.1.0.7", 300); /* written once: no other write is on its way */
	assert_eventually(is_stored("10.1.0.7"));
	delete_ip("10.1.0.7");
	assert_false(is_stored("10.1.0.7"));
	assert_eventually(is_stored("10.1.0.7"));
	write_ip("10.1.0.8", 300, "a"); /* nobody's */
	assert_eventually(!is_stored("10.1.0.8"));
	write_text("10.1.0.7", "nonsense");
	assert_eventually(is_whole("10.1.0.7"));
	write_text("10.1.0.7", "{\"address\": \"10.1.0.9\"}");
	assert_eventually(is_whole("10.1.0.7"));
	assert_entry("10.1.0.7", 300, 0);
	stop();
}

static bool store_fails(void)
{
	json_t *status = store_status(scene.store);
	bool fails = !strcmp(json_string_value(json_object_get(status, "state")), "Failure");

	json_decref(status);
	return fails;
}

static void a_store_that_cannot_be_written_is_told_later(void **state)
{
	_cleanup_free_ char *below = xasprintf("%s/ips", folder);

	if (!scene.maps.live)
		skip();
	assert_int_equal(file_write_atomic(below, "", 0, 0600), 0); /* where the folder must be */
	start();
	ipcache_restored(scene.ipcache);
	publish("10.1.0.7", 300);
	assert_eventually(store_fails());
	assert_int_equal(unlink(below), 0);
	assert_eventually(is_stored("10.1.0.7"));
	stop();
}

static void a_restart_drops_nothing_that_is_still_there(void **state)
{
	if (!scene.maps.live)
		skip();
	start();
	ipcache_restored(scene.ipcache);
	b_comes();
	publish("10.1.0.7", 300);
	publish("10.1.0.8", 300);
	write_ip("10.2.0.7", 301, "b");
	write_ip("10.2.0.8", 301, "b");
	assert_eventually(entry("10.2.0.7").identity && entry("10.2.0.8").identity && is_stored("10.1.0.8") &&
	                  is_stored("10.1.0.7"));
	stop();
	delete_ip("10.2.0.8");
	scene.b_is_known = false;

	start();
	assert_entry("10.2.0.7", 301, 5);
	assert_entry("10.2.0.8", 301, 5);
	assert_entry("10.1.0.8", 300, 0);
	publish("10.1.0.7", 300);
	ipcache_restored(scene.ipcache);
	assert_entry("10.1.0.8", 300, 0);
	assert_eventually(!is_stored("10.1.0.8"));
	assert_entry("10.2.0.8", 301, 5); /* the nodes are not known yet */
	assert_int_equal(scene.deletions, 0);
	b_comes();
	assert_int_equal(scene.settlements, 0);
	ipcache_nodes_synced(scene.ipcache);
	assert_int_equal(scene.settlements, 1);
	assert_int_equal(entry("10.2.0.8").identity, 0);
	assert_int_equal(entry("10.1.0.8").identity, 0);
	assert_entry("10.2.0.7", 301, 5);
	assert_entry("10.2.0.0/24", IDENTITY_WORLD, 5);
	assert_entry("10.1.0.7", 300, 0);
	assert_int_equal(scene.upserts, 0); /* all was as it should be */
	assert_int_equal(scene.deletions, 2);
	stop();
}

static void another_node_cannot_take_an_address(void **state)
{
	if (!scene.maps.live)
		skip();
	start();
	b_comes();
	ipcache_restored(scene.ipcache);
	publish("10.1.0.7", 300);
	assert_eventually(is_stored("10.1.0.7"));
	write_ip("10.1.0.7", 301, "b");
	write_ip("10.2.0.9", 302, "b");
	assert_eventually(entry("10.2.0.9").identity);
	assert_entry("10.1.0.7", 300, 0);
	withdraw("10.1.0.7");
	assert_entry("10.1.0.7", 301, 5); /* now it may be so */
	stop();
	assert_true(is_stored("10.1.0.7"));
}

static void bad_objects_are_ignored(void **state)
{
	if (!scene.maps.live)
		skip();
	start();
	b_comes();
	write_text("10.2.0.2", "{\"address\": \"10.2.0.3\", \"identity\": 300, \"node\": \"b\"}");
	write_text("10.2.0.3", "{\"address\": \"10.2.0.3\", \"identity\": 0, \"node\": \"b\"}");
	write_text("10.2.0.4", "{\"address\": \"10.2.0.4\", \"identity\": 16777216, \"node\": \"b\"}");
	write_text("10.2.0.5", "{\"address\": \"10.2.0.5\", \"identity\": 300}");
	write_text("nonsense", "{\"address\": \"nonsense\", \"identity\": 300, \"node\": \"b\"}");
	write_text("10.2.0.6", "[");
	write_ip("10.2.0.9", 300, "b");
	assert_eventually(entry("10.2.0.9").identity);
	for (int i = 2; i < 7; i++) {
		_cleanup_free_ char *text = xasprintf("10.2.0.%d", i);

		assert_int_equal(entry(text).identity, 0);
	}
	delete_ip("nonsense");
	delete_ip("10.2.0.9");
	assert_eventually(!entry("10.2.0.9").identity);
	stop();
}

static void all_are_listed(void **state)
{
	static const char *const expected[] = {
		"{\"cidr\":\"0.0.0.0/0\",\"identity\":2,\"labels\":[\"reserved:world\"],\"source\":\"reserved\","
		"\"node\":null,\"pod\":null}",
		"{\"cidr\":\"10.1.0.1/32\",\"identity\":1,\"labels\":[\"reserved:host\"],\"source\":\"node\","
		"\"node\":\"a\",\"pod\":null}",
		"{\"cidr\":\"10.1.0.7/32\",\"identity\":300,\"labels\":[],\"source\":\"endpoint\","
		"\"node\":\"a\",\"pod\":\"web-1\"}",
		"{\"cidr\":\"10.2.0.6/32\",\"identity\":302,\"labels\":[],\"source\":\"store\","
		"\"node\":\"b\",\"pod\":\"away/far\"}",
		"{\"cidr\":\"10.2.0.7/32\",\"identity\":301,\"labels\":[],\"source\":\"store\","
		"\"node\":\"b\",\"pod\":null}",
	};
	json_t *list, *ip;
	size_t at, matches = 0;

	if (!scene.maps.live)
		skip();
	start();
	b_comes();
	publish("10.1.0.7", 300);
	write_text("10.2.0.6", "{\"address\": \"10.2.0.6\", \"identity\": 302, \"node\": \"b\", \"pod\": \"far\", "
	                       "\"namespace\": \"away\"}");
	write_ip("10.2.0.7", 301, "b");
	assert_eventually(entry("10.2.0.6").identity && entry("10.2.0.7").identity);
	list = ipcache_to_json(scene.ipcache);
	assert_int_equal(json_array_size(list), 13);
	json_array_foreach (list, at, ip) {
		_cleanup_free_ char *text = json_dumps(ip, JSON_COMPACT);

		if (matches < sizeof(expected) / sizeof(*expected))
			matches += !strcmp(text, expected[matches]);
	}
	assert_int_equal(matches, sizeof(expected) / sizeof(*expected));
	json_decref(list);
	stop();
}

static bool has_identity;

static void look_for_77(void *userdata, uint32_t identity)
{
	has_identity |= identity == 77;
}

static void what_a_forgotten_node_left_is_removed(void **state)
{
	start();
	ipcache_nodes_synced(scene.ipcache);
	ipcache_restored(scene.ipcache);
	write_ip("10.2.0.7", 77, "b");
	write_ip("10.3.0.7", 78, "c");
	b_comes();
	assert_eventually(entry("10.2.0.7/32").identity == 77);
	scene.b_is_known = false;
	ipcache_node_removed(scene.ipcache, &scene.b);
	assert_int_equal(entry("10.2.0.7/32").identity, 0);
	has_identity = false;
	ipcache_each_identity(scene.ipcache, look_for_77, NULL);
	assert_true(has_identity);
	assert_true(is_stored("10.2.0.7"));

	ipcache_forget_node(scene.ipcache, "b");
	assert_eventually(!is_stored("10.2.0.7"));
	assert_true(is_stored("10.3.0.7"));
	stop();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_host_and_the_world_are_there_at_once),
		TEST(nodes_are_entered_and_withdrawn),
		TEST(others_endpoints_wait_for_their_node),
		TEST(own_endpoints_are_entered_at_once_and_published),
		TEST(the_store_is_told_again),
		TEST(a_store_that_cannot_be_written_is_told_later),
		TEST(a_restart_drops_nothing_that_is_still_there),
		TEST(another_node_cannot_take_an_address),
		TEST(bad_objects_are_ignored),
		TEST(what_a_forgotten_node_left_is_removed),
		TEST(all_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
