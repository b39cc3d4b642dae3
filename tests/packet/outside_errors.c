/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services for clients outside, and packets that say less than they must, or speak of others: fragments, and ICMP
 * errors, which quote what is translated too.
 */
#include "client.h"

static void an_error_reaches_the_backend_or_the_client(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), at_a = to_backend(&spec, POD_A4, POD_A6);
		struct spec answer = spec_reply(&at_a), answer_of_node = spec_reply(&spec), error, expected;
		struct frame sent = frame_build(&spec), received = frame_build(&at_a);
		struct frame answered = frame_build(&answer), heard = frame_build(&answer_of_node);
		struct outcome outcome;

		rig_reset(&rig);
		services_clear();
		serve(&spec, POD_A4, POD_A6, SERVICE_EXTERNAL);
		arrive(&spec);
		error = error_about(&answer_of_node, &heard, is_v6(&spec) ? ROUTER6 : ROUTER4);
		expected = error_about(&answer, &answered, error.source);
		outcome = arrive(&error);
		assert_reached(&outcome, DEVICE_A, &expected);
		error = error_about(&at_a, &received, at_a.destination);
		expected = error_about(&spec, &sent, spec.destination);
		outcome = send_by_a(&error);
		outcome = leave_marked(&outcome.frame, outcome.mark);
		assert_packet(&outcome, &expected);
	}
}

static void an_error_goes_the_detour_both_ways(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), at_c = to_backend(&spec, POD_C4, POD_C6);
		struct spec detoured = by_overlay(&at_c), answer = spec_reply(&detoured), error, expected;
		struct spec answer_of_node = spec_reply(&spec);
		struct frame sent = frame_build(&spec), received = frame_build(&detoured);
		struct frame answered = frame_build(&answer), heard = frame_build(&answer_of_node);
		struct outcome outcome;

		rig_reset(&rig);
		services_clear();
		serve(&spec, POD_C4, POD_C6, SERVICE_EXTERNAL);
		arrive(&spec);
		error = error_about(&answer_of_node, &heard, is_v6(&spec) ? ROUTER6 : ROUTER4);
		expected = error_about(&answer, &answered, detoured.source);
		expected.source = detoured.source;
		outcome = arrive(&error);
		assert_inner(&outcome, &expected, IDENTITY_WORLD);
		if (is_v6(&spec) && !rig.config.decap_v6)
			continue;
		error = error_about(&detoured, &received, at_c.destination);
		expected = error_about(&spec, &sent, spec.destination);
		outcome = arrive_from_c(&error);
		assert_sent_on(&outcome, &expected);
	}
}

static void an_error_about_a_direct_answer_is_sent_on(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), at_c = to_backend(&spec, POD_C4, POD_C6);
		struct spec answer_of_node = spec_reply(&spec), error;
		struct frame heard = frame_build(&answer_of_node);
		uint8_t destination[ETH_ALEN], source[ETH_ALEN];
		struct outcome outcome;

		rig_reset(&rig);
		services_clear();
		serve(&spec, POD_C4, POD_C6, SERVICE_EXTERNAL | SERVICE_DSR);
		tell(&at_c, destination, source);
		arrive(&spec);
		error = error_about(&answer_of_node, &heard, is_v6(&spec) ? ROUTER6 : ROUTER4);
		outcome = arrive(&error);
		assert_inner(&outcome, &error, IDENTITY_WORLD);
		assert_bytes(outcome, OVERLAY_ROOM + ETH_ALEN + 1, source + 1, ETH_ALEN - 1);
	}
}

/* The pod's own error about what a client asked: as the service's, whoever the client is. */
static void a_backends_error_leaves_as_its_answers_do(void **state)
{
	static const struct {
		uint32_t identity;
		uint16_t node;
	} clients[] = {{IDENTITY_KUBE_APISERVER, 0}, {IDENTITY_REMOTE_NODE, NODE_PEER}};

	EVERY (i, requests) {
		EVERY (j, clients) {
			struct spec spec = from_client(&requests[i]), at_a = to_backend(&spec, POD_A4, POD_A6), error;
			struct spec expected;
			struct frame sent = frame_build(&spec), received = frame_build(&at_a);
			struct outcome outcome;

			rig_reset(&rig);
			services_clear();
			serve(&spec, POD_A4, POD_A6, SERVICE_EXTERNAL);
			know_client(spec.source, clients[j].identity, clients[j].node);
			outcome = arrive(&spec);
			assert_reached(&outcome, DEVICE_A, &at_a);
			error = error_about(&at_a, &received, at_a.destination);
			expected = error_about(&spec, &sent, spec.destination);
			outcome = send_by_a(&error);
			assert_untouched(&outcome, &error); /* so that the stack finds the way */
			assert_int_equal(outcome.mark, MARK_MASQUERADE);
			outcome = leave_marked(&outcome.frame, outcome.mark);
			assert_packet(&outcome, &expected);
		}
	}
}

