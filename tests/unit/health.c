/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is and what is said of it, with probes and time of the test's own; and real probes of real responders,
 * on the loopback of a network namespace of the test's own.
 */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent/health/health.h"
#include "agent/health/probe.h"
#include "agent/health/responder.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "net/link.h"
#include "net/netns.h"

#define PROBES_MAX 256

/* ── probes and time ── */

static struct {
	bool real;
	uint64_t now;
	uv_timer_t *timer; /* the one that is set */
	uv_timer_cb fire;
	uint64_t due;
	struct fake_probe {
		struct probe_target target;
		void (*done)(void *userdata, const struct probe_answer *answer);
		void *userdata;
	} probes[PROBES_MAX];
} fakes;

uint64_t __real_uv_now(const uv_loop_t *of);
uint64_t __wrap_uv_now(const uv_loop_t *of)
{
	return fakes.real ? __real_uv_now(of) : fakes.now;
}

int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb fire, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb fire, uint64_t timeout, uint64_t repeat)
{
	if (fakes.real)
		return __real_uv_timer_start(timer, fire, timeout, repeat);
	fakes.timer = timer;
	fakes.fire = fire;
	fakes.due = fakes.now + timeout;
	return 0;
}

int __real_uv_is_active(const uv_handle_t *handle);
int __wrap_uv_is_active(const uv_handle_t *handle)
{
	return fakes.real ? __real_uv_is_active(handle) : fakes.timer == (const uv_timer_t *)handle;
}

uint64_t __real_uv_timer_get_due_in(const uv_timer_t *timer);
uint64_t __wrap_uv_timer_get_due_in(const uv_timer_t *timer)
{
	return fakes.real ? __real_uv_timer_get_due_in(timer) : fakes.due - fakes.now;
}

struct probe *__real_probe_start(uv_loop_t *on, const struct probe_target *target,
                                 void (*done)(void *userdata, const struct probe_answer *answer), void *userdata);
struct probe *__wrap_probe_start(uv_loop_t *on, const struct probe_target *target,
                                 void (*done)(void *userdata, const struct probe_answer *answer), void *userdata)
{
	if (fakes.real)
		return __real_probe_start(on, target, done, userdata);
	for (size_t i = 0; i < PROBES_MAX; i++) {
		if (fakes.probes[i].done)
			continue;
		fakes.probes[i] = (struct fake_probe){*target, done, userdata};
		return (void *)&fakes.probes[i];
	}
	fail();
	return NULL;
}

void __real_probe_cancel(struct probe *probe);
void __wrap_probe_cancel(struct probe *probe)
{
	if (fakes.real)
		__real_probe_cancel(probe);
	else
		memset(probe, 0, sizeof(struct fake_probe));
}

static unsigned running(void)
{
	unsigned count = 0;

	for (size_t i = 0; i < PROBES_MAX; i++)
		count += fakes.probes[i].done != NULL;
	return count;
}

/* Answers all probes of the address, or all there are (NULL). */
static unsigned answer(const char *address, uint64_t rtt, const char *error)
{
	struct probe_answer words = {.rtt = rtt};
	unsigned count = 0;

	if (error)
		error_set(&words.error, -ETIMEDOUT, "%s", error);
	for (size_t i = 0; i < PROBES_MAX; i++) {
		struct fake_probe probe = fakes.probes[i];
		char text[ADDR_TEXT_MAX];

		if (!probe.done || (address && strcmp(addr_format(&probe.target.addr, text), address)))
			continue;
		memset(&fakes.probes[i], 0, sizeof(fakes.probes[i]));
		probe.done(probe.userdata, &words);
		count++;
	}
	return count;
}

/* Lets time pass until the timer fires. Returns how long that was. */
static uint64_t wait_timer(void)
{
	uint64_t waited = fakes.due - fakes.now;
	uv_timer_t *timer = fakes.timer;

	assert_non_null(timer);
	fakes.timer = NULL;
	fakes.now += waited;
	fakes.fire(timer);
	return waited;
}

/* ── nodes ── */

static struct health *health;

static struct node_info node(const char *name, unsigned number, bool endpoint)
{
	struct node_info info = {.name = (char *)name};
	char text[ADDR_TEXT_MAX];

	snprintf(text, sizeof(text), "10.99.0.%u", number);
	addr_parse(text, &info.address[FAMILY_V4]);
	snprintf(text, sizeof(text), "10.%u.0.2", number);
	if (endpoint)
		addr_parse(text, &info.health[FAMILY_V4]);
	return info;
}

