/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct prefix prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static void addresses_come_back_in_shortest_form(void **state)
{
	static const char *const pairs[][2] = {
		{"10.0.0.1", "10.0.0.1"},
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"::", "::"},
		{"::1", "::1"},
		{"FD00:0:0:0:0:0:0:1", "fd00::1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"::ffff:10.0.0.1", "10.0.0.1"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct addr parsed = addr(pairs[i][0]);
		char text[ADDR_TEXT_MAX];

		assert_string_equal(addr_format(&parsed, text), pairs[i][1]);
	}
}

static void bad_addresses_change_nothing(void **state)
{
	static const char *const bad[] = {
		"",     " ",          "10.0.0",       "10.0.0.256", "10.0.0.1/32", "10.0.0.1 ", "fd00::1%eth0",
		"fd00", "fd00::1::2", "host.example", "010.0.0.1"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct addr result = addr("192.0.2.1"), before = result;

		assert_int_equal(addr_parse(bad[i], &result), -EINVAL);
		assert_true(addr_equal(&result, &before));
	}
}

static void zero_is_no_v4_address(void **state)
{
	struct addr none = {}, any = addr("0.0.0.0");

	assert_true(addr_is_zero(&none));
	assert_false(addr_is_v4(&none));
	assert_false(addr_is_zero(&any));
	assert_true(addr_is_v4(&any));
}

static void adding_carries(void **state)
{
	static const struct {
		const char *from;
		uint64_t offset;
		const char *to;
	} sums[] = {
		{"10.0.0.255", 1, "10.0.1.0"},
		{"10.0.0.0", 0, "10.0.0.0"},
		{"fd00::ffff:ffff:ffff:ffff", 1, "fd00:0:0:1::"},
		{"fd00::2", UINT64_MAX, "fd00:0:0:1::1"},
		{"fd00::", 0x10000, "fd00::1:0"},
	};

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
		struct addr from = addr(sums[i].from), to = addr(sums[i].to), sum = addr_add(&from, sums[i].offset);

		assert_true(addr_equal(&sum, &to));
	}
}

static void order_is_that_of_numbers(void **state)
{
	struct addr low = addr("10.0.0.2"), high = addr("10.0.0.10"), v6 = addr("fd00::");

	assert_true(addr_compare(&low, &high) < 0);
	assert_true(addr_compare(&v6, &high) > 0);
	assert_int_equal(addr_compare(&low, &low), 0);
}

static void prefixes_come_back(void **state)
{
	static const struct {
		const char *text, *canonical;
		uint8_t bits;
		unsigned length;
	} rows[] = {
		{"10.0.0.0/8", "10.0.0.0/8", 104, 8},        {"0.0.0.0/0", "0.0.0.0/0", 96, 0},
		{"10.1.2.3", "10.1.2.3/32", 128, 32},        {"::/0", "::/0", 0, 0},
		{"fd00:1::/112", "fd00:1::/112", 112, 112},  {"fd00:1::1", "fd00:1::1/128", 128, 128},
		{"10.1.2.128/25", "10.1.2.128/25", 121, 25}, {"::ffff:10.0.0.0/104", "10.0.0.0/8", 104, 8},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix parsed = prefix(rows[i].text);
		char text[PREFIX_TEXT_MAX];

		assert_int_equal(parsed.bits, rows[i].bits);
		assert_int_equal(prefix_length(&parsed), rows[i].length);
		assert_string_equal(prefix_format(&parsed, text), rows[i].canonical);
	}
}

static void bad_prefixes_change_nothing(void **state)
{
	static const char *const bad[] = {"",
	                                  "/8",
	                                  "10.0.0.0/",
	                                  "10.0.0.0/33",
	                                  "10.0.0.0/-1",
	                                  "10.0.0.0/+8",
	                                  "10.0.0.0/08",
	                                  "10.0.0.1/8",
	                                  "10.0.0.0/8 ",
	                                  "10.0.0.0/8/8",
	                                  "fd00::/129",
	                                  "fd00::1/64",
	                                  "10.0.0.0/4294967304",
	                                  "0123456789012345678901234567890123456789012345678/8"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct prefix result = {.bits = 77};

		assert_int_equal(prefix_parse(bad[i], &result), -EINVAL);
		assert_int_equal(result.bits, 77);
	}
}

static void containment_respects_family(void **state)
{
	struct prefix eight = prefix("10.0.0.0/8"), all_v6 = prefix("::/0"), odd = prefix("10.1.2.128/25");
	struct addr inside = addr("10.255.0.1"), outside = addr("11.0.0.0"), v6 = addr("fd00::1");
	struct addr half = addr("10.1.2.127"), other_half = addr("10.1.2.128");

	assert_true(prefix_contains(&eight, &inside));
	assert_false(prefix_contains(&eight, &outside));
	assert_false(prefix_contains(&eight, &v6));
	assert_true(prefix_contains(&all_v6, &v6));
	assert_false(prefix_contains(&all_v6, &inside));
	assert_false(prefix_contains(&odd, &half));
	assert_true(prefix_contains(&odd, &other_half));
}

static void overlap_is_symmetric(void **state)
{
	struct prefix wide = prefix("10.0.0.0/8"), narrow = prefix("10.9.0.0/16"), other = prefix("11.0.0.0/16");
	struct prefix all_v6 = prefix("::/0");

	assert_true(prefix_overlaps(&wide, &narrow));
	assert_true(prefix_overlaps(&narrow, &wide));
	assert_false(prefix_overlaps(&wide, &other));
	assert_false(prefix_overlaps(&other, &wide));
	assert_false(prefix_overlaps(&all_v6, &wide));
	assert_false(prefix_overlaps(&wide, &all_v6));
}

static void prefix_around_clears_host_bits(void **state)
{
	struct addr host = addr("10.1.2.3");
	struct prefix around = prefix_around(&host, 120);
	char text[PREFIX_TEXT_MAX];

	assert_string_equal(prefix_format(&around, text), "10.1.2.0/24");
	around = prefix_of_addr(&host);
	assert_string_equal(prefix_format(&around, text), "10.1.2.3/32");
}

static void macs_come_back(void **state)
{
	static const char *const bad[] = {"",
	                                  "02:00:00:00:00",
	                                  "02:00:00:00:00:0g",
	                                  "02-00-00-00-00-01",
	                                  "02:00:00:00:00:01:",
	                                  "2:0:0:0:0:1",
	                                  "02:00:00:00:00:001"};
	uint8_t mac[6];
	char text[MAC_TEXT_MAX];

	assert_int_equal(mac_parse("02:Ab:cD:00:fF:01", mac), 0);
	assert_string_equal(mac_format(mac, text), "02:ab:cd:00:ff:01");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(mac_parse(bad[i], mac), -EINVAL);
	assert_string_equal(mac_format(mac, text), "02:ab:cd:00:ff:01");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_come_back_in_shortest_form),
		cmocka_unit_test(bad_addresses_change_nothing),
		cmocka_unit_test(zero_is_no_v4_address),
		cmocka_unit_test(adding_carries),
		cmocka_unit_test(order_is_that_of_numbers),
		cmocka_unit_test(prefixes_come_back),
		cmocka_unit_test(bad_prefixes_change_nothing),
		cmocka_unit_test(containment_respects_family),
		cmocka_unit_test(overlap_is_symmetric),
		cmocka_unit_test(prefix_around_clears_host_bits),
		cmocka_unit_test(macs_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