static void a_direct_backends_error_leaves_as_its_answers_do(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), at_a, error, expected;
		struct frame sent, received;
		struct outcome outcome;

		if (is_v6(&spec) && !rig.config.decap_v6)
			continue;
		rig_reset(&rig);
		services_clear();
		spec.destination = is_v6(&spec) ? "2001:db8:0:2::2" : PEER4;
		at_a = to_backend(&spec, POD_A4, POD_A6);
		sent = frame_build(&spec);
		received = frame_build(&at_a);
		know_client(spec.source, IDENTITY_KUBE_APISERVER, 0);
		outcome = arrive_directly(&spec, &at_a, PEER4, IDENTITY_WORLD);
		assert_reached(&outcome, DEVICE_A, &at_a);
		error = error_about(&at_a, &received, at_a.destination);
		expected = error_about(&spec, &sent, spec.destination);
		outcome = send_by_a(&error);
		assert_int_equal(outcome.mark, MARK_MASQUERADE);
		outcome = leave_marked(&outcome.frame, outcome.mark);
		assert_packet(&outcome, &expected);
	}
}

/* A router's, on the way of what this node sent on for a client. */
static void an_error_about_a_detour_reaches_the_client(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), expected;
		struct spec detoured = to_backend(&spec, "203.0.113.9", "2001:db8:aaaa::9"), error;
		struct frame sent = frame_build(&spec), passed;
		struct outcome outcome;

		rig_reset(&rig);
		services_clear();
		serve(&spec, detoured.destination, detoured.destination, SERVICE_EXTERNAL);
		detoured.source = is_v6(&spec) ? HOST6 : HOST4;
		passed = frame_build(&detoured);
		arrive(&spec);
		error = error_about(&detoured, &passed, is_v6(&spec) ? ROUTER6 : ROUTER4);
		expected = error_about(&spec, &sent, error.source);
		outcome = arrive(&error);
		assert_sent_on(&outcome, &expected);
	}
}

/* This node's stack tells the client why the backend did not get its packet: as the client had sent it. */
static void the_hosts_error_about_a_service_quotes_what_was_asked(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), at_a = to_backend(&spec, POD_A4, POD_A6), error;
		struct spec expected;
		struct frame sent = frame_build(&spec), received = frame_build(&at_a);
		struct outcome outcome;

		rig_reset(&rig);
		services_clear();
		serve(&spec, POD_A4, POD_A6, SERVICE_EXTERNAL);
		arrive(&spec);
		error = error_about(&at_a, &received, is_v6(&spec) ? HOST6 : HOST4);
		expected = error_about(&spec, &sent, error.source);
		outcome = leave_host(&error);
		assert_packet(&outcome, &expected);
	}
}

static void every_fragment_goes_the_same_way(void **state)
{
	struct spec request = {.source = WORLD4,
	                       .destination = HOST4,
	                       .protocol = PROTOCOL_UDP,
	                       .fragment_id = 7,
	                       .more_fragments = true,
	                       .payload = 32};
	struct spec first = from_client(&request), at_c = to_backend(&first, POD_C4, POD_C6), expected, answer,
		    expected_answer = spec_reply(&first);
	struct outcome outcome;

	serve(&first, POD_C4, POD_C6, SERVICE_EXTERNAL);
	expected = by_overlay(&at_c);
	answer = spec_reply(&expected);
	outcome = arrive(&first);
	assert_inner(&outcome, &expected, IDENTITY_WORLD);
	first.fragment_offset = expected.fragment_offset = 5;
	outcome = arrive(&first);
	assert_inner(&outcome, &expected, IDENTITY_WORLD);
	outcome = arrive_from_c(&answer);
	assert_sent_on(&outcome, &expected_answer);
	answer.fragment_offset = expected_answer.fragment_offset = 5;
	outcome = arrive_from_c(&answer);
	assert_sent_on(&outcome, &expected_answer);
}

#define OUTSIDE_TEST(function) cmocka_unit_test_setup(function, client_begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUTSIDE_TEST(an_error_reaches_the_backend_or_the_client),
		OUTSIDE_TEST(an_error_goes_the_detour_both_ways),
		OUTSIDE_TEST(an_error_about_a_direct_answer_is_sent_on),
		OUTSIDE_TEST(a_backends_error_leaves_as_its_answers_do),
		OUTSIDE_TEST(a_direct_backends_error_leaves_as_its_answers_do),
		OUTSIDE_TEST(an_error_about_a_detour_reaches_the_client),
		OUTSIDE_TEST(the_hosts_error_about_a_service_quotes_what_was_asked),
		OUTSIDE_TEST(every_fragment_goes_the_same_way),
	};

	return PACKET_TESTS("outside_errors", tests);
}
