/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin without an agent: what runtimes say, understood or refused, and results in every version's shape.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "cni/cni.h"

static struct error error;
static enum cni_version spoken;

/* ── the environment ── */

static int clear_environment(void **state)
{
	static const char *const names[] = {"CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS", "CNI_ARGS"};

	for (size_t i = 0; i < 4; i++)
		unsetenv(names[i]);
	return 0;
}

static int set_environment(void **state)
{
	clear_environment(state);
	setenv("CNI_CONTAINERID", "0f-a_b.c", 1);
	setenv("CNI_IFNAME", "eth0", 1);
	setenv("CNI_NETNS", "/run/netns/x", 1);
	return 0;
}

#define NEED_ALL (NEED_CONTAINER | NEED_INTERFACE | NEED_NETNS)

static void the_environment_is_read(void **state)
{
	struct cni_environment environment;

	setenv("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-1;OTHER=x", 1);
	assert_int_equal(cni_environment_read(NEED_ALL, &environment, &error), 0);
	assert_string_equal(environment.container, "0f-a_b.c");
	assert_string_equal(environment.interface, "eth0");
	assert_string_equal(environment.netns, "/run/netns/x");
	assert_string_equal(environment.pod, "web-1");
	assert_string_equal(environment.namespace, "default");
	cni_environment_clear(&environment);
}

static void what_is_not_needed_may_be_missing(void **state)
{
	struct cni_environment environment;

	setenv("CNI_NETNS", "", 1);
	assert_int_equal(cni_environment_read(NEED_CONTAINER | NEED_INTERFACE, &environment, &error), 0);
	assert_null(environment.netns);
	assert_null(environment.pod);
	unsetenv("CNI_CONTAINERID");
	assert_int_equal(cni_environment_read(0, &environment, &error), 0);
}

