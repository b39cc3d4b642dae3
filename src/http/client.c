/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the agent, over libcurl. One connection each: the callers make few.
 */
#include "http/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define ANSWER_SECONDS 30L
#define ANSWER_MAX     (256UL * 1024 * 1024)
#define BASE_URL       "http://pilus"

DEFINE_CLEANUP(CURL *, curl_easy_cleanup)
DEFINE_CLEANUP(struct curl_slist *, curl_slist_free_all)

struct answer {
	CURL *curl;
	char *text; /* all of it; of a stream, only that of an error */
	size_t size;
	int (*piece)(void *userdata, const void *data, size_t size); /* NULL: not a stream */
	void *userdata;
	bool begun;
	int stopped; /* what `piece` returned */
};

static bool succeeded(CURL *curl)
{
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status / 100 == 2;
}

static size_t gather(struct answer *answer, const char *data, size_t size)
{
	if (size > ANSWER_MAX - answer->size)
		return 0;
	answer->text = xrealloc(answer->text, answer->size + size + 1);
	memcpy(answer->text + answer->size, data, size);
	answer->size += size;
	answer->text[answer->size] = '\0';
	return size;
}

static size_t take_body(char *data, size_t unit, size_t size, void *userdata)
{
	struct answer *answer = userdata;

	if (!answer->piece || !succeeded(answer->curl))
		return gather(answer, data, size);
	answer->stopped = answer->piece(answer->userdata, data, size);
	return answer->stopped ? 0 : size;
}

/* The empty line after the headers: the answer has begun. */
static size_t take_header(char *data, size_t unit, size_t size, void *userdata)
{
	struct answer *answer = userdata;
	bool last = size <= 2 && (data[0] == '\r' || data[0] == '\n');

	if (!last || answer->begun || !answer->piece || !succeeded(answer->curl))
		return size;
	answer->begun = true;
	answer->stopped = answer->piece(answer->userdata, NULL, 0);
	return answer->stopped ? 0 : size;
}

static int transport_error(const struct answer *answer, CURLcode code, const char *socket_path, struct error *error)
{
	long number = 0;

	curl_easy_getinfo(answer->curl, CURLINFO_OS_ERRNO, &number);
	if (code == CURLE_COULDNT_CONNECT && (number == EACCES || number == EPERM))
		return error_set(error, -EACCES,
		                 "not allowed to talk to the agent on %s: be root or of the group pilus", socket_path);
	if (code == CURLE_COULDNT_CONNECT)
		return error_set(error, -ECONNREFUSED, "no agent listens on %s: is pilusd running?", socket_path);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return error_set(error, -ETIMEDOUT, "the agent on %s did not answer within %ld seconds", socket_path,
		                 ANSWER_SECONDS);
	return error_set(error, -EIO, "the connection to the agent on %s broke: %s", socket_path,
	                 curl_easy_strerror(code));
}

static int code_of(long status)
{
	static const struct {
		long status;
		int code;
	} codes[] = {{400, -EINVAL}, {404, -ENOENT}, {409, -EEXIST}, {503, -EAGAIN}};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i].status == status)
			return codes[i].code;
	return -EPROTO;
}

static int refusal(const struct answer *answer, struct error *error)
{
	json_t *body = answer->text ? json_loadb(answer->text, answer->size, 0, NULL) : NULL;
	const char *words = json_string_value(json_object_get(body, "error"));
	long status = 0;
	int result;

	curl_easy_getinfo(answer->curl, CURLINFO_RESPONSE_CODE, &status);
	if (words)
		result = error_set(error, code_of(status), "%s", words);
	else
		result = error_set(error, code_of(status), "the agent answered with HTTP status %ld and no reason",
		                   status);
	json_decref(body);
	return result;
}

static int prepare(CURL *curl, const char *socket_path, const char *url, struct answer *answer, struct error *error)
{
	struct sockaddr_un address;

	if (strlen(socket_path) >= sizeof(address.sun_path))
		return error_set(error, -ENAMETOOLONG, "the socket's path is longer than %zu bytes: %s",
		                 sizeof(address.sun_path) - 1, socket_path);
	answer->curl = curl;
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
	return 0;
}

/* Sends and waits. 0 for a 2xx answer. */
static int perform(const char *socket_path, struct answer *answer, struct error *error)
{
	CURLcode code = curl_easy_perform(answer->curl);

	if (answer->stopped)
		return answer->stopped;
	if (code != CURLE_OK)
		return transport_error(answer, code, socket_path, error);
	return succeeded(answer->curl) ? 0 : refusal(answer, error);
}

static int parse_answer(const struct answer *answer, json_t **ret_body, struct error *error)
{
	json_t *body = NULL;

	if (answer->size && !(body = json_loadb(answer->text, answer->size, JSON_DECODE_ANY, NULL)))
		return error_set(error, -EPROTO, "the agent's answer is not JSON");
	*ret_body = body;
	return 0;
}

int http_request(const char *socket_path, const char *method, const char *path, json_t *body, json_t **ret_body,
                 struct error *error)
{
	_cleanup_(curl_easy_cleanupp) CURL *curl = curl_easy_init();
	_cleanup_(curl_slist_free_allp) struct curl_slist *headers = NULL;
	_cleanup_free_ char *url = xasprintf(BASE_URL "%s", path), *sent = NULL, *received = NULL;
	struct answer answer = {};
	int result;

	result = prepare(curl, socket_path, url, &answer, error);
	if (result < 0)
		return result;
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_SECONDS);
	if (body) {
		sent = json_dumps(body, JSON_COMPACT);
		headers = curl_slist_append(NULL, "Content-Type: application/json");
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sent);
	}
	result = perform(socket_path, &answer, error);
	received = answer.text;
	return result || !ret_body ? result : parse_answer(&answer, ret_body, error);
}

int http_stream(const char *socket_path, const char *path, int (*piece)(void *userdata, const void *data, size_t size),
                void *userdata, struct error *error)
{
	_cleanup_(curl_easy_cleanupp) CURL *curl = curl_easy_init();
	_cleanup_free_ char *url = xasprintf(BASE_URL "%s", path), *received = NULL;
	struct answer answer = {.piece = piece, .userdata = userdata};
	int result;

	result = prepare(curl, socket_path, url, &answer, error);
	if (result < 0)
		return result;
	result = perform(socket_path, &answer, error);
	received = answer.text;
	return result;
}

char *http_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0), *copy = xstrdup(escaped ?: "");

	curl_free(escaped);
	return copy;
}