static void set(const char *name, unsigned number, bool endpoint)
{
	struct node_info info = node(name, number, endpoint);

	health_node_set(health, &info);
}

static int setup(void **state)
{
	memset(&fakes, 0, sizeof(fakes));
	if (loop_setup(state))
		return -1;
	health = health_new(&loop, "me", 4240);
	return 0;
}

static int teardown(void **state)
{
	health_free(TAKE_PTR(health));
	return loop_teardown(state);
}

static void assert_summary(unsigned reachable, unsigned nodes, bool all_probed)
{
	struct health_summary summary = health_summarise(health);

	assert_int_equal(summary.reachable, reachable);
	assert_int_equal(summary.nodes, nodes);
	assert_int_equal(summary.oldest != 0, all_probed);
}

static void test_nodes_have_their_turns(void **state)
{
	const uint64_t interval = 83177; /* 60 s ln(1 + 3) */

	set("me", 1, true);
	set("other", 2, true);
	set("third", 3, true);
	assert_summary(0, 3, false);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(wait_timer(), 200);
		assert_int_equal(running(), 4);
		assert_int_equal(answer(NULL, 1000, NULL), 4);
	}
	assert_summary(3, 3, true);
	assert_int_equal(wait_timer(), interval - 2 * 200);
	assert_int_equal(running(), 4);
	answer(NULL, 1000, NULL);
	assert_int_equal(wait_timer(), 200);
}

static void test_who_does_not_answer_is_asked_again_sooner(void **state)
{
	json_t *json, *found;

	set("other", 2, true);
	wait_timer();
	answer("10.99.0.2", 1000, NULL);
	answer("10.2.0.2", 0, "Connection timed out");
	assert_summary(0, 1, true);
	json = health_to_json(health);
	found = json_array_get(json_object_get(json, "nodes"), 0);
	assert_true(json_is_false(json_object_get(found, "reachable")));
	found = json_object_get(json_array_get(json_object_get(found, "endpoint"), 0), "icmp");
	assert_string_equal(json_string_value(json_object_get(found, "error")), "Connection timed out");
	assert_true(json_is_null(json_object_get(found, "rtt")));
	assert_true(json_is_string(json_object_get(found, "since")));
	json_decref(json);
	assert_int_equal(wait_timer(), 10000);
	answer(NULL, 1000, NULL);
	assert_summary(1, 1, true);
}

static void test_a_large_cluster_is_no_burst(void **state)
{
	unsigned begun = 0;

	for (unsigned i = 0; i < 250; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		set(name, i, false);
	}
	while (fakes.now < 20000) {
		wait_timer();
		assert_true(running() <= 2);
		begun += answer(NULL, 1000, NULL) / 2;
	}
	assert_int_equal(begun, 100);
	while (begun < 250) {
		wait_timer();
		begun += answer(NULL, 1000, NULL) / 2;
	}
	assert_int_equal(fakes.now, 250 * 200);
	assert_summary(250, 250, true);
	assert_int_equal(wait_timer(), 331527 - 249 * 200); /* 60 s ln(1 + 250), since the first */
}

static unsigned told;
static struct health_summary told_summary;

static void rounded(void *userdata, const struct health *of)
{
	told++;
	told_summary = of ? health_summarise(of) : (struct health_summary){};
}

static void test_a_round_is_answered_when_all_are(void **state)
{
	told = 0;
	set("me", 1, false);
	set("other", 2, false);
	health_probe(health, rounded, NULL);
	health_probe(health, rounded, NULL);
	assert_int_equal(running(), 4);
	answer("10.99.0.1", 1000, NULL);
	assert_int_equal(told, 0);
	answer("10.99.0.2", 0, "No route to host");
	assert_int_equal(wait_timer(), 0);
	assert_int_equal(told, 2);
	assert_int_equal(told_summary.reachable, 1);
	assert_int_equal(running(), 0);
	assert_int_equal(wait_timer(), 10000);
}

static void test_a_round_has_its_limits(void **state)
{
	told = 0;
	for (unsigned i = 0; i < 60; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		set(name, i, false);
	}
	health_probe(health, rounded, NULL);
	assert_int_equal(running(), 2 * 32);
	answer("10.99.0.7", 1000, NULL);
	assert_int_equal(running(), 2 * 32);
	assert_int_equal(wait_timer(), 20000);
	assert_int_equal(told, 1);
	assert_int_equal(told_summary.reachable, 1);
	assert_int_equal(told_summary.oldest, 0);
}