static void a_wrong_environment_is_code_4_and_names_the_variable(void **state)
{
	static const struct {
		const char *name, *value;
	} cases[] = {
		{"CNI_CONTAINERID", NULL},
		{"CNI_CONTAINERID", ""},
		{"CNI_CONTAINERID", "-a"},
		{"CNI_CONTAINERID", "a/b"},
		{"CNI_CONTAINERID", "../up"},
		{"CNI_CONTAINERID", "a b"},
		{"CNI_IFNAME", NULL},
		{"CNI_IFNAME", "sixteen-letters-"},
		{"CNI_IFNAME", "a/b"},
		{"CNI_IFNAME", "a:b"},
		{"CNI_IFNAME", "a b"},
		{"CNI_IFNAME", "a\tb"},
		{"CNI_IFNAME", "."},
		{"CNI_IFNAME", ".."},
		{"CNI_NETNS", NULL},
		{"CNI_NETNS", "netns"},
		{"CNI_ARGS", "A"},
		{"CNI_ARGS", "=1"},
		{"CNI_ARGS", "OTHER=1"},
		{"CNI_ARGS", "OTHER=1;IgnoreUnknown=0"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cni_environment environment;

		set_environment(state);
		if (cases[i].value)
			setenv(cases[i].name, cases[i].value, 1);
		else
			unsetenv(cases[i].name);
		assert_int_equal(cni_environment_read(NEED_ALL, &environment, &error), CNI_INVALID_ENVIRONMENT);
		assert_non_null(strstr(error.message, cases[i].name));
	}
}

static void arguments_of_kubernetes_always_pass(void **state)
{
	struct cni_environment environment;

	setenv("CNI_ARGS",
	       "K8S_POD_UID=7;K8S_POD_INFRA_CONTAINER_ID=8;;K8S_POD_NAME=a;K8S_POD_NAME=b;K8S_POD_NAMESPACE=", 1);
	assert_int_equal(cni_environment_read(NEED_ALL, &environment, &error), 0);
	assert_string_equal(environment.pod, "b");
	assert_null(environment.namespace);
	cni_environment_clear(&environment);
}

/* ── the configuration ── */

static int parse(const char *text, struct cni_config *ret)
{
	spoken = CNI_VERSION_NEWEST;
	return cni_config_parse(text, strlen(text), ret, &spoken, &error);
}

static void a_config_is_read(void **state)
{
	struct cni_config config;

	assert_int_equal(parse("{\"cniVersion\":\"0.4.0\",\"name\":\"net-1\",\"type\":\"pilus-cni\",\"mtu\":1400,"
	                       "\"agent-socket\":\"/run/x\",\"ipv6\":false,\"unknown\":[1],\"ipam\":{},"
	                       "\"dns\":{\"nameservers\":[\"10.0.0.1\"]},\"prevResult\":{\"ips\":[]},"
	                       "\"args\":{\"cni\":{\"labels\":[{\"key\":\"app\",\"value\":\"web\"}]}}}",
	                       &config),
	                 0);
	assert_int_equal(spoken, CNI_0_4_0);
	assert_string_equal(config.network, "net-1");
	assert_string_equal(config.socket, "/run/x");
	assert_int_equal(config.mtu, 1400);
	assert_true(config.ipv4);
	assert_false(config.ipv6);
	assert_string_equal(json_string_value(json_object_get(config.labels, "app")), "web");
	assert_non_null(config.previous);
	assert_non_null(config.dns);
	cni_config_clear(&config);
}

static void a_short_config_has_defaults(void **state)
{
	struct cni_config config;

	assert_int_equal(parse("{\"cniVersion\":\"1.1.0\",\"name\":\"n\"}", &config), 0);
	assert_string_equal(config.socket, "/run/pilus/pilus.sock");
	assert_int_equal(config.mtu, 0);
	assert_true(config.ipv4 && config.ipv6);
	assert_int_equal(json_object_size(config.labels), 0);
	assert_null(config.previous);
	cni_config_clear(&config);
}

static void wrong_configs_are_refused(void **state)
{
#define V "{\"cniVersion\":\"1.0.0\",\"name\":\"n\","
	static const struct {
		const char *text;
		int code;
		const char *word;
	} cases[] = {
		{"", CNI_DECODING_FAILURE, "JSON"},
		{"{", CNI_DECODING_FAILURE, "line 1"},
		{"[]", CNI_DECODING_FAILURE, "object"},
		{"{}", CNI_INCOMPATIBLE_VERSION, "cniVersion"},
		{"{\"cniVersion\":1}", CNI_INVALID_CONFIG, "cniVersion"},
		{"{\"cniVersion\":\"0.2.0\"}", CNI_INCOMPATIBLE_VERSION, "0.2.0"},
		{"{\"cniVersion\":\"1.1.1\"}", CNI_INCOMPATIBLE_VERSION, "1.1.1"},
		{"{\"cniVersion\":\"1.0.0\"}", CNI_INVALID_CONFIG, "name"},
		{"{\"cniVersion\":\"1.0.0\",\"name\":\"\"}", CNI_INVALID_CONFIG, "name"},
		{"{\"cniVersion\":\"1.0.0\",\"name\":\"a/b\"}", CNI_INVALID_CONFIG, "a/b"},
		{"{\"cniVersion\":\"1.0.0\",\"name\":7}", CNI_INVALID_CONFIG, "name"},
		{V "\"agent-socket\":\"x\"}", CNI_INVALID_CONFIG, "agent-socket"},
		{V "\"agent-socket\":1}", CNI_INVALID_CONFIG, "agent-socket"},
		{V "\"mtu\":\"1400\"}", CNI_INVALID_CONFIG, "mtu"},
		{V "\"mtu\":1279}", CNI_INVALID_CONFIG, "mtu"},
		{V "\"mtu\":65536}", CNI_INVALID_CONFIG, "mtu"},
		{V "\"mtu\":-1}", CNI_INVALID_CONFIG, "mtu"},
		{V "\"ipv4\":1}", CNI_INVALID_CONFIG, "ipv4"},
		{V "\"ipv4\":false,\"ipv6\":false}", CNI_INVALID_CONFIG, "ipv6"},
		{V "\"ipam\":{\"type\":\"host-local\"}}", CNI_UNSUPPORTED_FIELD, "host-local"},
		{V "\"args\":{\"cni\":{\"labels\":{}}}}", CNI_INVALID_CONFIG, "args.cni.labels"},
		{V "\"args\":{\"cni\":{\"labels\":[{\"key\":\"a\"}]}}}", CNI_INVALID_CONFIG, "args.cni.labels[0]"},
		{V "\"args\":{\"cni\":{\"ports\":{}}}}", CNI_INVALID_CONFIG, "args.cni.ports"},
		{V "\"args\":{\"cni\":{\"ports\":[{\"name\":\"a\"}]}}}", CNI_INVALID_CONFIG, "args.cni.ports[0]"},
		{V "\"runtimeConfig\":{\"portMappings\":{}}}", CNI_INVALID_CONFIG, "runtimeConfig.portMappings"},
		{V "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":80}]}}", CNI_INVALID_CONFIG,
	         "runtimeConfig.portMappings[0]"},
		{V "\"prevResult\":[]}", CNI_INVALID_CONFIG, "prevResult"},
		{V "\"dns\":[]}", CNI_INVALID_CONFIG, "dns"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cni_config config;

		assert_int_equal(parse(cases[i].text, &config), cases[i].code);
		assert_non_null(strstr(error.message, cases[i].word));
		assert_int_equal(spoken, strstr(cases[i].text, "\"1.0.0\"") ? CNI_1_0_0 : CNI_VERSION_NEWEST);
	}
}

