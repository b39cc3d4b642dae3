/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A netlink socket in a network namespace, and requests over it.
 */
#include "net/netlink.h"

#include <errno.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/netns.h"
#include "net/request.h"

#define RECEIVE_BYTES 32768
#define DUMP_TRIES    16

struct netlink {
	struct nl_sock *socket;
};

static void set_option(struct nl_sock *socket, int option)
{
	int on = 1;

	/* Only for better words: a kernel that lacks it does without. */
	if (setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, option, &on, sizeof(on)) < 0)
		log_debug("netlink option %d: %s", option, strerror(errno));
}

struct opening {
	struct nl_sock *socket;
	int protocol;
};

static int open_here(void *userdata)
{
	const struct opening *opening = userdata;

	/* libnl hides errno behind its own numbers, but does not touch it after the failing call. */
	errno = 0;
	if (nl_connect(opening->socket, opening->protocol) < 0)
		return errno ? -errno : -EIO;
	set_option(opening->socket, NETLINK_EXT_ACK);
	set_option(opening->socket, NETLINK_CAP_ACK);
	nl_socket_set_msg_buf_size(opening->socket, RECEIVE_BYTES);
	return 0;
}

static int open_in(const char *netns_path, struct opening *opening, struct error *error)
{
	_cleanup_close_ int netns = -1;
	int result;

	if (!netns_path)
		return open_here(opening);
	result = netns_open(netns_path, &netns, error);
	return result < 0 ? result : netns_call(netns, open_here, opening, error);
}

static int open_protocol(const char *netns_path, int protocol, struct netlink **ret, struct error *error)
{
	_cleanup_netlink_ struct netlink *netlink = xnew(struct netlink);
	struct error reason = {};
	int result;

	netlink->socket = nl_socket_alloc();
	if (!netlink->socket)
		return error_set_errno(error, -ENOMEM, "cannot open a netlink socket");
	result = open_in(netns_path, &(struct opening){netlink->socket, protocol}, &reason);
	if (result < 0 && reason.code)
		return error_set(error, result, "%s", reason.message);
	if (result < 0)
		return error_set_errno(error, result, "cannot open a netlink socket");
	*ret = TAKE_PTR(netlink);
	return 0;
}

int netlink_open(const char *netns_path, struct netlink **ret, struct error *error)
{
	return open_protocol(netns_path, NETLINK_ROUTE, ret, error);
}

int netlink_open_sockets(const char *netns_path, struct netlink **ret, struct error *error)
{
	return open_protocol(netns_path, NETLINK_SOCK_DIAG, ret, error);
}

void netlink_free(struct netlink *netlink)
{
	if (!netlink)
		return;
	if (netlink->socket)
		nl_socket_free(netlink->socket);
	free(netlink);
}

struct nl_msg *request_new(int type, int flags, const void *header, size_t size)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);

	if (!message || nlmsg_append(message, (void *)header, size, NLMSG_ALIGNTO) < 0) {
		log_error("out of memory for a netlink message");
		abort();
	}
	return message;
}

void request_put(struct nl_msg *message, int type, const void *data, size_t size)
{
	if (nla_put(message, type, (int)size, data) < 0) {
		log_error("netlink message %d has no room for attribute %d", nlmsg_hdr(message)->nlmsg_type, type);
		abort();
	}
}

void request_put_u32(struct nl_msg *message, int type, uint32_t value)
{
	request_put(message, type, &value, sizeof(value));
}

void request_put_text(struct nl_msg *message, int type, const char *text)
{
	request_put(message, type, text, strlen(text) + 1);
}

void request_put_addr(struct nl_msg *message, int type, const struct addr *addr)
{
	if (addr_is_v4(addr))
		request_put(message, type, &addr->word[3], sizeof(addr->word[3]));
	else
		request_put(message, type, addr, sizeof(*addr));
}

struct nlattr *request_nest(struct nl_msg *message, int type)
{
	struct nlattr *nest = nla_nest_start(message, type);

	if (!nest) {
		log_error("netlink message %d has no room for attribute %d", nlmsg_hdr(message)->nlmsg_type, type);
		abort();
	}
	return nest;
}

void request_nest_end(struct nl_msg *message, struct nlattr *nest)
{
	nla_nest_end(message, nest);
}

struct addr request_addr(const struct nlattr *attribute)
{
	struct addr addr = {};

	if (attribute && nla_len(attribute) == sizeof(addr.word[3])) {
		addr = addr_from_v4(0);
		memcpy(&addr.word[3], nla_data(attribute), sizeof(addr.word[3]));
	} else if (attribute && nla_len(attribute) == sizeof(addr)) {
		memcpy(&addr, nla_data(attribute), sizeof(addr));
	}
	return addr;
}

struct exchange {
	uint32_t sequence;
	struct answers answers;
	bool done, interrupted;
	int code;
	char words[256]; /* the kernel's, beyond errno */
};

