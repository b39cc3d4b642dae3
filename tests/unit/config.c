/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config/keys.h"
#include "base/cleanup.h"
#include "base/file.h"

#define ARGUMENTS_MAX 16

static char path[64];

static int make_file(void **state)
{
	int fd;

	strcpy(path, "/tmp/pilus-unit-config-XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	return unlink(path);
}

/* Loads with `text` as the file and further flags, which end in NULL. */
static int load(const char *text, const char *const *flags, struct config *ret, struct error *error)
{
	char *argv[ARGUMENTS_MAX + 1] = {(char *)"pilusd", (char *)"--config", path};
	int argc = 3;

	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
	for (; flags && *flags && argc < ARGUMENTS_MAX; flags++)
		argv[argc++] = (char *)*flags;
	return config_load(argc, argv, ret, error);
}

/* The file's name in words becomes FILE, so that they can be compared. */
static void assert_words(const char *words, const char *expected)
{
	size_t length = strlen(path);
	char told[600];

	if (!strncmp(words, path, length))
		snprintf(told, sizeof(told), "FILE%s", words + length);
	else
		snprintf(told, sizeof(told), "%s", words);
	assert_string_equal(told, expected);
}

static void defaults_are_those_documented(void **state)
{
	struct config config;
	struct error error = {};
	char host[256];

	assert_int_equal(load("", NULL, &config, &error), 0);
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	assert_string_equal(config.node_name, host);
	assert_string_equal(config.cluster_name, "default");
	assert_string_equal(config.socket, "/run/pilus/pilus.sock");
	assert_string_equal(config.state_dir, "/run/pilus/state");
	assert_string_equal(config.bpffs, "/sys/fs/bpf");
	assert_null(config.cgroup_root);
	assert_string_equal(config.store, "dir:/var/lib/pilus/store");
	assert_int_equal(config.ipam, IPAM_HOST_SCOPE);
	assert_int_equal(config.pod_cidr[FAMILY_V4].bits, 0);
	assert_int_equal(config.pod_cidr[FAMILY_V6].bits, 0);
	assert_int_equal(config.pool_mask[FAMILY_V4], 24);
	assert_int_equal(config.pool_mask[FAMILY_V6], 112);
	assert_null(config.uplinks[0]);
	assert_int_equal(config.mtu, 0);
	assert_int_equal(config.vxlan_port, 8472);
	assert_int_equal(config.attach, ATTACH_AUTO);
	assert_int_equal(config.profile, PROFILE_DEFAULT);
	assert_int_equal(config.flow_table_size, 0);
	assert_memory_equal(&config.timeouts, &(struct flow_timeouts)FLOW_TIMEOUTS_DEFAULT, sizeof(config.timeouts));
	assert_null(config.prometheus);
	assert_int_equal(config.log_level, LOG_LEVEL_INFO);
	assert_false(config.check_only);
	config_clear(&config);
	config_clear(&config);
}

static const char every_key[] =
	"# all keys\n"
	"node-name: node-1\n"
	"cluster-name: \"lab\"\n"
	"socket: /tmp/s\nstate-dir: /tmp/d\nbpffs: /tmp/b\ncgroup-root: /tmp/c\nstore: dir:/tmp/store\n"
	"forget-after: 60\nipam: cluster-pool\n"
	"cluster-pool-cidrs: [10.0.0.0/8, 'fd00::/64']\n"
	"cluster-pool-mask-ipv4: 26\ncluster-pool-mask-ipv6: 120\n"
	"uplinks:\n- eth0\n- eth1\n"
	"node-addresses: [fd99::1, 172.16.0.1]\n"
	"mtu: 9000\nrouting-mode: native\nauto-direct-node-routes: false\nvxlan-port: 4789\nmasquerade: ipv4\n"
	"non-masquerade-cidrs: [192.0.2.0/24, 'fd00::/8', 10.0.0.0/8]\nattach: clsact\nenable-policy: always\n"
	"policy-audit-mode: true\nallow-localhost: policy\nprofile: "
	"edge\nflow-table-size: 1024\n"
	"flow-timeout-tcp: 1\nflow-timeout-tcp-opening: 2\nflow-timeout-tcp-closing: 3\nflow-timeout-other: 4\n"
	"enable-health-checking: true\nenable-endpoint-health-checking: false\ncluster-health-port: 4000\n"
	"prometheus-serve-addr: '[fd00::1]:9962'\nprefilter: generic\nprefilter-folder: /tmp/l\n"
	"prefilter-state: /tmp/p\n"
	"prefilter-rate: 500\nprefilter-drop: [bogons, fragments]\n"
	"kube-proxy-replacement: false\nnode-port-range: 30000-30100\nlb-algorithm: maglev\n"
	"lb-maglev-table-size: 251\nlb-mode: hybrid\nlb-no-backends: drop\naccelerate: "
	"none\nsocket-acceleration: opt-in\n"
	"zone: north\nlog-level: debug\n";
static const char every_key_as_json[] =
	"{\"node-name\":\"node-1\",\"cluster-name\":\"lab\",\"socket\":\"/tmp/s\",\"state-dir\":\"/tmp/d\","
	"\"bpffs\":\"/tmp/b\",\"cgroup-root\":\"/tmp/c\",\"store\":\"dir:/tmp/store\","
	"\"store-ca\":null,\"store-certificate\":null,\"store-key\":null,\"store-user\":null,"
	"\"store-password-file\":null,\"forget-after\":60,\"ipam\":\"cluster-pool\",\"pod-cidrs\":[],"
	"\"cluster-pool-cidrs\":[\"10.0.0.0/8\",\"fd00::/64\"],\"cluster-pool-mask-ipv4\":26,"
	"\"cluster-pool-mask-ipv6\":120,\"uplinks\":[\"eth0\",\"eth1\"],"
	"\"node-addresses\":[\"172.16.0.1\",\"fd99::1\"],\"mtu\":9000,\"routing-mode\":\"native\",\"auto-"
	"direct-node-routes\":false,\"vxlan-port\":4789,"
	"\"masquerade\":\"ipv4\",\"non-masquerade-cidrs\":[\"192.0.2.0/24\",\"fd00::/8\",\"10.0.0.0/8\"],"
	"\"attach\":\"clsact\",\"enable-policy\":\"always\",\"policy-audit-mode\":true,"
	"\"allow-localhost\":\"policy\","
	"\"profile\":\"edge\",\"flow-table-size\":1024,\"flow-timeout-tcp\":1,\"flow-timeout-tcp-opening\":2,"
	"\"flow-timeout-tcp-closing\":3,\"flow-timeout-other\":4,\"enable-health-checking\":true,"
	"\"enable-endpoint-health-checking\":false,\"cluster-health-port\":4000,"
	"\"prometheus-serve-addr\":\"[fd00::1]:9962\",\"prefilter\":\"generic\","
	"\"prefilter-folder\":\"/tmp/l\",\"prefilter-state\":\"/tmp/p\",\"prefilter-rate\":500,"
	"\"prefilter-drop\":[\"fragments\",\"bogons\"],"
	"\"kube-proxy-replacement\":false,"
	"\"node-port-range\":\"30000-30100\",\"lb-algorithm\":\"maglev\",\"lb-maglev-table-size\":251,"
	"\"lb-mode\":\"hybrid\",\"lb-no-backends\":\"drop\",\"accelerate\":\"none\",\"socket-acceleration\":"
	"\"opt-in\","
	"\"zone\":\"north\",\"log-level\":\"debug\"}";

static void every_key_comes_back_as_json(void **state)
{
	_cleanup_free_ char *shown = NULL;
	struct error error = {};
	struct config config;
	json_t *json;

	if (load(every_key, NULL, &config, &error) < 0)
		fail_msg("%s", error.message);
	json = config_to_json(&config);
	shown = json_dumps(json, JSON_COMPACT);
	assert_string_equal(shown, every_key_as_json);
	assert_string_equal(log_level_name(config.log_level), "debug");
	json_decref(json);
	config_clear(&config);
}

static void flags_win_over_the_file(void **state)
{
	static const char *const flags[] = {"--mtu",     "1400",      "--pod-cidrs=10.2.0.0/24,fd00:2::/112",
	                                    "--uplinks", "",          "--check-config",
	                                    "--store",   "dir:/else", NULL};
	struct config config;
	struct error error = {};
	char text[PREFIX_TEXT_MAX];

	assert_int_equal(load("mtu: 9000\npod-cidrs: [10.1.0.0/24]\nuplinks: eth0\n", flags, &config, &error), 0);
	assert_int_equal(config.mtu, 1400);
	assert_string_equal(prefix_format(&config.pod_cidr[FAMILY_V4], text), "10.2.0.0/24");
	assert_string_equal(prefix_format(&config.pod_cidr[FAMILY_V6], text), "fd00:2::/112");
	assert_null(config.uplinks[0]);
	assert_string_equal(config.store, "dir:/else");
	assert_true(config.check_only);
	config_clear(&config);
}

static void empty_files_are_fine(void **state)
{
	static const char *const empty[] = {"", "\n", "# nothing\n", "---\n", "---\n...\n", "{}\n"};

	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		struct error error = {};
		struct config config;

		if (load(empty[i], NULL, &config, &error) < 0)
			fail_msg("%zu: %s", i, error.message);
		config_clear(&config);
	}
}