static void words_stay_on_one_line(void **state)
{
	struct cni_config config = {};

	assert_int_equal(parse("{\"cniVersion\": \"1.1.0\", \"name\": \"a\\nb\\u001b\"}", &config), CNI_INVALID_CONFIG);
	assert_null(strpbrk(error.message, "\n\033"));
	cni_config_clear(&config);
}

static void attachments_become_the_agents_words(void **state)
{
	struct cni_config config;
	json_t *list;

	assert_int_equal(
		parse(V "\"cni.dev/valid-attachments\":[{\"containerID\":\"c\",\"ifname\":\"eth0\"}]}", &config), 0);
	assert_int_equal(cni_config_attachments(&config, &list, &error), 0);
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "container")), "c");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "interface")), "eth0");
	json_decref(list);
	cni_config_clear(&config);
}

static void attachments_that_are_missing_or_wrong_are_refused(void **state)
{
	static const char *const configs[] = {
		V "\"type\":\"pilus-cni\"}",
		V "\"cni.dev/valid-attachments\":{}}",
		V "\"cni.dev/valid-attachments\":[{\"containerID\":\"c\"}]}",
	};

	for (size_t i = 0; i < sizeof(configs) / sizeof(*configs); i++) {
		struct cni_config config;
		json_t *list = NULL;

		assert_int_equal(parse(configs[i], &config), 0);
		assert_int_equal(cni_config_attachments(&config, &list, &error), CNI_INVALID_CONFIG);
		assert_non_null(strstr(error.message, "cni.dev/valid-attachments"));
		assert_null(list);
		cni_config_clear(&config);
	}
}

/* ── results ── */

static const struct cni_environment pod = {.container = "c", .netns = "/run/netns/x", .interface = "eth0"};

static json_t *endpoint(void)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "device", "plx7", "mac", "02:00:00:00:00:01",
	                 "host-mac", "02:00:00:00:00:02", "mtu", 1450, "ipv4", "10.1.0.7", "ipv6", "fd00:1::7",
	                 "gateway-ipv4", "169.254.1.1", "gateway-ipv6", "fe80::1");
}

static json_t *result_of(const char *config_text, json_t *described)
{
	struct cni_config config;
	json_t *result = NULL;

	assert_int_equal(parse(config_text, &config), 0);
	assert_int_equal(cni_result(&config, &pod, described, &result, &error), 0);
	cni_config_clear(&config);
	json_decref(described);
	return result;
}

static void assert_result(json_t *result, const char *expected_text)
{
	json_t *expected = json_loads(expected_text, 0, NULL);

	assert_non_null(expected);
	if (!json_equal(result, expected))
		fail_msg("got %s", json_dumps(result, 0));
	json_decref(expected);
	json_decref(result);
}

#define HOST_END "{\"name\":\"plx7\",\"mac\":\"02:00:00:00:00:02\""
#define POD_END  "{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:01\",\"sandbox\":\"/run/netns/x\""
#define IP4      "\"address\":\"10.1.0.7/32\",\"gateway\":\"169.254.1.1\""
#define IP6      "\"address\":\"fd00:1::7/128\",\"gateway\":\"fe80::1\""
#define ROUTE4   "{\"dst\":\"0.0.0.0/0\",\"gw\":\"169.254.1.1\"}"
#define ROUTE6   "{\"dst\":\"::/0\",\"gw\":\"fe80::1\"}"

static void results_before_1_0_say_the_family(void **state)
{
	static const char *const versions[] = {"0.3.0", "0.3.1", "0.4.0"};

	for (size_t i = 0; i < 3; i++) {
		char config[64], expected[1024];

		snprintf(config, sizeof(config), "{\"cniVersion\":\"%s\",\"name\":\"n\"}", versions[i]);
		snprintf(expected, sizeof(expected),
		         "{\"cniVersion\":\"%s\",\"interfaces\":[" HOST_END "}," POD_END "}],"
		         "\"ips\":[{\"version\":\"4\",\"interface\":1," IP4 "},{\"version\":\"6\",\"interface\":1," IP6
		         "}],"
		         "\"routes\":[" ROUTE4 "," ROUTE6 "],\"dns\":{}}",
		         versions[i]);
		assert_result(result_of(config, endpoint()), expected);
	}
}

