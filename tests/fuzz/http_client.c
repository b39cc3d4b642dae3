/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to the client of the plugin and the command line: as soon as it connects, the input lies in its socket.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "http/client.h"

#define ANSWER_MAX 65536 /* fits a socket's buffer */

static const uint8_t *answer;
static size_t answer_size;
static int far = -1;

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	int ends[2];

	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	must(write(ends[1], answer, answer_size) == (ssize_t)answer_size);
	shutdown(ends[1], SHUT_WR);
	must(dup2(ends[0], fd) == fd);
	close(ends[0]);
	far = ends[1];
	return 0;
}

static int take_piece(void *userdata, const void *data, size_t size)
{
	size_t *sum = userdata;

	for (size_t i = 0; i < size; i++)
		*sum += ((const uint8_t *)data)[i];
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error = {};
	json_t *body = NULL;
	size_t sum = 0;
	int result;

	answer = data;
	answer_size = size < ANSWER_MAX ? size : ANSWER_MAX;
	result = http_request("/run/agent.sock", "GET", "/v1/status", NULL, &body, &error);
	must(result <= 0);
	must_tell(result, &error);
	json_decref(body);
	close(far);
	error = (struct error){};
	result = http_stream("/run/agent.sock", "/v1/monitor", take_piece, &sum, &error);
	must_tell(result, &error);
	close(far);
	return 0;
}
