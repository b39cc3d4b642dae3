/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real etcd for a test, which starts, kills and wipes it in a network namespace of its own.
 */
#ifndef PILUS_TESTS_ETCD_SERVER_H
#define PILUS_TESTS_ETCD_SERVER_H

#include "loop.h"

#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"

struct etcd_server {
	char folder[32]; /* of its data; made by etcd_server_prepare */
	pid_t pid;       /* 0: it does not run */
};

static inline void etcd_server_become(const struct etcd_server *server, const char *flags)
{
	_cleanup_free_ char *command =
		xasprintf("exec etcd --data-dir %s/data --unsafe-no-fsync --heartbeat-interval=20 "
	                  "--election-timeout=200 %s",
	                  server->folder, flags);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
		_exit(126);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

static inline void etcd_server_start(struct etcd_server *server, const char *flags)
{
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (!server->pid)
		etcd_server_become(server, flags);
}

static inline void etcd_server_kill(struct etcd_server *server)
{
	assert_int_equal(kill(server->pid, SIGKILL), 0);
	assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
	server->pid = 0;
}

static inline void etcd_server_wipe(const struct etcd_server *server)
{
	_cleanup_free_ char *data = xasprintf("%s/data", server->folder);

	assert_int_equal(folder_remove(data), 0);
}

/* What a call of the gateway by curl says, while the loop and so the store stand still; it waits for etcd. */
static inline json_t *etcd_server_ask(const char *url, const char *flags, const char *body)
{
	_cleanup_free_ char *command =
		xasprintf("curl -sf --retry 10 --retry-delay 1 --retry-all-errors %s %s -d '%s'", flags, url, body);
	FILE *pipe = popen(command, "re");
	json_t *answer;

	assert_non_null(pipe);
	answer = json_loadf(pipe, 0, NULL);
	assert_int_equal(pclose(pipe), 0);
	assert_non_null(answer);
	return answer;
}

static inline void etcd_server_lo_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

static inline int etcd_server_prepare(struct etcd_server *server)
{
	strcpy(server->folder, "/tmp/pilus-etcd-XXXXXX");
	return mkdtemp(server->folder) ? 0 : -1;
}

static inline int etcd_server_remove(struct etcd_server *server)
{
	if (server->pid)
		etcd_server_kill(server);
	return folder_remove(server->folder);
}

/* 0: there is an etcd, and a network for it that nobody else has. */
static inline int etcd_server_possible(void)
{
	if (system("command -v etcd >/dev/null")) {
		puts("no etcd here: install etcd-server");
		return 77;
	}
	if (unshare(CLONE_NEWNET) < 0) {
		puts("no network namespace of its own: run as root");
		return 77;
	}
	etcd_server_lo_up();
	return 0;
}

#endif
