/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two nodes are two ipam instances over one folder, each with a store of its own.
 */
#include "loop.h"

#include <errno.h>

#include "agent/ipam/ipam.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

struct ipam_node {
	struct config config;
	struct store *store;
	struct ipam *ipam;
	unsigned calls;
	int result;
	struct error error;
};

static void ready(void *userdata, int result, const struct error *error)
{
	struct ipam_node *node = userdata;

	node->calls++;
	node->result = result;
	node->error = *error;
}

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct prefix prefix(const char *text)
{
	struct prefix prefix = {};

	if (text)
		assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static struct ipam_node host_scope(const char *v4, const char *v6)
{
	return (struct ipam_node){.config = {.ipam = IPAM_HOST_SCOPE, .pod_cidr = {prefix(v4), prefix(v6)}}};
}

/* Blocks of /24 and /112. */
static struct ipam_node pool_node(const char *name, const char *v4, const char *v6)
{
	return (struct ipam_node){.config = {.node_name = (char *)name,
	                                     .ipam = IPAM_CLUSTER_POOL,
	                                     .pool_cidr = {prefix(v4), prefix(v6)},
	                                     .pool_mask = {24, 112}}};
}

static void node_begin(struct ipam_node *node)
{
	_cleanup_free_ char *url = xasprintf("dir:%s/store", folder);

	assert_int_equal(store_open(&loop, url, &(struct store_access){}, &node->store, &node->error), 0);
	node->ipam = ipam_new(&loop, &node->config, node->store, ready, node);
	assert_int_equal(node->calls, 0);
}

static void node_start(struct ipam_node *node)
{
	node_begin(node);
	assert_eventually(node->calls);
	if (node->result < 0)
		fail_msg("%s", node->error.message);
}

static void node_stop(struct ipam_node *node)
{
	ipam_free(node->ipam);
	store_close(node->store);
	uv_run(&loop, UV_RUN_DEFAULT);
	node->calls = 0;
}

static void assert_cidr(const struct ipam_node *node, enum family family, const char *expected)
{
	char text[PREFIX_TEXT_MAX];

	assert_string_equal(prefix_format(ipam_cidr(node->ipam, family), text), expected);
}

static void assert_next(struct ipam_node *node, enum family family, const char *expected)
{
	struct error error = {};
	char text[ADDR_TEXT_MAX];
	struct addr given;

	if (ipam_allocate(node->ipam, family, "default/web", &given, &error) < 0)
		fail_msg("%s", error.message);
	assert_string_equal(addr_format(&given, text), expected);
}

static void write_block(const char *name, const char *content)
{
	_cleanup_free_ char *blocks = xasprintf("%s/store/blocks", folder);
	_cleanup_free_ char *path = xasprintf("%s/%s.json", blocks, name);

	assert_int_equal(folder_make(blocks, 0755), 0);
	assert_int_equal(file_write_atomic(path, content, strlen(content), 0644), 0);
}

static bool block_exists(const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/store/blocks/%s.json", folder, name);

	return access(path, F_OK) == 0;
}

static void remove_block(const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/store/blocks/%s.json", folder, name);

	assert_int_equal(unlink(path), 0);
}

static void addresses_follow_the_router(void **state)
{
	struct ipam_node node = host_scope("10.1.0.0/24", "fd00:1::/112");
	char text[ADDR_TEXT_MAX];

	node_start(&node);
	assert_cidr(&node, FAMILY_V4, "10.1.0.0/24");
	assert_cidr(&node, FAMILY_V6, "fd00:1::/112");
	assert_string_equal(addr_format(ipam_router(node.ipam, FAMILY_V4), text), "10.1.0.1");
	assert_string_equal(addr_format(ipam_router(node.ipam, FAMILY_V6), text), "fd00:1::1");
	assert_next(&node, FAMILY_V4, "10.1.0.2");
	assert_next(&node, FAMILY_V4, "10.1.0.3");
	assert_next(&node, FAMILY_V6, "fd00:1::2");
	node_stop(&node);
}

static void released_addresses_come_last(void **state)
{
	struct ipam_node node = host_scope("10.1.0.0/29", NULL);
	struct addr two = addr("10.1.0.2"), four = addr("10.1.0.4"), never = addr("10.1.0.6"), none = {};

	node_start(&node);
	assert_next(&node, FAMILY_V4, "10.1.0.2");
	ipam_release(node.ipam, &two);
	assert_next(&node, FAMILY_V4, "10.1.0.3");
	assert_next(&node, FAMILY_V4, "10.1.0.4");
	ipam_release(node.ipam, &four);
	ipam_release(node.ipam, &four);
	ipam_release(node.ipam, &never);
	ipam_release(node.ipam, &none);
	assert_next(&node, FAMILY_V4, "10.1.0.5");
	assert_next(&node, FAMILY_V4, "10.1.0.6");
	assert_next(&node, FAMILY_V4, "10.1.0.2");
	assert_next(&node, FAMILY_V4, "10.1.0.4");
	node_stop(&node);
}

static void a_full_cidr_says_so(void **state)
{
	struct ipam_node node = host_scope("10.1.0.0/24", NULL);
	struct addr given = {}, router = addr("10.1.0.1"), last = addr("10.1.0.254");
	struct error error = {};
	bool seen[256] = {};

	node_start(&node);
	for (unsigned i = 0; i < 253; i++) {
		assert_int_equal(ipam_allocate(node.ipam, FAMILY_V4, "pod", &given, NULL), 0);
		assert_false(seen[given.byte[15]]);
		seen[given.byte[15]] = true;
	}
	assert_false(seen[0] || seen[1] || seen[255]);
	ipam_release(node.ipam, &router);
	assert_int_equal(ipam_allocate(node.ipam, FAMILY_V4, "pod", &given, &error), -ENOSPC);
	assert_string_equal(error.message, "all 253 addresses of 10.1.0.0/24 are in use: remove endpoints, or give the "
	                                   "node a larger CIDR");
	assert_true(addr_equal(&given, &last));
	ipam_release(node.ipam, &last);
	assert_next(&node, FAMILY_V4, "10.1.0.254");
	node_stop(&node);
}

/* More releases than are remembered, in a CIDR without a visible end. */
static void churn_stays_in_bounds_and_unique(void **state)
{
	struct ipam_node node = host_scope(NULL, "fd00:1::/64");
	struct addr window[8], first;

	node_start(&node);
	for (unsigned i = 0; i < 3000; i++) {
		struct addr *place = &window[i % 8];

		if (i >= 8)
			ipam_release(node.ipam, place);
		assert_int_equal(ipam_allocate(node.ipam, FAMILY_V6, "pod", place, NULL), 0);
		for (unsigned other = 0; other < 8 && i >= 8; other++)
			assert_true(&window[other] == place || !addr_equal(&window[other], place));
	}
	first = addr("fd00:1::2");
	assert_int_equal(ipam_claim(node.ipam, &first, "again", NULL), 0);
	node_stop(&node);
}

static void restored_addresses_are_claimed(void **state)
{
	struct ipam_node node = host_scope("10.1.0.0/24", NULL);
	struct addr seven = addr("10.1.0.7"), router = addr("10.1.0.1"), outside = addr("10.2.0.7");
	struct addr network = addr("10.1.0.0"), broadcast = addr("10.1.0.255"), v6 = addr("fd00::7");
	struct error error = {};

	node_start(&node);
	assert_int_equal(ipam_claim(node.ipam, &seven, "default/web-1", NULL), 0);
	assert_int_equal(ipam_claim(node.ipam, &seven, "default/web-1", NULL), 0);
	assert_int_equal(ipam_claim(node.ipam, &seven, "default/web-2", &error), -EEXIST);
	assert_string_equal(error.message, "10.1.0.7 belongs to default/web-1 already");
	assert_int_equal(ipam_claim(node.ipam, &router, "default/web-2", &error), -EEXIST);
	assert_string_equal(error.message, "10.1.0.1 belongs to router already");
	assert_int_equal(ipam_claim(node.ipam, &outside, "x", &error), -EINVAL);
	assert_string_equal(error.message, "10.2.0.7 lies outside of this node's pod CIDR 10.1.0.0/24");
	assert_int_equal(ipam_claim(node.ipam, &network, "x", &error), -EINVAL);
	assert_int_equal(ipam_claim(node.ipam, &broadcast, "x", &error), -EINVAL);
	assert_string_equal(error.message,
	                    "10.1.0.255 is the first or last address of 10.1.0.0/24, which no endpoint can have");
	assert_int_equal(ipam_claim(node.ipam, &v6, "x", &error), -EINVAL);
	assert_string_equal(error.message, "fd00::7 lies outside of this node's pod CIDRs");
	assert_next(&node, FAMILY_V4, "10.1.0.8");
	ipam_release(node.ipam, &seven);
	assert_int_equal(ipam_claim(node.ipam, &seven, "default/web-2", NULL), 0);
	node_stop(&node);
}

static void a_missing_family_says_what_to_do(void **state)
{
	struct ipam_node node = host_scope("10.1.0.0/24", NULL);
	struct error error = {};
	struct addr given;

	node_begin(&node);
	assert_int_equal(ipam_allocate(node.ipam, FAMILY_V4, "pod", &given, &error), -EAGAIN);
	assert_eventually(node.calls);
	assert_int_equal(ipam_allocate(node.ipam, FAMILY_V6, "pod", &given, &error), -EAFNOSUPPORT);
	assert_string_equal(error.message, "this node has no IPv6 pod CIDR: add one to pod-cidrs");
	assert_int_equal(ipam_cidr(node.ipam, FAMILY_V6)->bits, 0);
	assert_true(addr_is_zero(ipam_router(node.ipam, FAMILY_V6)));
	node_stop(&node);
}

static void status_lists_pools_and_owners(void **state)
{
	static const char expected[] =
		"{\"mode\":\"host-scope\",\"pools\":[{\"family\":\"IPv4\",\"cidr\":\"10.1.0.0/24\",\"allocated\":2,"
		"\"size\":254},{\"family\":\"IPv6\",\"cidr\":\"fd00:1::/112\",\"allocated\":1,\"size\":65534}],"
		"\"allocations\":[{\"address\":\"10.1.0.1\",\"owner\":\"router\"},"
		"{\"address\":\"10.1.0.9\",\"owner\":\"default/"
		"web-1\"},{\"address\":\"fd00:1::1\",\"owner\":\"router\"}]}";
	struct ipam_node node = host_scope("10.1.0.0/24", "fd00:1::/112");
	struct addr nine = addr("10.1.0.9"), ten = addr("10.1.0.10");
	_cleanup_free_ char *text = NULL;
	json_t *status;

	node_start(&node);
	assert_int_equal(ipam_claim(node.ipam, &ten, "gone", NULL), 0);
	assert_int_equal(ipam_claim(node.ipam, &nine, "default/web-1", NULL), 0);
	ipam_release(node.ipam, &ten);
	status = ipam_status(node.ipam);
	text = json_dumps(status, JSON_COMPACT);
	assert_string_equal(text, expected);
	json_decref(status);
	node_stop(&node);
}

static void nodes_claim_different_blocks_and_find_them_again(void **state)
{
	struct ipam_node one = pool_node("node-1", "10.0.0.0/8", "fd00::/64"), two = one;

	two.config.node_name = (char *)"node-2";
	node_start(&one);
	assert_cidr(&one, FAMILY_V4, "10.0.0.0/24");
	assert_cidr(&one, FAMILY_V6, "fd00::/112");
	assert_next(&one, FAMILY_V4, "10.0.0.2");
	node_start(&two);
	assert_cidr(&two, FAMILY_V4, "10.0.1.0/24");
	assert_cidr(&two, FAMILY_V6, "fd00::1:0/112");
	ipam_free(one.ipam);
	store_close(one.store);
	node_stop(&two);

	node_start(&two);
	assert_cidr(&two, FAMILY_V4, "10.0.1.0/24");
	assert_cidr(&two, FAMILY_V6, "fd00::1:0/112");
	node_stop(&two);
}

/* All start at once, many times over: what create-if-absent is for. */
static void racing_nodes_never_share_a_block(void **state)
{
	enum { NODES = 8 };
	static const char *const names[NODES] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	struct ipam_node nodes[NODES];

	for (unsigned i = 0; i < NODES; i++) {
		nodes[i] = pool_node(names[i], "10.0.0.0/21", "fd00::/109");
		node_begin(&nodes[i]);
	}
	for (unsigned i = 0; i < NODES; i++) {
		assert_eventually(nodes[i].calls);
		assert_int_equal(nodes[i].result, 0);
		for (unsigned before = 0; before < i; before++)
			for (enum family family = 0; family < FAMILIES; family++)
				assert_false(prefix_overlaps(ipam_cidr(nodes[i].ipam, family),
				                             ipam_cidr(nodes[before].ipam, family)));
	}
	for (unsigned i = 0; i < NODES; i++) {
		ipam_free(nodes[i].ipam);
		store_close(nodes[i].store);
	}
}

static void an_exhausted_pool_says_so_and_waits(void **state)
{
	struct ipam_node one = pool_node("node-1", "10.0.0.0/24", NULL), two = one;

	two.config.node_name = (char *)"node-2";
	node_start(&one);
	node_begin(&two);
	assert_eventually(two.calls);
	assert_int_equal(two.result, -ENOSPC);
	assert_string_equal(two.error.message,
	                    "no block of the pool 10.0.0.0/24 is free (1 are claimed): enlarge cluster-pool-cidrs, or "
	                    "delete the blocks/ of nodes that are gone from the store");
	ipam_free(one.ipam);
	store_close(one.store);
	remove_block("10.0.0.0-24");
	assert_eventually(two.calls && two.result == 0);
	assert_cidr(&two, FAMILY_V4, "10.0.0.0/24");
	node_stop(&two);
}

static void the_blocks_of_a_forgotten_node_are_free(void **state)
{
	struct ipam_node one = pool_node("node-1", "10.0.0.0/23", NULL), late = one;

	late.config.node_name = (char *)"node-3";
	write_block("10.0.0.0-24", "{\"cidr\": \"10.0.0.0/24\", \"node\": \"node-2\"}");
	node_start(&one);
	assert_cidr(&one, FAMILY_V4, "10.0.1.0/24");
	node_begin(&late);
	assert_eventually(late.calls && late.result == -ENOSPC);
	ipam_forget_node(one.ipam, "node-2");
	assert_eventually(late.result == 0);
	assert_cidr(&late, FAMILY_V4, "10.0.0.0/24");
	ipam_free(one.ipam);
	store_close(one.store);
	node_stop(&late);
}

static void what_is_in_the_way_is_avoided(void **state)
{
	struct ipam_node node = pool_node("node-1", "10.0.0.0/8", NULL);

	write_block("10.0.0.0-26", "{\"cidr\": \"10.0.0.0/26\", \"node\": \"node-2\"}"); /* another size */
	write_block("10.0.1.0-24", "this is no JSON");
	write_block("10.0.2.0-24", "{}");
	write_block("nonsense", "{\"node\": \"node-1\"}");
	node_start(&node);
	assert_cidr(&node, FAMILY_V4, "10.0.3.0/24");
	node_stop(&node);
}

static void blocks_of_another_configuration_are_given_back(void **state)
{
	struct ipam_node node = pool_node("node-1", "10.0.0.0/8", NULL);

	write_block("172.16.0.0-24", "{\"node\": \"node-1\"}");
	write_block("172.16.1.0-24", "{\"node\": \"node-2\"}");
	node_start(&node);
	assert_eventually(!block_exists("172.16.0.0-24"));
	assert_true(block_exists("172.16.1.0-24"));
	assert_true(block_exists("10.0.0.0-24"));
	node_stop(&node);
}

static void a_lost_block_is_taken_again_or_said(void **state)
{
	struct ipam_node node = pool_node("node-1", "10.0.0.0/8", NULL);

	node_start(&node);
	remove_block("10.0.0.0-24");
	assert_eventually(block_exists("10.0.0.0-24"));
	assert_int_equal(node.calls, 1);
	write_block("10.0.0.0-24", "{\"cidr\": \"10.0.0.0/24\", \"node\": \"node-2\"}");
	assert_eventually(node.calls == 2);
	assert_int_equal(node.result, -EEXIST);
	assert_non_null(strstr(node.error.message, "blocks/10.0.0.0-24 was given to node-2"));
	node_stop(&node);
}

#define ON_LOOP(test) cmocka_unit_test_setup_teardown(test, loop_setup, loop_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_LOOP(addresses_follow_the_router),
		ON_LOOP(released_addresses_come_last),
		ON_LOOP(a_full_cidr_says_so),
		ON_LOOP(churn_stays_in_bounds_and_unique),
		ON_LOOP(restored_addresses_are_claimed),
		ON_LOOP(a_missing_family_says_what_to_do),
		ON_LOOP(status_lists_pools_and_owners),
		ON_LOOP(nodes_claim_different_blocks_and_find_them_again),
		ON_LOOP(racing_nodes_never_share_a_block),
		ON_LOOP(an_exhausted_pool_says_so_and_waits),
		ON_LOOP(the_blocks_of_a_forgotten_node_are_free),
		ON_LOOP(what_is_in_the_way_is_avoided),
		ON_LOOP(blocks_of_another_configuration_are_given_back),
		ON_LOOP(a_lost_block_is_taken_again_or_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