static void results_of_1_0_have_neither_family_nor_mtu(void **state)
{
	assert_result(result_of(V "\"type\":\"t\"}", endpoint()),
	              "{\"cniVersion\":\"1.0.0\",\"interfaces\":[" HOST_END "}," POD_END "}],"
	              "\"ips\":[{\"interface\":1," IP4 "},{\"interface\":1," IP6 "}],"
	              "\"routes\":[" ROUTE4 "," ROUTE6 "],\"dns\":{}}");
}

static void results_of_1_1_have_the_mtu(void **state)
{
	assert_result(result_of("{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"dns\":{\"domain\":\"x\"}}", endpoint()),
	              "{\"cniVersion\":\"1.1.0\",\"interfaces\":[" HOST_END ",\"mtu\":1450}," POD_END ",\"mtu\":1450}],"
	              "\"ips\":[{\"interface\":1," IP4 "},{\"interface\":1," IP6 "}],"
	              "\"routes\":[" ROUTE4 "," ROUTE6 "],\"dns\":{\"domain\":\"x\"}}");
}

static void one_family_is_enough(void **state)
{
	json_t *only4 = endpoint(), *only6 = endpoint();

	json_object_set_new(only4, "ipv6", json_null());
	json_object_set_new(only6, "ipv4", json_null());
	assert_result(result_of(V "\"type\":\"t\"}", only4),
	              "{\"cniVersion\":\"1.0.0\",\"interfaces\":[" HOST_END "}," POD_END "}],"
	              "\"ips\":[{\"interface\":1," IP4 "}],\"routes\":[" ROUTE4 "],\"dns\":{}}");
	assert_result(result_of(V "\"type\":\"t\"}", only6),
	              "{\"cniVersion\":\"1.0.0\",\"interfaces\":[" HOST_END "}," POD_END "}],"
	              "\"ips\":[{\"interface\":1," IP6 "}],\"routes\":[" ROUTE6 "],\"dns\":{}}");
}

static void a_result_is_added_to_the_previous(void **state)
{
	json_t *only4 = endpoint();

	json_object_set_new(only4, "ipv6", json_null());
	assert_result(result_of(V
	                        "\"prevResult\":{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"lo\"}],"
	                        "\"ips\":[{\"interface\":0,\"address\":\"127.0.0.1/8\"}],\"dns\":{\"domain\":\"y\"}}}",
	                        only4),
	              "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"lo\"}," HOST_END "}," POD_END "}],"
	              "\"ips\":[{\"interface\":0,\"address\":\"127.0.0.1/8\"},{\"interface\":2," IP4 "}],"
	              "\"routes\":[" ROUTE4 "],\"dns\":{\"domain\":\"y\"}}");
}

static void an_answer_that_lacks_something_is_no_result(void **state)
{
	static const char *const keys[] = {"device", "mac", "host-mac"};
	struct cni_config config;
	json_t *result = NULL;

	assert_int_equal(parse(V "\"type\":\"t\"}", &config), 0);
	for (size_t i = 0; i < 3; i++) {
		json_t *lacking = endpoint();

		json_object_del(lacking, keys[i]);
		assert_int_equal(cni_result(&config, &pod, lacking, &result, &error), CNI_REFUSED);
		assert_non_null(strstr(error.message, keys[i]));
		json_decref(lacking);
	}
	assert_int_equal(cni_result(&config, &pod, NULL, &result, &error), CNI_REFUSED);
	assert_null(result);
	cni_config_clear(&config);
}

static int check_against(const char *previous)
{
	struct cni_config config;
	json_t *described = endpoint();
	char text[1024];
	int code;

	snprintf(text, sizeof(text), V "\"prevResult\":%s}", previous);
	assert_int_equal(parse(text, &config), 0);
	code = cni_result_check(&config, &pod, described, &error);
	cni_config_clear(&config);
	json_decref(described);
	return code;
}

#define INTERFACES "{\"interfaces\":[" HOST_END "}," POD_END "}],"

