/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the next agent finds pinned: it goes on with it, or has a set of maps of its own, with what was learnt.
 */
#include "packet_test.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "datapath/flow_table.h"

#define FLOWS 1000

static void add_flows(int fd)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct flow_key key = {.port = {i, 80}, .protocol = PROTOCOL_UDP};
		struct flow flow = {.traffic[0].packets = i + 1};

		assert_int_equal(bpf_map_update_elem(fd, &key, &flow, BPF_ANY), 0);
	}
}

static int check_flow(const struct flow_key *key, const struct flow *flow, void *userdata)
{
	assert_int_equal(flow->traffic[0].packets, key->port[0] + 1);
	++*(uint32_t *)userdata;
	return 0;
}

/* Opens the datapath once more, as a new agent does that has nothing to fill in, and counts the flows that it finds. */
static uint32_t flows_after(uint32_t size, uint32_t *ret_size)
{
	_cleanup_(datapath_freep) struct datapath *next = NULL;
	struct datapath_options options = {.bpffs = rig.folder, .sizes = {.flows = size}};
	struct bpf_map_info info = {};
	uint32_t count = 0, length = sizeof(info);
	struct error error = {};

	if (datapath_open(&options, &next, &error))
		fail_msg("%s", error.message);
	if (datapath_take_over(next, &error))
		fail_msg("%s", error.message);
	assert_false(datapath_is_waiting(next));
	assert_int_equal(flow_table_each(datapath_maps(next), check_flow, &count), 0);
	assert_int_equal(bpf_map_get_info_by_fd(datapath_maps(next)->flows, &info, &length), 0);
	*ret_size = info.max_entries;
	return count;
}

static void test_a_larger_or_smaller_map_takes_the_entries_over(void **state)
{
	uint32_t size;

	add_flows(rig.maps->flows);
	assert_int_equal(flows_after(FLOWS_MAX, &size), FLOWS);
	assert_int_equal(flows_after(4 * FLOWS_MAX, &size), FLOWS);
	assert_int_equal(size, 4 * FLOWS_MAX);
	assert_in_range(flows_after(FLOWS / 4, &size), FLOWS / 8, FLOWS / 4);
	assert_int_equal(size, FLOWS / 4);
}

static void test_another_layout_is_replaced(void **state)
{
	_cleanup_free_ char *path = xasprintf("%s/pilus/maps/pilus_flows_v2", rig.folder);
	_cleanup_close_ int other = bpf_map_create(BPF_MAP_TYPE_HASH, "other", 4, 4, 16, NULL);
	uint32_t size;

	assert_true(other >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(other, path), 0);
	assert_int_equal(flows_after(FLOWS_MAX, &size), 0);
	assert_int_equal(size, FLOWS_MAX);
}

static struct datapath *open_other(void)
{
	struct datapath_options options = {.bpffs = rig.folder, .sizes = {.flows = 2 * FLOWS_MAX}};
	struct datapath *other = NULL;
	struct error error = {};

	if (datapath_open(&options, &other, &error))
		fail_msg("%s", error.message);
	return other;
}

static uint32_t pinned_flow(uint16_t port)
{
	_cleanup_(maps_close) struct maps maps = MAPS_CLOSED;
	struct flow_key key = {.port = {port, 80}, .protocol = PROTOCOL_UDP};
	struct flow flow = {};

	assert_int_equal(maps_open(rig.folder, &maps, NULL), 0);
	bpf_map_lookup_elem(maps.flows, &key, &flow);
	return flow.traffic[0].packets;
}

static void test_an_agent_that_ends_before_it_took_over_changes_nothing(void **state)
{
	struct datapath *other;

	add_flows(rig.maps->flows);
	other = open_other();
	assert_true(datapath_is_waiting(other));
	assert_int_equal(pinned_flow(7), 8);
	datapath_free(other);
	assert_int_equal(pinned_flow(7), 8);

	other = open_other();
	assert_true(datapath_is_waiting(other));
	datapath_free(other);
}

/* It has removed the old pins, and has not renamed the new ones. */
static void test_an_agent_that_ends_while_it_takes_over_has_taken_over(void **state)
{
	_cleanup_free_ char *maps = xasprintf("%s/pilus/maps", rig.folder),
			    *aside = xasprintf("%s/pilus/aside", rig.folder);
	struct datapath *other = open_other();

	datapath_free(other);
	assert_int_equal(rename(maps, aside), 0);
	other = open_other();
	assert_false(datapath_is_waiting(other));
	datapath_free(other);
	assert_int_equal(access(maps, F_OK), 0);
}

static int note_facts(const struct map_facts *facts, void *userdata)
{
	struct map_facts *known = userdata;

	while (known->name)
		known++;
	*known = *facts;
	return 0;
}

static const struct map_facts *facts_of(const struct map_facts *facts, const char *name)
{
	while (strcmp(facts->name, name))
		facts++;
	return facts;
}

static void test_facts_tell_what_is_in_use(void **state)
{
	struct map_facts facts[MAPS_COUNT + 1] = {};

	add_flows(rig.maps->flows);
	assert_int_equal(maps_facts(rig.maps, note_facts, facts), 0);
	assert_non_null(facts[MAPS_COUNT - 1].name);
	assert_int_equal(facts_of(facts, "pilus_flows")->entries, FLOWS);
	assert_int_equal(facts_of(facts, "pilus_flows")->max_entries, FLOWS_MAX);
	assert_true(facts_of(facts, "pilus_flows")->fills);
	assert_int_equal(facts_of(facts, "pilus_endpoints")->entries, 2);
	assert_false(facts_of(facts, "pilus_endpoints")->fills);
	assert_int_equal(facts_of(facts, "pilus_metrics")->entries, 0);
	assert_int_equal(facts_of(facts, "pilus_state")->entries, 1);
	assert_int_equal(facts_of(facts, "pilus_events")->entries, 0);
	assert_false(facts_of(facts, "pilus_events")->fills);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(test_facts_tell_what_is_in_use),
		PACKET_TEST(test_an_agent_that_ends_before_it_took_over_changes_nothing),
		/* The last ones: the rig's programs keep the maps that were there before. */
		PACKET_TEST(test_a_larger_or_smaller_map_takes_the_entries_over),
		PACKET_TEST(test_another_layout_is_replaced),
		PACKET_TEST(test_an_agent_that_ends_while_it_takes_over_has_taken_over),
	};

	return PACKET_TESTS("pins", tests);
}
