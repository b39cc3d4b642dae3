/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The masquerade of ICMP errors, which quote what is translated too, and of fragments, which say less than they must.
 */
#include "world.h"

/* As much of the frame as its sender is told of at least: the header and 8 bytes. */
static void shorten(struct frame *frame)
{
	frame->size = frame->transport + 8;
}

static void check_error_from_world(const struct spec *kind, bool shortened)
{
	struct spec first = from_pod_b(kind), spec = from_pod_a(kind), translated, error, expected;
	struct frame quote, sent;
	struct outcome outcome;

	rig_reset(&rig);
	if (spec.protocol != PROTOCOL_SCTP)
		leave(&first); /* so that a has another port */
	outcome = leave(&spec);
	translated = as_node(&spec, port_of(&spec, &outcome));
	quote = frame_build(&translated);
	sent = frame_build(&spec);
	if (shortened) {
		shorten(&quote);
		shorten(&sent);
	}
	error = error_about(&translated, &quote, is_v6(&spec) ? ROUTER6 : ROUTER4);
	expected = error_about(&spec, &sent, error.source);
	outcome = arrive(&error);
	assert_reached(&outcome, DEVICE_A, &expected);
}

static void errors_from_the_world_reach_the_pod(void **state)
{
	EVERY (i, kinds) {
		check_error_from_world(&kinds[i], false);
		check_error_from_world(&kinds[i], true);
	}
}

static void errors_about_the_host_are_left_alone(void **state)
{
	EVERY (i, kinds) {
		struct spec spec = from_pod_a(&kinds[i]), own = as_node(&spec, 40001), error;
		struct frame quote = frame_build(&own);
		struct outcome outcome;

		leave(&spec);
		error = error_about(&own, &quote, is_v6(&spec) ? ROUTER6 : ROUTER4);
		outcome = arrive(&error);
		assert_untouched(&outcome, &error);
	}
}

static void errors_of_the_pod_leave_as_the_nodes(void **state)
{
	EVERY (i, kinds) {
		struct spec other = from_pod_b(&kinds[i]), spec = from_pod_a(&kinds[i]), translated, answer,
			    answer_to_node;
		struct spec error, expected;
		struct frame quote, quote_to_node;
		struct outcome outcome;

		rig_reset(&rig);
		if (spec.protocol != PROTOCOL_SCTP)
			leave(&other);
		outcome = leave(&spec);
		translated = as_node(&spec, port_of(&spec, &outcome));
		answer = spec_reply(&spec);
		answer_to_node = spec_reply(&translated);
		quote = frame_build(&answer);
		quote_to_node = frame_build(&answer_to_node);
		error = error_about(&answer, &quote, spec.source);
		error.source_mac = spec.source_mac;
		expected = error_about(&answer, &quote_to_node, is_v6(&spec) ? HOST6 : HOST4);
		outcome = leave(&error);
		assert_packet(&outcome, &expected);
	}
}

static void an_errors_sum_over_the_packet_stays_right(void **state)
{
	EVERY (i, kinds) {
		struct spec spec = from_pod_a(&kinds[i]), translated = as_node(&spec, is_echo(&spec) ? 77 : 40000),
			    error;
		struct frame quote = frame_build(&translated), frame;

		leave(&spec);
		error = error_about(&translated, &quote, is_v6(&spec) ? ROUTER6 : ROUTER4);
		frame = frame_from_world(&error);
		run_with_sum("from_netdev", DEVICE_WIRE, &frame);
	}
}

/* ── fragments ── */

static void fragments_are_translated(void **state)
{
	static const char *const worlds[] = {WORLD4, WORLD6};

	EVERY (i, worlds) {
		struct spec first = from_a(
				    worlds[i],
				    &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 9, .more_fragments = true}),
			    later = first, sent[2], expected;
		struct outcome outcome;

		later.fragment_offset = 5;
		later.more_fragments = false;
		sent[0] = first;
		sent[1] = later;
		for (int n = 0; n < 2; n++) {
			expected = as_node(&sent[n], 40000);
			outcome = leave(&sent[n]);
			assert_packet(&outcome, &expected);
		}
		for (int n = 0; n < 2; n++) {
			struct spec translated = as_node(&sent[n], 40000), answer_to_node = spec_reply(&translated),
				    answer = spec_reply(&sent[n]);

			outcome = arrive(&answer_to_node);
			assert_reached(&outcome, DEVICE_A, &answer);
		}
	}
}

static void a_fragment_ahead_of_its_first_cannot_leave(void **state)
{
	struct spec later =
		from_a(WORLD4, &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 9, .fragment_offset = 5});

	assert_dropped(leave(&later), DROP_FIRST_FRAGMENT_NOT_FOUND, METRIC_EGRESS);
}

/* The host's stack tells the world why a pod did not get its packet: as the world had sent it. */
static void the_hosts_errors_about_pods_quote_what_was_sent(void **state)
{
	EVERY (i, kinds) {
		struct spec other = from_pod_b(&kinds[i]), spec = from_pod_a(&kinds[i]), translated, answer,
			    answer_to_node;
		struct spec error, expected;
		struct frame quote, quote_to_node;
		struct outcome outcome;

		rig_reset(&rig);
		if (spec.protocol != PROTOCOL_SCTP)
			leave(&other);
		outcome = leave(&spec);
		translated = as_node(&spec, port_of(&spec, &outcome));
		answer = spec_reply(&spec);
		answer_to_node = spec_reply(&translated);
		quote = frame_build(&answer);
		quote_to_node = frame_build(&answer_to_node);
		error = error_about(&answer, &quote, is_v6(&spec) ? HOST6 : HOST4);
		expected = error_about(&answer, &quote_to_node, error.source);
		outcome = leave_host(&error);
		assert_packet(&outcome, &expected);
	}
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(the_hosts_errors_about_pods_quote_what_was_sent),
	PACKET_TEST(errors_from_the_world_reach_the_pod),
	PACKET_TEST(errors_about_the_host_are_left_alone),
	PACKET_TEST(errors_of_the_pod_leave_as_the_nodes),
	PACKET_TEST(an_errors_sum_over_the_packet_stays_right),
	PACKET_TEST(fragments_are_translated),
	PACKET_TEST(a_fragment_ahead_of_its_first_cannot_leave),
};

int main(void)
{
	return PACKET_TESTS("nat_errors", tests);
}