static void check_compares_with_the_previous_result(void **state)
{
	assert_int_equal(check_against(INTERFACES "\"ips\":[{\"interface\":1," IP4 "},{\"interface\":1," IP6 "}]}"), 0);
	/* what other plugins of the chain added is theirs */
	assert_int_equal(
		check_against(INTERFACES "\"ips\":[{\"interface\":0,\"address\":\"1.2.3.4/8\"},{\"address\":1}]}"), 0);
	assert_int_equal(check_against(INTERFACES "\"ips\":[{\"interface\":1,\"address\":\"10.1.0.8/32\"}]}"),
	                 CNI_REFUSED);
	assert_non_null(strstr(error.message, "10.1.0.8/32"));
	assert_int_equal(
		check_against(
			"{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/x\",\"mac\":\"02:00:00:00:00:09\"}]}"),
		CNI_REFUSED);
	assert_non_null(strstr(error.message, "02:00:00:00:00:09"));
	assert_int_equal(check_against("{\"interfaces\":[{\"name\":\"eth0\"}]}"), CNI_INVALID_CONFIG);
	assert_int_equal(check_against("{}"), CNI_INVALID_CONFIG);
	assert_non_null(strstr(error.message, "prevResult has no interface eth0"));
}

/* ── verbs and outputs ── */

static void verbs_know_what_they_need(void **state)
{
	assert_int_equal(cni_verb_find("ADD")->needs, NEED_ALL);
	assert_int_equal(cni_verb_find("DEL")->needs, NEED_CONTAINER | NEED_INTERFACE);
	assert_int_equal(cni_verb_find("CHECK")->minimum, CNI_0_4_0);
	assert_int_equal(cni_verb_find("GC")->minimum, CNI_1_1_0);
	assert_int_equal(cni_verb_find("STATUS")->minimum, CNI_1_1_0);
	assert_null(cni_verb_find("add"));
	assert_null(cni_verb_find(""));
}

static void outputs_have_the_specifications_shape(void **state)
{
	cni_fail(&error, CNI_TRY_AGAIN, "not %s", "now");
	assert_result(cni_error_output(CNI_0_4_0, CNI_TRY_AGAIN, &error),
	              "{\"cniVersion\":\"0.4.0\",\"code\":11,\"msg\":\"not now\"}");
	assert_result(cni_version_output("1.0.0"), "{\"cniVersion\":\"1.0.0\",\"supportedVersions\":"
	                                           "[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}");
	assert_result(cni_version_output(NULL), "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":"
	                                        "[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}");
	cni_fail(&error, CNI_TRY_AGAIN, "\xff");
	assert_result(cni_error_output(CNI_1_1_0, CNI_TRY_AGAIN, &error),
	              "{\"cniVersion\":\"1.1.0\",\"code\":11,"
	              "\"msg\":\"the reason is not UTF-8: something in the request is not\"}");
}

static void our_own_namespace_is_no_pods(void **state)
{
	assert_true(cni_netns_is_ours("/proc/self/ns/net"));
	assert_false(cni_netns_is_ours("/proc/self/ns/mnt"));
	assert_false(cni_netns_is_ours("/never/there"));
}

/* A namespace that is gone, is ours or is none: nothing to do, and nothing is done. */
static void detaching_from_nowhere_is_fine(void **state)
{
	static const char *const places[] = {"/never/there", "/proc/self/ns/net", "/etc/passwd", NULL};
	struct cni_config config;

	assert_int_equal(parse(V "\"type\":\"t\"}", &config), 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct cni_environment environment = {.interface = "lo", .netns = places[i]};

		assert_int_equal(cni_detach(&config, &environment, &error), 0);
	}
	cni_config_clear(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_environment_is_read, set_environment, clear_environment),
		cmocka_unit_test_setup_teardown(what_is_not_needed_may_be_missing, set_environment, clear_environment),
		cmocka_unit_test_teardown(a_wrong_environment_is_code_4_and_names_the_variable, clear_environment),
		cmocka_unit_test_setup_teardown(arguments_of_kubernetes_always_pass, set_environment,
	                                        clear_environment),
		cmocka_unit_test(a_config_is_read),
		cmocka_unit_test(a_short_config_has_defaults),
		cmocka_unit_test(wrong_configs_are_refused),
		cmocka_unit_test(words_stay_on_one_line),
		cmocka_unit_test(attachments_become_the_agents_words),
		cmocka_unit_test(attachments_that_are_missing_or_wrong_are_refused),
		cmocka_unit_test(results_before_1_0_say_the_family),
		cmocka_unit_test(results_of_1_0_have_neither_family_nor_mtu),
		cmocka_unit_test(results_of_1_1_have_the_mtu),
		cmocka_unit_test(one_family_is_enough),
		cmocka_unit_test(a_result_is_added_to_the_previous),
		cmocka_unit_test(an_answer_that_lacks_something_is_no_result),
		cmocka_unit_test(check_compares_with_the_previous_result),
		cmocka_unit_test(verbs_know_what_they_need),
		cmocka_unit_test(outputs_have_the_specifications_shape),
		cmocka_unit_test(our_own_namespace_is_no_pods),
		cmocka_unit_test(detaching_from_nowhere_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
