/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows as lines of `bpf ct list`.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/bpf.h"
#include "unit.h"

struct flow_case {
	const char *source, *destination; /* the opener and its peer */
	uint16_t source_port, destination_port;
	uint8_t protocol;
	uint8_t origin;
	uint8_t source_flags, destination_flags;
	const char *line;
	uint8_t icmp_type;
};

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void assert_line(const struct flow_case *expected)
{
	struct addr source = addr(expected->source), destination = addr(expected->destination);
	const struct flow_timeouts timeouts = FLOW_TIMEOUTS_DEFAULT;
	struct flow_key key;
	struct flow flow = {};
	json_auto_t *row = NULL;
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);
	int opener = flow_key_fill(&key, &source, &destination, htons(expected->source_port),
	                           htons(expected->destination_port), expected->protocol);

	key.icmp_type[opener] = expected->icmp_type;

	flow.initiator = opener;
	flow.identity[opener] = 4262;
	flow.identity[!opener] = 43303;
	flow.decision[opener].origin = expected->origin;
	flow.traffic[opener] = (struct flow_traffic){.packets = 5,
	                                             .bytes = 339,
	                                             .last_seen = 2509 * NS_PER_SECOND + 999,
	                                             .tcp_flags = expected->source_flags};
	flow.traffic[!opener] = (struct flow_traffic){.packets = 4,
	                                              .bytes = 300,
	                                              .last_seen = 2508 * NS_PER_SECOND,
	                                              .tcp_flags = expected->destination_flags};
	row = flow_to_json(&key, &flow, &timeouts);
	flow_write(row, out);
	fclose(out);
	assert_string_equal(line, expected->line);
	free(line);
}

static void flows_are_lines(void **state)
{
	static const struct flow_case CASES[] = {
		{"10.101.62.62", "10.101.92.31", 32906, 5001, PROTOCOL_TCP, FLOW_FROM_ENDPOINT, TCP_SYN | TCP_ACK,
	         TCP_SYN | TCP_ACK,
	         "TCP OUT 10.101.62.62:32906 -> 10.101.92.31:5001 expires=24109 RxPackets=4 RxBytes=300 "
	         "RxFlagsSeen=0x12 "
	         "LastRxReport=2508 TxPackets=5 TxBytes=339 TxFlagsSeen=0x12 LastTxReport=2509 Flags=0x0010 [ "
	         "SeenNonSyn "
	         "] SourceSecurityID=4262 DestinationSecurityID=43303\n"},
		{"10.102.0.9", "10.101.92.31", 32906, 5001, PROTOCOL_TCP, FLOW_FROM_NODE, TCP_SYN | TCP_ACK | TCP_FIN,
	         TCP_SYN | TCP_ACK | TCP_FIN,
	         "TCP IN 10.102.0.9:32906 -> 10.101.92.31:5001 expires=2519 RxPackets=5 RxBytes=339 RxFlagsSeen=0x13 "
	         "LastRxReport=2509 TxPackets=4 TxBytes=300 TxFlagsSeen=0x13 LastTxReport=2508 Flags=0x0013 [ "
	         "RxClosing "
	         "TxClosing SeenNonSyn ] SourceSecurityID=4262 DestinationSecurityID=43303\n"},
		{"fd00::2", "fd00::1", 53211, 53, PROTOCOL_UDP, FLOW_FROM_STACK, 0, 0,
	         "UDP IN [fd00::2]:53211 -> [fd00::1]:53 expires=2569 RxPackets=5 RxBytes=339 RxFlagsSeen=0x00 "
	         "LastRxReport=2509 TxPackets=4 TxBytes=300 TxFlagsSeen=0x00 LastTxReport=2508 Flags=0x0000 [ ] "
	         "SourceSecurityID=4262 DestinationSecurityID=43303\n"},
		{"10.101.62.62", "10.101.92.31", 26768, 0, PROTOCOL_ICMP, FLOW_FROM_ENDPOINT, 0, 0,
	         "ICMP OUT 10.101.62.62:26768 -> 10.101.92.31:0 expires=2569 RxPackets=4 RxBytes=300 RxFlagsSeen=0x00 "
	         "LastRxReport=2508 TxPackets=5 TxBytes=339 TxFlagsSeen=0x00 LastTxReport=2509 Flags=0x0000 [ ] "
	         "SourceSecurityID=4262 DestinationSecurityID=43303\n"},
		{"10.101.62.62", "10.101.92.31", 0, 0, PROTOCOL_ICMP, FLOW_FROM_ENDPOINT, 0, 0,
	         "ICMP OUT 10.101.62.62:0 -> 10.101.92.31:0 type=TimestampRequest expires=2569 RxPackets=4 RxBytes=300 "
	         "RxFlagsSeen=0x00 LastRxReport=2508 TxPackets=5 TxBytes=339 TxFlagsSeen=0x00 LastTxReport=2509 "
	         "Flags=0x0000 [ ] SourceSecurityID=4262 DestinationSecurityID=43303\n",
	         .icmp_type = 13},
		{"10.101.62.62", "10.101.92.31", 0, 0, 47, FLOW_FROM_ENDPOINT, 0, 0,
	         "47 OUT 10.101.62.62:0 -> 10.101.92.31:0 expires=2569 RxPackets=4 RxBytes=300 RxFlagsSeen=0x00 "
	         "LastRxReport=2508 TxPackets=5 TxBytes=339 TxFlagsSeen=0x00 LastTxReport=2509 Flags=0x0000 [ ] "
	         "SourceSecurityID=4262 DestinationSecurityID=43303\n"},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++)
		assert_line(&CASES[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_are_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
