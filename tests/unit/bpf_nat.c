/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings as lines and rows of `bpf nat list`.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/bpf.h"
#include "unit.h"

struct mapping_case {
	const char *source, *destination, *translated;
	uint16_t source_port, destination_port, port;
	uint8_t protocol;
	uint8_t end;
	const char *line;
};

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static json_t *row_of(const struct mapping_case *mapping)
{
	struct nat_key key = {
		.source = addr(mapping->source),
		.destination = addr(mapping->destination),
		.source_port = htons(mapping->source_port),
		.destination_port = htons(mapping->destination_port),
		.protocol = mapping->protocol,
	};
	struct nat_entry entry = {
		.addr = addr(mapping->translated),
		.port = htons(mapping->port),
		.end = mapping->end,
		.created = 5 * NS_PER_SECOND,
	};

	return nat_to_json(&key, &entry, 17 * NS_PER_SECOND + 1);
}

static void mappings_are_lines(void **state)
{
	static const struct mapping_case CASES[] = {
		{"10.1.0.7", "192.0.2.80", "10.99.0.1", 32906, 443, 1024, PROTOCOL_TCP, NAT_SOURCE,
	         "TCP OUT 10.1.0.7:32906 -> 192.0.2.80:443 XLATE_SRC 10.99.0.1:1024 Created=12sec HostLocal=0\n"},
		{"192.0.2.80", "10.99.0.1", "10.1.0.7", 443, 1024, 32906, PROTOCOL_TCP, NAT_DESTINATION,
	         "TCP IN 192.0.2.80:443 -> 10.99.0.1:1024 XLATE_DST 10.1.0.7:32906 Created=12sec HostLocal=0\n"},
		{"fd00:1::7", "2001:db8::1", "fd99::1", 77, 0, 78, PROTOCOL_ICMPV6, NAT_SOURCE,
	         "ICMPv6 OUT [fd00:1::7]:77 -> [2001:db8::1]:0 XLATE_SRC [fd99::1]:78 Created=12sec HostLocal=0\n"},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		json_auto_t *row = row_of(&CASES[i]);
		char *line = NULL;
		size_t size;
		FILE *out = open_memstream(&line, &size);

		nat_write(row, out);
		fclose(out);
		assert_string_equal(line, CASES[i].line);
		free(line);
	}
}

static void a_mapping_is_a_row(void **state)
{
	static const struct mapping_case mapping = {"10.1.0.7", "192.0.2.80", "10.99.0.1", 32906, 443,
	                                            1024,       PROTOCOL_UDP, NAT_SOURCE,  NULL};
	json_auto_t *row = row_of(&mapping);
	char *text = json_dumps(row, JSON_COMPACT);

	assert_string_equal(text, "{\"protocol\":\"UDP\",\"direction\":\"OUT\",\"source\":\"10.1.0.7\",\"source-port\":"
	                          "32906,\"destination\":\"192.0.2.80\",\"destination-port\":443,\"translated\":"
	                          "\"10.99.0.1\",\"translated-port\":1024,\"age\":12,\"host-local\":false}");
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(mappings_are_lines),
		cmocka_unit_test(a_mapping_is_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