/* Answers to a request that was given up earlier may still arrive: they are passed over. */
static int on_sequence(struct nl_msg *message, void *userdata)
{
	const struct exchange *exchange = userdata;

	return nlmsg_hdr(message)->nlmsg_seq == exchange->sequence ? NL_OK : NL_SKIP;
}

static int on_answer(struct nl_msg *message, void *userdata)
{
	struct answers *answers = &((struct exchange *)userdata)->answers;
	const struct nlmsghdr *header = nlmsg_hdr(message);
	size_t size = NLMSG_ALIGN(header->nlmsg_len);

	answers->data = xrealloc(answers->data, (size_t)answers->size + size);
	memset(answers->data + answers->size, 0, size);
	memcpy(answers->data + answers->size, header, header->nlmsg_len);
	answers->size += (int)size;
	return NL_OK;
}

static int on_interrupted(struct nl_msg *message, void *userdata)
{
	((struct exchange *)userdata)->interrupted = true;
	return NL_OK;
}

static int on_ack(struct nl_msg *message, void *userdata)
{
	((struct exchange *)userdata)->done = true;
	return NL_STOP;
}

/* The end of a dump carries its result. */
static int on_finish(struct nl_msg *message, void *userdata)
{
	const struct nlmsghdr *header = nlmsg_hdr(message);
	struct exchange *exchange = userdata;

	if (nlmsg_datalen(header) >= (int)sizeof(int))
		exchange->code = *(const int *)nlmsg_data(header);
	exchange->done = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *failure, void *userdata)
{
	struct nlmsghdr *header = (struct nlmsghdr *)((char *)failure - NLMSG_HDRLEN);
	struct nlattr *attributes[NLMSGERR_ATTR_MAX + 1] = {};
	struct exchange *exchange = userdata;

	exchange->code = failure->error;
	exchange->done = true;
	if ((header->nlmsg_flags & NLM_F_ACK_TLVS) && (header->nlmsg_flags & NLM_F_CAPPED) &&
	    nlmsg_parse(header, sizeof(*failure), attributes, NLMSGERR_ATTR_MAX, NULL) == 0 &&
	    attributes[NLMSGERR_ATTR_MSG])
		nla_strlcpy(exchange->words, attributes[NLMSGERR_ATTR_MSG], sizeof(exchange->words));
	return NL_STOP;
}

static void exchange_listen(struct exchange *exchange, struct nl_cb *callbacks)
{
	nl_cb_set(callbacks, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_sequence, exchange);
	nl_cb_set(callbacks, NL_CB_VALID, NL_CB_CUSTOM, on_answer, exchange);
	nl_cb_set(callbacks, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted, exchange);
	nl_cb_set(callbacks, NL_CB_ACK, NL_CB_CUSTOM, on_ack, exchange);
	nl_cb_set(callbacks, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, exchange);
	nl_cb_err(callbacks, NL_CB_CUSTOM, on_error, exchange);
}

DEFINE_CLEANUP(struct nl_cb *, nl_cb_put)

static int exchange_run(struct exchange *exchange, struct netlink *netlink, struct nl_msg *message)
{
	_cleanup_(nl_cb_putp) struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);

	if (!callbacks)
		return -ENOMEM;
	exchange_listen(exchange, callbacks);
	nlmsg_hdr(message)->nlmsg_seq = NL_AUTO_SEQ;
	errno = 0;
	if (nl_send_auto(netlink->socket, message) < 0)
		return errno ? -errno : -EIO;
	exchange->sequence = nlmsg_hdr(message)->nlmsg_seq;
	while (!exchange->done) {
		errno = 0;
		if (nl_recvmsgs(netlink->socket, callbacks) < 0 && !exchange->done)
			return errno ? -errno : -EIO;
	}
	return exchange->code;
}

static int explain(const struct exchange *exchange, int code, struct error *error)
{
	if (exchange->words[0])
		return error_set(error, code, "%s (%s)", strerror(-code), exchange->words);
	if (code == -EPERM)
		return error_set(error, code, "this needs root, or the capability CAP_NET_ADMIN");
	return error_set(error, code, "%s", strerror(-code));
}

int request_run(struct netlink *netlink, struct nl_msg *message, struct answers *ret, struct error *error)
{
	for (unsigned tries = 0; tries < DUMP_TRIES; tries++) {
		struct exchange exchange = {};
		_cleanup_answers_ struct answers answers = {};
		int result = exchange_run(&exchange, netlink, message);

		answers = exchange.answers;
		if (result < 0)
			return explain(&exchange, result, error);
		if (exchange.interrupted)
			continue;
		if (ret) {
			*ret = answers;
			answers = (struct answers){};
		}
		return 0;
	}
	return error_set(error, -EAGAIN, "it kept changing while it was read; try again");
}