static const struct {
	const char *text, *words;
} bad_files[] = {
	{"mtu: 1\nmut: 2\n", "FILE:2: mut: unknown key; `pilusd --help` lists those there are"},
	{"\n[a]: 2\n", "FILE:2: ?: unknown key; `pilusd --help` lists those there are"},
	{"mtu: 1400\n\nmtu: 1500\n", "FILE:3: mtu: is given in line 1 already: remove one of them"},
	{"mtu:\n", "FILE:1: mtu: has no value: give one, or remove the key"},
	{"node-name: ~\n", "FILE:1: node-name: has no value: give one, or remove the key"},
	{"mtu: [1500]\n", "FILE:1: mtu: must be one value, not a list"},
	{"mtu: {a: 1}\n", "FILE:1: mtu: must be a value, not a list or mapping"},
	{"uplinks: [eth0, [eth1]]\n", "FILE:1: uplinks: must be a value, not a list or mapping"},
	{"uplinks: [eth0, ]\nmtu: big\n", "FILE:2: mtu: \"big\" is no whole number from 0 to 65535"},
	{"mtu: \"1500\"\n", "FILE:1: mtu: must be a number, not text: remove the quotes"},
	{"mtu: 15e2\n", "FILE:1: mtu: \"15e2\" is no whole number from 0 to 65535"},
	{"mtu: -1\n", "FILE:1: mtu: \"-1\" is no whole number from 0 to 65535"},
	{"mtu: 65536\n", "FILE:1: mtu: must be from 0 to 65535, not 65536"},
	{"mtu: 99999999999999999999\n", "FILE:1: mtu: \"99999999999999999999\" is no whole number from 0 to 65535"},
	{"vxlan-port: 0\n", "FILE:1: vxlan-port: must be from 1 to 65535, not 0"},
	{"flow-timeout-tcp: 0\n", "FILE:1: flow-timeout-tcp: must be from 1 to 31536000, not 0"},
	{"flow-table-size: 4294967296\n", "FILE:1: flow-table-size: must be from 0 to 16777216, not 4294967296"},
	{"flow-table-size: 15\n", "FILE:1: flow-table-size: 15 flows are too few: choose 0, or 16 or more"},
	{"profile: tiny\n", "FILE:1: profile: must be default or edge, not \"tiny\""},
	{"enable-health-checking: yes\n",
         "FILE:1: enable-health-checking: must be true or false, without quotes, not \"yes\""},
	{"enable-health-checking: \"true\"\n",
         "FILE:1: enable-health-checking: must be true or false, without quotes, not \"true\""},
	{"prefilter-drop: [bogons, frags]\n",
         "FILE:1: prefilter-drop: must be fragments, udp-source-port-0, bogons or private, not \"frags\""},
	{"prometheus-serve-addr: 9962\n",
         "FILE:1: prometheus-serve-addr: \"9962\" is no address to listen on: write it like :9962, 10.0.0.1:9962 or "
         "[fd00::1]:9962"},
	{"prometheus-serve-addr: host:9962\n",
         "FILE:1: prometheus-serve-addr: \"host:9962\" is no address to listen on: write it like :9962, 10.0.0.1:9962 "
         "or [fd00::1]:9962"},
	{"prometheus-serve-addr: fd00::1:9962\n",
         "FILE:1: prometheus-serve-addr: \"fd00::1:9962\" is no address to listen on: write it like :9962, "
         "10.0.0.1:9962 or [fd00::1]:9962"},
	{"prometheus-serve-addr: '[10.0.0.1]:9962'\n",
         "FILE:1: prometheus-serve-addr: \"[10.0.0.1]:9962\" is no address to listen on: write it like :9962, "
         "10.0.0.1:9962 or [fd00::1]:9962"},
	{"prometheus-serve-addr: ':0'\n", "FILE:1: prometheus-serve-addr: \":0\" has no port from 1 to 65535"},
	{"prometheus-serve-addr: ':65536'\n", "FILE:1: prometheus-serve-addr: \":65536\" has no port from 1 to 65535"},
	{"ipam: kubernetes\n", "FILE:1: ipam: must be host-scope or cluster-pool, not \"kubernetes\""},
	{"attach: xdp\n", "FILE:1: attach: must be auto, tcx or clsact, not \"xdp\""},
	{"node-port-range: 0-80\n",
         "FILE:1: node-port-range: \"0-80\" is no range of ports: they are from 1 to 65535, the "
         "first before the last"},
	{"node-port-range: 80\n", "FILE:1: node-port-range: \"80\" is no range of ports: write it like 30000-32767"},
	{"lb-maglev-table-size: 1000\n",
         "FILE:1: lb-maglev-table-size: 1000 is none of the sizes that suit: 251 509 1021 "
         "2039 4093 8191 16381 32749 65521 131071"},
	{"kube-proxy-replacement: false\naccelerate: xdp\n",
         "FILE:2: accelerate: there are no services to accelerate: set kube-proxy-replacement: true"},
	{"log-level: INFO\n", "FILE:1: log-level: must be error, warning, info or debug, not \"INFO\""},
	{"node-name: a/b\n",
         "FILE:1: node-name: \"a/b\" is no name: use up to 128 letters, digits, '.', '_' and '-', a "
         "letter or digit first"},
	{"node-name: \"\"\n", "FILE:1: node-name: \"\" is no name: use up to 128 letters, digits, '.', '_' and '-', a "
                              "letter or digit first"},
	{"node-name: .hidden\n",
         "FILE:1: node-name: \".hidden\" is no name: use up to 128 letters, digits, '.', '_' and "
         "'-', a letter or digit first"},
	{"node-name: \"a\\0b\"\n", "FILE:1: node-name: has a NUL character in its value"},
	{"socket: pilus.sock\n", "FILE:1: socket: \"pilus.sock\" is no absolute path: begin with /"},
	{"socket: "
         "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaa\n",
         "FILE:1: socket: a socket's path has at most 107 characters; choose a shorter one"},
	{"store: etcd://x\n",
         "FILE:1: store: \"etcd://x\" is no etcd; write etcd:http://HOST:PORT[,HOST:PORT]...[/PREFIX]"},
	{"store-user: ''\n", "FILE:1: store-user: is empty: give a value, or remove the key"},
	{"store-ca: ca.pem\n", "FILE:1: store-ca: \"ca.pem\" is no absolute path: begin with /"},
	{"store-ca: /ca.pem\n", "FILE:1: store-ca: is for a store etcd:https://… only: set that, or remove this key"},
	{"store: etcd:http://a\nstore-ca: /ca.pem\n",
         "FILE:2: store-ca: is for a store etcd:https://… only: set that, or remove this key"},
	{"store-user: a\n", "FILE:1: store-user: is for a store etcd:http… only: set that, or remove this key"},
	{"store: etcd:https://a\nstore-ca: /nowhere.pem\n",
         "FILE:2: store-ca: cannot read /nowhere.pem: No such file or directory"},
	{"store: etcd:https://a\nstore-ca: /dev/null\n", "FILE:2: store-ca: /dev/null is empty"},
	{"store: etcd:https://a\nstore-ca: /proc/version\n",
         "FILE:2: store-ca: /proc/version holds no certificate in PEM"},
	{"store: etcd:https://a\nstore-certificate: /a\n", "FILE:2: store-certificate: needs store-key too"},
	{"store: etcd:https://a\nstore-key: /a\n", "FILE:2: store-key: needs store-certificate too"},
	{"store: etcd:http://a\nstore-user: a\n", "FILE:2: store-user: needs store-password-file too"},
	{"store: etcd:http://a\nstore-password-file: /a\n", "FILE:2: store-password-file: needs store-user too"},
	{"store: etcd:http://a\nstore-user: a\nstore-password-file: /nowhere\n",
         "FILE:3: store-password-file: cannot read /nowhere: No such file or directory"},
	{"uplinks: [eth0, eth0]\n", "FILE:1: uplinks: eth0 is given twice"},
	{"uplinks: [a, b, c, d, e, f, g, h, i]\n", "FILE:1: uplinks: at most 8 devices can be given"},
	{"uplinks: [a/b]\n", "FILE:1: uplinks: \"a/b\" is no name for a network device: use 1 to 15 characters without "
                             "'/', ':' and blanks"},
	{"masquerade: yes\n", "FILE:1: masquerade: must be true, false, ipv4 or ipv6, not \"yes\""},
	{"non-masquerade-cidrs: [10.0.0.1]\n",
         "FILE:1: non-masquerade-cidrs: \"10.0.0.1\" is no CIDR: write it like 10.1.0.0/24 or fd00:1::/112"},
	{"non-masquerade-cidrs: [10.0.0.0/8, 0.0.0.0/0]\n",
         "FILE:1: non-masquerade-cidrs: 0.0.0.0/0 is too much: set masquerade to the other family, or false"},
	{"non-masquerade-cidrs: [\"::/8\"]\n",
         "FILE:1: non-masquerade-cidrs: ::/8 is too much: set masquerade to the other family, or false"},
	{"pod-cidrs: [10.1.0.0/24, 10.2.0.0/24]\n",
         "FILE:1: pod-cidrs: at most one IPv4 CIDR can be given; 10.2.0.0/24 is the second"},
	{"pod-cidrs: [\"fd00:1::/112\", \"fd00:1::/112\"]\n",
         "FILE:1: pod-cidrs: at most one IPv6 CIDR can be given; fd00:1::/112 is the second"},
	{"pod-cidrs: [10.1.0.1]\n",
         "FILE:1: pod-cidrs: \"10.1.0.1\" is no CIDR: write it like 10.1.0.0/24 or fd00:1::/112"},
	{"pod-cidrs: [10.1.0.1/24]\n",
         "FILE:1: pod-cidrs: \"10.1.0.1/24\" is no CIDR: its length is wrong, or bits are set beyond the length"},
	{"pod-cidrs: [10.1.0.0/33]\n",
         "FILE:1: pod-cidrs: \"10.1.0.0/33\" is no CIDR: its length is wrong, or bits are set beyond the length"},
	{"pod-cidrs: [pods]\n", "FILE:1: pod-cidrs: \"pods\" is no CIDR: write it like 10.1.0.0/24 or fd00:1::/112"},
	{"pod-cidrs: [0.0.0.0/0]\n", "FILE:1: pod-cidrs: 0.0.0.0/0 is everything: choose a part of it"},
	{"pod-cidrs: [\"::/0\"]\n", "FILE:1: pod-cidrs: ::/0 is everything: choose a part of it"},
	{"pod-cidrs: [127.0.1.0/24]\n",
         "FILE:1: pod-cidrs: 127.0.1.0/24 overlaps 127.0.0.0/8, which is not for pods: choose another"},
	{"pod-cidrs: [\"fe80::/64\"]\n",
         "FILE:1: pod-cidrs: fe80::/64 overlaps fe80::/10, which is not for pods: choose another"},
	{"pod-cidrs: [10.1.0.0/31]\n", "FILE:1: pod-cidrs: 10.1.0.0/31 is too small for pods: choose /30 or larger"},
	{"pod-cidrs: [\"fd00::1/128\"]\n",
         "FILE:1: pod-cidrs: fd00::1/128 is too small for pods: choose /126 or larger"},
	{"cluster-pool-cidrs: [10.0.0.0/8]\n",
         "FILE:1: cluster-pool-cidrs: is for ipam: cluster-pool only: set that, or remove this key"},
	{"ipam: cluster-pool\n", "cluster-pool-cidrs: ipam: cluster-pool needs at least one CIDR here"},
	{"ipam: cluster-pool\npod-cidrs: [10.1.0.0/24]\ncluster-pool-cidrs: [10.0.0.0/8]\n",
         "FILE:2: pod-cidrs: with ipam: cluster-pool the node's CIDRs come from the pool: remove this key"},
	{"ipam: cluster-pool\ncluster-pool-cidrs: [10.0.0.0/26]\n",
         "cluster-pool-mask-ipv4: blocks of /24 do not fit into the pool 10.0.0.0/26: choose 26 or more"},
	{"ipam: cluster-pool\ncluster-pool-cidrs: [\"fd00::/112\"]\ncluster-pool-mask-ipv6: 64\n",
         "FILE:3: cluster-pool-mask-ipv6: blocks of /64 do not fit into the pool fd00::/112: choose 112 or more"},
	{"cluster-pool-mask-ipv4: 31\n", "FILE:1: cluster-pool-mask-ipv4: must be from 1 to 30, not 31"},
	{"node-addresses: [\"fd99::1\"]\n", "FILE:1: node-addresses: the overlay runs over IPv4: add an IPv4 address"},
	{"node-addresses: [10.0.0.1, 10.0.0.2]\n",
         "FILE:1: node-addresses: at most one IPv4 address can be given; 10.0.0.2 is the second"},
	{"node-addresses: [\"::\"]\n",
         "FILE:1: node-addresses: \"::\" is no address: write it like 10.99.0.1 or fd99::1"},
	{"node-addresses: [10.0.0.0/8]\n",
         "FILE:1: node-addresses: \"10.0.0.0/8\" is no address: write it like 10.99.0.1 or fd99::1"},
	{"node-addresses: [127.0.0.1]\n",
         "FILE:1: node-addresses: 127.0.0.1 is no address other nodes could reach: choose another"},
	{"pod-cidrs: [10.1.0.0/24]\nnode-addresses: [10.1.0.9]\n",
         "FILE:2: node-addresses: 10.1.0.9 lies in 10.1.0.0/24, which is for pods: choose another"},
	{"mtu: 600\n", "FILE:1: mtu: 600 leaves too little for IPv4 pods behind the overlay: choose 0, or 626 or more"},
	{"routing-mode: native\nmtu: 500\n",
         "FILE:2: mtu: 500 leaves too little for IPv4 pods: choose 0, or 576 or more"},
	{"routing-mode: vxlan\n", "FILE:1: routing-mode: must be tunnel or native, not \"vxlan\""},
	{"auto-direct-node-routes: yes\n",
         "FILE:1: auto-direct-node-routes: must be true or false, without quotes, not \"yes\""},
	{"auto-direct-node-routes: \"true\"\n",
         "FILE:1: auto-direct-node-routes: must be true or false, without quotes, not \"true\""},
	{"pod-cidrs: [\"fd00::/112\"]\nmtu: 1300\n",
         "FILE:2: mtu: 1300 leaves too little for IPv6 pods behind the overlay: choose 0, or 1330 or more"},
	{"- mtu\n", "FILE:1: must be a mapping: lines of KEY: VALUE"},
	{"just words\n", "FILE:1: must be a mapping: lines of KEY: VALUE"},
	{"mtu: 1400\n---\nmtu: 1500\n", "FILE:3: a second document begins: use one for all keys"},
	{"mtu: [1400\nnode-name: x\n", "FILE:2: is no YAML: did not find expected ',' or ']'"},
	{"mtu: 1400\n\tnode-name: x\n", "FILE:2: is no YAML: found a tab character that violates indentation"},
	{"mtu: \xff\n", "FILE: is no YAML: invalid leading UTF-8 octet at byte 5"},
	{"mtu: *nowhere\n", "FILE:1: is no YAML: found undefined alias"},
};