static void test_a_round_does_not_wait_for_who_has_left(void **state)
{
	told = 0;
	set("me", 1, false);
	set("other", 2, false);
	health_probe(health, rounded, NULL);
	answer("10.99.0.1", 1000, NULL);
	health_node_remove(health, "other");
	health_node_remove(health, "never-there");
	assert_int_equal(running(), 0);
	assert_int_equal(wait_timer(), 0);
	assert_int_equal(told, 1);
	assert_int_equal(told_summary.nodes, 1);
}

static void test_who_waits_is_told_of_the_end(void **state)
{
	told = 0;
	set("me", 1, false);
	health_probe(health, rounded, NULL);
	health_free(TAKE_PTR(health));
	assert_int_equal(told, 1);
	assert_int_equal(running(), 0);
}

static void test_a_changed_address_is_probed_anew(void **state)
{
	set("other", 2, true);
	wait_timer();
	answer("10.99.0.2", 1000, NULL);
	set("other", 3, true);
	assert_int_equal(running(), 0);
	assert_summary(0, 1, false);
	assert_int_equal(wait_timer(), 200);
	assert_int_equal(answer("10.99.0.3", 1000, NULL), 2);
	assert_int_equal(answer("10.3.0.2", 1000, NULL), 2);
	assert_summary(1, 1, true);
	set("other", 3, true);
	assert_summary(1, 1, true);
	set("other", 3, false);
	assert_summary(1, 1, false);
}

static void count_path(const struct health_path *path, void *userdata)
{
	unsigned *counts = userdata;

	assert_string_equal(path->node, "other");
	assert_int_equal(path->family, FAMILY_V4);
	counts[path->reachable]++;
	assert_int_equal(path->rtt, path->reachable ? 1234 : 0);
}

static void test_paths_are_counted_once_known(void **state)
{
	unsigned counts[2] = {};

	set("other", 2, true);
	health_each_path(health, count_path, counts);
	assert_int_equal(counts[0] + counts[1], 0);
	wait_timer();
	answer("10.99.0.2", 1234, NULL);
	answer("10.2.0.2", 0, "Connection refused");
	health_each_path(health, count_path, counts);
	assert_int_equal(counts[0], 2);
	assert_int_equal(counts[1], 2);
}

/* ── real ones ── */

static int home = -1;

static int setup_real(void **state)
{
	struct netlink *netlink;
	struct link lo;

	memset(&fakes, 0, sizeof(fakes));
	fakes.real = true;
	if (loop_setup(state))
		return -1;
	if (geteuid())
		return 0;
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET) || netlink_open(NULL, &netlink, NULL) || link_get(netlink, "lo", &lo, NULL) ||
	    link_set_up(netlink, lo.ifindex, NULL))
		return -1;
	netlink_free(netlink);
	return 0;
}

static int teardown_real(void **state)
{
	if (home >= 0) {
		setns(home, CLONE_NEWNET);
		close(home);
		home = -1;
	}
	return loop_teardown(state);
}

#define need_root()             \
	do {                    \
		if (home < 0)   \
			skip(); \
	} while (0)

static struct probe_answer heard;
static unsigned heard_count;

static void hear(void *userdata, const struct probe_answer *words)
{
	heard = *words;
	heard_count++;
}

/* Probes and waits for the answer. */
static void ask(enum probe_kind kind, const char *address, uint16_t port)
{
	struct probe_target target = {.kind = kind, .port = port};

	heard_count = 0;
	addr_parse(address, &target.addr);
	probe_start(&loop, &target, hear, NULL);
	assert_int_equal(heard_count, 0);
	assert_eventually(heard_count == 1);
}

static struct http_server *respond(const char *address, uint16_t port)
{
	struct http_server *server = NULL;
	struct error error = {};
	struct addr addr;

	addr_parse(address, &addr);
	if (responder_new(&loop, -1, &addr, port, &server, &error))
		fail_msg("%s", error.message);
	return server;
}

static void test_http_is_answered_by_a_responder(void **state)
{
	struct http_server *v4, *v6;

	need_root();
	v4 = respond("127.0.0.1", 4240);
	v6 = respond("::1", 4240);
	ask(PROBE_HTTP, "127.0.0.1", 4240);
	assert_int_equal(heard.error.code, 0);
	assert_true(heard.rtt > 0);
	ask(PROBE_HTTP, "::1", 4240);
	assert_int_equal(heard.error.code, 0);
	http_server_free(v4);
	http_server_free(v6);
	ask(PROBE_HTTP, "127.0.0.1", 4240);
	assert_string_equal(heard.error.message, "Connection refused");
}

