/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leaves the machine: no password, token or private key, and everything else as it was.
 */
#include "unit.h"

#include <string.h>

#include "base/cleanup.h"
#include "cli/redact.h"

static void expect(const char *line, const char *wanted)
{
	struct redaction redaction = {};
	_cleanup_free_ char *shown = redact_line(&redaction, line);

	assert_string_equal(shown, wanted);
	assert_false(redaction.in_key);
}

static void test_what_is_no_secret_stays(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"store-password-file: /etc/pilus/password\n",
		"  \"store-key\": \"/etc/pilus/key.pem\",\n",
		"http://10.0.0.1:2379/pilus user@host\n",
		"password\n",
		"password:\n",
		"-----BEGIN CERTIFICATE-----\n",
		"10.0.0.1 -> 10.0.0.2 tcp SYN\n",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		expect(lines[i], lines[i]);
}

static void test_values_of_secret_keys_go(void **state)
{
	expect("store-password: hunter2\n", "store-password: [REDACTED]\n");
	expect("  \"Token\": \"abc\",\n", "  \"Token\": [REDACTED]\n");
	expect("--client-secret=abc def", "--client-secret=[REDACTED]");
	expect("passphrase =x\r\n", "passphrase =[REDACTED]\r\n");
}

static void test_logins_in_urls_go(void **state)
{
	expect("etcd:http://me:p%40ss@10.0.0.1:2379/pilus\n", "etcd:http://[REDACTED]@10.0.0.1:2379/pilus\n");
	expect("a://u:p@h b://v:q@i/@x\n", "a://[REDACTED]@h b://[REDACTED]@i/@x\n");
	expect("a://u:p@ss@h\n", "a://[REDACTED]@h\n");
}

static void test_private_keys_go_whole(void **state)
{
	static const char *const lines[][2] = {
		{"before\n", "before\n"}, {"-----BEGIN EC PRIVATE KEY-----\n", ""},
		{"MHcCAQEE\n", ""},       {"-----END EC PRIVATE KEY-----\n", "[REDACTED]\n"},
		{"after\n", "after\n"},
	};
	struct redaction redaction = {};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		_cleanup_free_ char *shown = redact_line(&redaction, lines[i][0]);

		assert_string_equal(shown, lines[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_no_secret_stays),
		cmocka_unit_test(test_values_of_secret_keys_go),
		cmocka_unit_test(test_logins_in_urls_go),
		cmocka_unit_test(test_private_keys_go_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
