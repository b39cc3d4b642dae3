/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the next agent finds pinned: it takes it over, makes it larger or smaller with what it holds, and replaces what
 * has another layout.
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
		struct flow flow = {.created = i + 1};

		assert_int_equal(bpf_map_update_elem(fd, &key, &flow, BPF_ANY), 0);
	}
}

static int check_flow(const struct flow_key *key, const struct flow *flow, void *userdata)
{
	assert_int_equal(flow->created, key->port[0] + 1);
	++*(uint32_t *)userdata;
	return 0;
}

/* Opens the datapath once more, as a new agent does, and counts the flows that it finds. */
static uint32_t flows_after(uint32_t size, uint32_t *ret_size)
{
	_cleanup_(datapath_freep) struct datapath *next = NULL;
	struct datapath_options options = {.bpffs = rig.folder, .sizes = {.flows = size}};
	struct bpf_map_info info = {};
	uint32_t count = 0, length = sizeof(info);
	struct error error = {};

	if (datapath_open(&options, &next, &error))
		fail_msg("%s", error.message);
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
	_cleanup_free_ char *path = xasprintf("%s/pilus/maps/pilus_flows", rig.folder);
	_cleanup_close_ int other = bpf_map_create(BPF_MAP_TYPE_HASH, "other", 4, 4, 16, NULL);
	uint32_t size;

	assert_true(other >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(other, path), 0);
	assert_int_equal(flows_after(FLOWS_MAX, &size), 0);
	assert_int_equal(size, FLOWS_MAX);
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
		/* The last ones: the rig's programs keep the maps that were there before. */
		PACKET_TEST(test_a_larger_or_smaller_map_takes_the_entries_over),
		PACKET_TEST(test_another_layout_is_replaced),
	};

	return PACKET_TESTS("pins", tests);
}