/* A listening socket of the test's own: what it sends is what it is told. */
static void test_only_http_200_is_an_answer(void **state)
{
	static const char *const words[] = {"HTTP/1.1 404 Not Found\r\n\r\n", "SSH-2.0\r\n", "HTTP"};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(4241)};
	_cleanup_close_ int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct probe_target target = {.kind = PROBE_HTTP, .port = 4241};

	need_root();
	addr_parse("127.0.0.1", &target.addr);
	memcpy(&address.sin_addr, &target.addr.byte[12], 4);
	assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listening, 1), 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		int fd;

		heard_count = 0;
		probe_start(&loop, &target, hear, NULL);
		fd = accept(listening, NULL, NULL);
		assert_true(fd >= 0);
		assert_int_equal(send(fd, words[i], strlen(words[i]), 0), strlen(words[i]));
		shutdown(fd, SHUT_WR);
		assert_eventually(heard_count == 1);
		close(fd);
		assert_int_equal(heard.error.code, -EPROTO);
	}
}

static void test_echoes_come_back(void **state)
{
	need_root();
	ask(PROBE_ICMP, "127.0.0.1", 0);
	assert_int_equal(heard.error.code, 0);
	assert_int_equal(heard.lost, 0);
	assert_true(heard.rtt > 0);
	ask(PROBE_ICMP, "::1", 0);
	assert_int_equal(heard.error.code, 0);
}

static void test_without_a_way_the_kernel_says_why(void **state)
{
	need_root();
	ask(PROBE_ICMP, "192.0.2.1", 0);
	assert_string_equal(heard.error.message, "Network is unreachable");
	ask(PROBE_HTTP, "2001:db8::1", 4240);
	assert_string_equal(heard.error.message, "Network is unreachable");
}

static void test_a_probe_can_be_cancelled(void **state)
{
	struct probe_target target = {.kind = PROBE_ICMP};

	need_root();
	heard_count = 0;
	addr_parse("127.0.0.1", &target.addr);
	probe_cancel(probe_start(&loop, &target, hear, NULL));
	addr_parse("192.0.2.1", &target.addr);
	probe_cancel(probe_start(&loop, &target, hear, NULL));
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(heard_count, 0);
}

static void test_an_address_that_is_taken_is_said(void **state)
{
	struct http_server *server, *second;
	struct error error = {};
	struct addr addr;

	need_root();
	server = respond("127.0.0.1", 4240);
	addr_parse("127.0.0.1", &addr);
	assert_int_equal(responder_new(&loop, -1, &addr, 4240, &second, &error), -EADDRINUSE);
	assert_non_null(strstr(error.message, "127.0.0.1, TCP port 4240"));
	http_server_free(server);
}

static void test_a_namespace_is_kept_without_a_process(void **state)
{
	_cleanup_free_ char *path = xasprintf("%s/netns", folder);
	_cleanup_close_ int first = -1, second = -1;
	struct stat one, two;

	need_root();
	assert_int_equal(netns_drop(path, NULL), 0);
	assert_int_equal(netns_keep(path, NULL), 0);
	assert_int_equal(netns_open(path, &first, NULL), 0);
	assert_int_equal(netns_keep(path, NULL), 0);
	assert_int_equal(netns_open(path, &second, NULL), 0);
	assert_int_equal(fstat(first, &one), 0);
	assert_int_equal(fstat(second, &two), 0);
	assert_int_equal(one.st_ino, two.st_ino);
	assert_int_equal(stat("/proc/self/ns/net", &two), 0);
	assert_int_not_equal(one.st_ino, two.st_ino);
	assert_int_equal(netns_drop(path, NULL), 0);
	assert_int_equal(access(path, F_OK), -1);
}

#define TEST(name)      cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
#define TEST_REAL(name) cmocka_unit_test_setup_teardown(test_##name, setup_real, teardown_real)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(nodes_have_their_turns),
		TEST(who_does_not_answer_is_asked_again_sooner),
		TEST(a_large_cluster_is_no_burst),
		TEST(a_round_is_answered_when_all_are),
		TEST(a_round_has_its_limits),
		TEST(a_round_does_not_wait_for_who_has_left),
		TEST(who_waits_is_told_of_the_end),
		TEST(a_changed_address_is_probed_anew),
		TEST(paths_are_counted_once_known),
		TEST_REAL(http_is_answered_by_a_responder),
		TEST_REAL(only_http_200_is_an_answer),
		TEST_REAL(echoes_come_back),
		TEST_REAL(without_a_way_the_kernel_says_why),
		TEST_REAL(a_probe_can_be_cancelled),
		TEST_REAL(an_address_that_is_taken_is_said),
		TEST_REAL(a_namespace_is_kept_without_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