static void bad_files_are_refused_with_file_line_and_key(void **state)
{
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		struct config config = {.mtu = 77};
		struct error error = {};

		if (load(bad_files[i].text, NULL, &config, &error) != -EINVAL)
			fail_msg("taken: %s", bad_files[i].text);
		assert_words(error.message, bad_files[i].words);
		assert_int_equal(error.code, -EINVAL);
		assert_int_equal(config.mtu, 77);
	}
}

static void bad_flags_are_refused(void **state)
{
	static const struct {
		const char *flags[6], *words;
	} bad[] = {
		{{"--mtu", "big"}, "--mtu: \"big\" is no whole number from 0 to 65535"},
		{{"--mtu", "1400", "--mtu", "1400"}, "--mtu: is given twice: remove one of them"},
		{{"--config", "/x"}, "--config: is given twice: remove one of them"},
		{{"--mut", "1"}, "--mut: unknown or incomplete flag; `pilusd --help` lists those there are"},
		{{"-x"}, "-x: unknown or incomplete flag; `pilusd --help` lists those there are"},
		{{"--mtu"}, "--mtu: needs a value"},
		{{"--check-config=yes"},
	         "--check-config=yes: unknown or incomplete flag; `pilusd --help` lists those there are"},
		{{"start"}, "start: is not understood; `pilusd --help` says what is"},
		{{"--pod-cidrs", "10.1.0.0/24,"},
	         "--pod-cidrs: \"\" is no CIDR: write it like 10.1.0.0/24 or fd00:1::/112"},
		{{"--ipam", "cluster-pool"}, "cluster-pool-cidrs: ipam: cluster-pool needs at least one CIDR here"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config config = {.mtu = 77};
		struct error error = {};

		assert_int_equal(load("", bad[i].flags, &config, &error), -EINVAL);
		assert_string_equal(error.message, bad[i].words);
		assert_int_equal(config.mtu, 77);
	}
}

static void an_overridden_mistake_is_still_refused(void **state)
{
	static const char *const flags[] = {"--mtu", "1400", NULL};
	struct error error = {};
	struct config config;

	assert_int_equal(load("mtu: big\n", flags, &config, &error), -EINVAL);
	assert_words(error.message, "FILE:1: mtu: \"big\" is no whole number from 0 to 65535");
}

static void a_named_file_must_be_there(void **state)
{
	char *argv[] = {(char *)"pilusd", (char *)"--config", (char *)"/no/such", NULL};
	struct error error = {};
	struct config config;

	assert_int_equal(config_load(3, argv, &config, &error), -EINVAL);
	assert_string_equal(error.message, "cannot read the configuration /no/such: No such file or directory");
}

/* What `pilusd FLAG` writes on standard output; the caller frees it. */
static char *answer_to(const char *flag)
{
	char *argv[] = {(char *)"pilusd", (char *)flag, NULL};
	struct config config;
	char *text = NULL;
	int saved, fd;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
	assert_int_equal(config_load(2, argv, &config, NULL), 1);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fd);
	assert_int_equal(file_read(path, 1 << 20, &text, NULL), 0);
	return text;
}

static void help_names_every_key(void **state)
{
	_cleanup_free_ char *help = answer_to("--help"), *brief = answer_to("-h"), *version = answer_to("--version");
	struct config config;
	const char *name;
	json_t *keys, *value;

	assert_int_equal(load("", NULL, &config, NULL), 0);
	keys = config_to_json(&config);
	assert_int_equal(json_object_size(keys), config_key_count);
	json_object_foreach (keys, name, value) {
		char flag[80];

		snprintf(flag, sizeof(flag), "  --%s ", name);
		assert_non_null(strstr(help, flag));
	}
	assert_string_equal(help, brief);
	assert_string_equal(version, "pilusd " PILUS_VERSION "\n");
	json_decref(keys);
	config_clear(&config);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(defaults_are_those_documented),
		WITH_FILE(every_key_comes_back_as_json),
		WITH_FILE(flags_win_over_the_file),
		WITH_FILE(empty_files_are_fine),
		WITH_FILE(bad_files_are_refused_with_file_line_and_key),
		WITH_FILE(bad_flags_are_refused),
		WITH_FILE(an_overridden_mistake_is_still_refused),
		cmocka_unit_test(a_named_file_must_be_there),
		WITH_FILE(help_names_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
