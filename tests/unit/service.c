/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service manager hears.
 */
#include "agent/service.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "loop.h"

static int manager;

/* Listens as $NOTIFY_SOCKET: at a path, or where that begins with a 0 byte, in the abstract namespace. */
static void listen_at(const char *path, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(name);

	memcpy(address.sun_path, path, length);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + length),
	                 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static const char *heard(void)
{
	static char text[1024];
	ssize_t length = recv(manager, text, sizeof(text) - 1, 0);

	text[length < 0 ? 0 : length] = '\0';
	return text;
}

static unsigned times;

/* At least so often by now. */
static bool has_heard(const char *text, unsigned often)
{
	times += !strcmp(heard(), text);
	return times >= often;
}

static int forget(void **state)
{
	close(manager);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return loop_teardown(state);
}

static void is_told_at_a_path(void **state)
{
	char path[] = "/tmp/pilus-service-XXXXXX";

	close(mkstemp(path));
	unlink(path);
	listen_at(path, path);
	service_tell("STATUS=%d pods", 3);
	assert_string_equal(heard(), "STATUS=3 pods");
	assert_string_equal(heard(), "");
	unlink(path);
}

static void is_told_in_the_abstract_namespace(void **state)
{
	char path[64] = "", name[64];

	snprintf(name, sizeof(name), "@pilus-service-%d", getpid());
	memcpy(path + 1, name + 1, strlen(name));
	listen_at(path, name);
	service_tell("READY=1");
	assert_string_equal(heard(), "READY=1");
}

static void nobody_listening_is_fine(void **state)
{
	service_tell("READY=1");
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	service_tell("READY=1");
	setenv("NOTIFY_SOCKET", "nonsense", 1);
	service_tell("READY=1");
}

static void the_watchdog_is_fed(void **state)
{
	char path[64] = "", name[64];
	struct service *service;

	snprintf(name, sizeof(name), "@pilus-service-%d", getpid());
	memcpy(path + 1, name + 1, strlen(name));
	listen_at(path, name);
	setenv("WATCHDOG_USEC", "20000", 1);
	service = service_new(&loop);
	assert_eventually(has_heard("WATCHDOG=1", 2));
	service_free(service);
}

static void another_ones_watchdog_is_not_fed(void **state)
{
	struct service *service;

	setenv("WATCHDOG_USEC", "20000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	service = service_new(&loop);
	assert_int_equal(uv_loop_alive(&loop), 0);
	service_free(service);
}

#define SERVICE_TEST(function) cmocka_unit_test_setup_teardown(function, loop_setup, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVICE_TEST(is_told_at_a_path),
		SERVICE_TEST(is_told_in_the_abstract_namespace),
		SERVICE_TEST(nobody_listening_is_fine),
		SERVICE_TEST(the_watchdog_is_fed),
		SERVICE_TEST(another_ones_watchdog_is_not_fed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
