/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question as docs/api.md has it: GET /v1/why?source=…&destination=…&port=…&protocol=…
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/flow.h"
#include "agent/why/internal.h"

static const struct {
	const char *word;
	uint8_t number;
} protocols[] = {{"tcp", PROTOCOL_TCP},
                 {"udp", PROTOCOL_UDP},
                 {"sctp", PROTOCOL_SCTP},
                 {"icmp", PROTOCOL_ICMP},
                 {"icmpv6", PROTOCOL_ICMPV6}};

const char *why_protocol_word(uint8_t protocol)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i].number == protocol)
			return protocols[i].word;
	return "?";
}

static int read_protocol(const char *word, uint8_t *ret, struct error *error)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (!strcmp(protocols[i].word, word)) {
			*ret = protocols[i].number;
			return 0;
		}
	return error_set(error, -EINVAL, "protocol: '%s' is none of tcp, udp, sctp, icmp and icmpv6", word);
}

/* Of ICMP the type, which is an echo request unless another is given. */
static int read_port(const char *text, uint8_t protocol, uint16_t *ret, struct error *error)
{
	bool icmp = protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6;
	unsigned long last = icmp ? UINT8_MAX : UINT16_MAX, number;
	char *end;

	if (!text && icmp) {
		*ret = protocol == PROTOCOL_ICMP ? 8 : 128;
		return 0;
	}
	number = text ? strtoul(text, &end, 10) : 0;
	if (!text || *text < '0' || *text > '9' || *end || number > last || (!number && !icmp))
		return error_set(error, -EINVAL, "port: must be %d to %lu", icmp ? 0 : 1, last);
	*ret = (uint16_t)number;
	return 0;
}

static int read_family(const char *text, uint8_t *ret, struct error *error)
{
	if (!text)
		return 0;
	if (strcmp(text, "4") && strcmp(text, "6"))
		return error_set(error, -EINVAL, "family: must be 4 or 6");
	*ret = text[0] - '0';
	return 0;
}

int why_question_read(const struct http_exchange *exchange, struct why_question *ret, struct error *error)
{
	struct why_question question = {
		.source = http_exchange_query(exchange, "source"),
		.destination = http_exchange_query(exchange, "destination"),
		.sends_as = http_exchange_query(exchange, "sends-as"),
	};
	int r;

	if (!question.source || !question.destination)
		return error_set(error, -EINVAL, "who asks whom? Give source and destination");
	r = read_protocol(http_exchange_query(exchange, "protocol") ?: "tcp", &question.protocol, error);
	if (!r)
		r = read_port(http_exchange_query(exchange, "port"), question.protocol, &question.port, error);
	if (!r)
		r = read_family(http_exchange_query(exchange, "family"), &question.family, error);
	if (!r)
		*ret = question;
	return r;
}
