/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rtnetlink request and its answers, for the files of this folder. Messages are small and of known shape, so
 * putting attributes into them does not fail.
 */
#ifndef PILUS_NET_REQUEST_H
#define PILUS_NET_REQUEST_H

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "net/netlink.h"

DEFINE_CLEANUP(struct nl_msg *, nlmsg_free)
#define _cleanup_nl_msg_ _cleanup_(nlmsg_freep)

/* A message with the family's header (struct ifinfomsg, rtmsg, …); the caller frees it. */
struct nl_msg *request_new(int type, int flags, const void *header, size_t size);

void request_put(struct nl_msg *message, int type, const void *data, size_t size);
void request_put_u32(struct nl_msg *message, int type, uint32_t value);
void request_put_text(struct nl_msg *message, int type, const char *text);

/* 4 or 16 bytes, as the family of the address has it. */
void request_put_addr(struct nl_msg *message, int type, const struct addr *addr);

struct nlattr *request_nest(struct nl_msg *message, int type);
void request_nest_end(struct nl_msg *message, struct nlattr *nest);

/* What the kernel answered: messages one after the other, for nlmsg_ok and nlmsg_next. */
struct answers {
	char *data;
	int size;
};
static inline void answers_clear(struct answers *answers)
{
	free(answers->data);
}
#define _cleanup_answers_ _cleanup_(answers_clear)

/*
 * Sends the message and waits for the end of the answer. The answers (ret may be NULL) are filled only on success, with
 * the whole of a dump, which is taken again when it changed in between. The error's words are the kernel's reason
 * alone: callers prefix what they wanted.
 */
int request_run(struct netlink *netlink, struct nl_msg *message, struct answers *ret, struct error *error);

#define ANSWERS_EACH(header, answers)                                                               \
	for (struct nlmsghdr *header = (struct nlmsghdr *)(answers)->data;                          \
	     header && nlmsg_ok(header, (answers)->size - (int)((char *)header - (answers)->data)); \
	     header = (struct nlmsghdr *)((char *)header + NLMSG_ALIGN(header->nlmsg_len)))

static inline uint8_t request_family(const struct addr *addr)
{
	return addr_is_v4(addr) ? AF_INET : AF_INET6;
}

/* The prefix length as the kernel counts it in the address's own family. */
static inline uint8_t request_prefix_length(const struct addr *addr, uint8_t bits)
{
	return addr_is_v4(addr) ? (uint8_t)(bits - ADDR_V4_PREFIX_BITS) : bits;
}

/* The address in an attribute of 4 or 16 bytes; zero when it is missing. */
struct addr request_addr(const struct nlattr *attribute);

#endif
