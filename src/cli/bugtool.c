/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `bugtool`: all there is to know about this node, in one archive to send to somebody. What the other nouns
 * list is found in their tables; the rest stands in a table here.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/agent.h"
#include "cli/capture.h"
#include "cli/nouns.h"
#include "cli/show.h"

#define WORDS_MAX 16

/* PID stands for the agent's process, RELEASE for the kernel's; words are separated by one space. */
static const struct {
	const char *file, *command;
} COMMANDS[] = {
	{"uname", "uname -a"},
	{"os-release", "cat /etc/os-release"},
	{"uptime", "uptime"},
	{"meminfo", "cat /proc/meminfo"},
	{"kernel-command-line", "cat /proc/cmdline"},
	{"kernel-config", "cat /boot/config-RELEASE"},
	{"dmesg", "dmesg"},
	{"mounts", "cat /proc/mounts"},
	{"sysctl", "sysctl net.core.bpf_jit_enable net.core.bpf_jit_limit kernel.unprivileged_bpf_disabled "
                   "net.ipv4.ip_forward net.ipv4.conf net.ipv6.conf.all net.ipv6.conf.default"},
	{"ip-link", "ip -d -s link"},
	{"ip-address", "ip address"},
	{"ip-route", "ip -4 route show table all"},
	{"ip-route6", "ip -6 route show table all"},
	{"ip-rule", "ip -4 rule"},
	{"ip-rule6", "ip -6 rule"},
	{"ip-neigh", "ip neigh"},
	{"bridge-fdb", "bridge fdb"},
	{"tc-qdisc", "tc qdisc show"},
	{"nft", "nft list ruleset"},
	{"ss", "ss -s"},
	{"bpftool-version", "bpftool version"},
	{"bpftool-net", "bpftool net"},
	{"bpftool-link", "bpftool link"},
	{"bpftool-prog", "bpftool prog"},
	{"bpftool-map", "bpftool map"},
	{"bpftool-feature", "bpftool feature probe kernel"},
	{"run-pilus", "ls -lR /run/pilus"},
	{"cni-configurations", "ls -l /etc/cni/net.d /opt/cni/bin"},
	{"pilus.yaml", "cat /etc/pilus/pilus.yaml"},
	{"systemd", "systemctl status pilusd --no-pager"},
	{"journal", "journalctl -u pilusd -n 20000 --no-pager"},
};

static const struct {
	const char *file, *command;
} AGENT_COMMANDS[] = {
	{"agent-cmdline", "cat /proc/PID/cmdline"},
	{"agent-status", "cat /proc/PID/status"},
	{"agent-memory", "cat /proc/PID/smaps_rollup"},
	{"agent-limits", "cat /proc/PID/limits"},
	{"agent-cgroup", "cat /proc/PID/cgroup"},
	{"agent-threads", "ps -L -o pid,tid,stat,time,wchan:32,comm -p PID"},
	{"agent-fds", "ls -l /proc/PID/fd"},
};

struct bugtool {
	const struct cli *cli;
	int folder;
	pid_t agent; /* 0: none answers */
	struct utsname kernel;
};

/* ── commands of the system ── */

static char *fill_in(const struct bugtool *bugtool, const char *word)
{
	const char *pid = strstr(word, "PID"), *release = strstr(word, "RELEASE");

	if (pid)
		return xasprintf("%.*s%d%s", (int)(pid - word), word, bugtool->agent, pid + strlen("PID"));
	return release ? xasprintf("%.*s%s", (int)(release - word), word, bugtool->kernel.release) : xstrdup(word);
}

static int run_command(const struct bugtool *bugtool, const char *name, const char *command, struct error *error)
{
	_cleanup_free_ char *text = xstrdup(command), *file = xasprintf("%s.txt", name);
	const char *argv[WORDS_MAX] = {};
	char *rest = text;
	size_t count = 0;
	int r;

	for (char *word = strsep(&rest, " "); word && count + 1 < WORDS_MAX; word = strsep(&rest, " "))
		argv[count++] = fill_in(bugtool, word);
	r = capture(bugtool->folder, file, argv[0], argv, error);
	while (count)
		free((char *)argv[--count]);
	return r;
}

/* ── commands of our own ── */

/* `arguments` ends with NULL. */
static int run_pilus(const struct bugtool *bugtool, const char *file, const char *const *arguments, struct error *error)
{
	const char *argv[WORDS_MAX] = {"pilus", "--socket", bugtool->cli->socket, "--bpffs", bugtool->cli->bpffs};

	for (size_t count = 5; *arguments && count + 1 < WORDS_MAX; count++)
		argv[count] = *arguments++;
	return capture(bugtool->folder, file, "/proc/self/exe", argv, error);
}

static bool is_telling(const struct command *command)
{
	static const char *const names[] = {"list", "stats", "status", "config", "version"};

	for (size_t i = 0; command->run && i < ARRAY_SIZE(names); i++)
		if (!strcmp(command->name, names[i]))
			return true;
	return false;
}

#define DEPTH_MAX 4

static int run_telling(const struct bugtool *bugtool, const char *const *path, const struct command *command,
                       struct error *error)
{
	const char *words[DEPTH_MAX + 2] = {};
	char file[256] = "pilus";
	size_t count = 0;

	for (; path[count]; count++) {
		snprintf(file + strlen(file), sizeof(file) - strlen(file), "-%s", path[count]);
		words[count] = path[count];
	}
	strncat(file, ".txt", sizeof(file) - strlen(file) - 1);
	if (cli_find_option(command, "verbose"))
		words[count] = "--verbose";
	return run_pilus(bugtool, file, words, error);
}

/* Every verb that tells all there is and needs no argument, in nouns known and to come. */
static int run_nouns(const struct bugtool *bugtool, const struct command *commands, const char **path, size_t depth,
                     struct error *error)
{
	int r = 0;

	for (const struct command *command = commands; !r && command->name && depth < DEPTH_MAX; command++) {
		path[depth] = command->name;
		if (command->commands)
			r = run_nouns(bugtool, command->commands, path, depth + 1, error);
		else if (is_telling(command))
			r = run_telling(bugtool, path, command, error);
		path[depth] = NULL;
	}
	return r;
}

/* Each endpoint's own story. */
static int run_endpoints(const struct bugtool *bugtool, struct error *error)
{
	static const char *const verbs[] = {"get", "log", "health"};
	json_auto_t *endpoints = NULL;
	json_t *endpoint;
	size_t i;
	int r = 0;

	if (agent_get_array(bugtool->cli, "/v1/endpoints", &endpoints, NULL) < 0)
		return 0; /* the endpoints' list, another file, says why */
	json_array_foreach (endpoints, i, endpoint) {
		_cleanup_free_ char *id = xasprintf("%" JSON_INTEGER_FORMAT, row_number(endpoint, "id"));

		for (size_t verb = 0; !r && verb < ARRAY_SIZE(verbs); verb++) {
			_cleanup_free_ char *file = xasprintf("pilus-endpoint-%s-%s.txt", verbs[verb], id);

			r = run_pilus(bugtool, file, (const char *const[]){"endpoint", verbs[verb], id, NULL}, error);
		}
	}
	return r;
}

/* ── the agent's process ── */

/* Whoever listens on the socket. 0: nobody. */
static pid_t find_agent(const char *socket_path)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred peer = {};
	socklen_t size = sizeof(peer);

	strncpy(address.sun_path, socket_path, sizeof(address.sun_path) - 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return 0;
	return peer.pid;
}

/* Its log, where that goes to a file; what the journal has, another command tells. */
static int run_agent_log(const struct bugtool *bugtool, struct error *error)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/fd/2", bugtool->agent);
	struct stat facts;

	if (stat(path, &facts) < 0 || !S_ISREG(facts.st_mode))
		return 0;
	return run_command(bugtool, "agent-log", "tail -n 20000 /proc/PID/fd/2", error);
}

static int run_all(const struct bugtool *bugtool, struct error *error)
{
	static const char *const status[] = {"status", "-o", "json", NULL};
	static const char *const policies[] = {"policy", "get", "-o", "yaml", NULL};
	static const char *const selectors[] = {"policy", "selectors", NULL};
	const char *path[DEPTH_MAX + 1] = {};
	int r = run_nouns(bugtool, bugtool->cli->root->commands, path, 0, error);

	if (!r)
		r = run_pilus(bugtool, "pilus-status.json", status, error);
	if (!r)
		r = run_pilus(bugtool, "pilus-policies.yaml", policies, error);
	if (!r)
		r = run_pilus(bugtool, "pilus-policy-selectors.txt", selectors, error);
	if (!r)
		r = run_endpoints(bugtool, error);
	for (size_t i = 0; !r && i < ARRAY_SIZE(COMMANDS); i++)
		r = run_command(bugtool, COMMANDS[i].file, COMMANDS[i].command, error);
	for (size_t i = 0; !r && bugtool->agent && i < ARRAY_SIZE(AGENT_COMMANDS); i++)
		r = run_command(bugtool, AGENT_COMMANDS[i].file, AGENT_COMMANDS[i].command, error);
	return r || !bugtool->agent ? r : run_agent_log(bugtool, error);
}

/* ── the archive ── */

/* Runs and waits; its words go to standard error. */
static int run_plainly(const char *const *argv, struct error *error)
{
	pid_t child = fork();
	int status;

	if (!child) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return error_set_errno(error, -errno, "cannot run %s", argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return error_set(error, -EIO, "%s failed", argv[0]);
	return 0;
}

/* The folder becomes FOLDER.tar.gz; it stays when that fails. */
static int pack(const char *folder, const char *parent, const char *name, struct error *error)
{
	_cleanup_free_ char *archive = xasprintf("%s.tar.gz", folder);
	const char *tar[] = {"tar", "-czf", archive, "-C", parent, name, NULL};
	const char *rm[] = {"rm", "-r", "--", folder, NULL};
	int r = run_plainly(tar, error);

	if (!r)
		return run_plainly(rm, error);
	error_prefix(error, "what was found is in %s, but not packed", folder);
	return r;
}

static char *archive_name(void)
{
	char host[64] = "", when[32];
	time_t now = time(NULL);

	gethostname(host, sizeof(host) - 1);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", gmtime(&now));
	return xasprintf("pilus-bugtool-%s-%s-XXXXXX", host, when);
}

static int bugtool_run(struct cli *cli, struct error *error)
{
	const char *parent = cli_value(cli, "directory") ?: "/tmp";
	_cleanup_free_ char *name = archive_name(), *folder = xasprintf("%s/%s", parent, name);
	struct bugtool bugtool = {.cli = cli, .agent = find_agent(cli->socket)};
	_cleanup_close_ int fd = -1;
	int r;

	umask(077);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	uname(&bugtool.kernel);
	if (!mkdtemp(folder) || (fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return error_set_errno(error, -errno, "cannot make a folder in %s", parent);
	bugtool.folder = fd;
	r = run_all(&bugtool, error);
	if (!r && !cli_count(cli, "no-archive"))
		r = pack(folder, parent, strrchr(folder, '/') + 1, error);
	if (!r)
		fprintf(cli->out, "%s%s\n", folder, cli_count(cli, "no-archive") ? "" : ".tar.gz");
	return r;
}

static const struct cli_option OPTIONS[] = {
	{'o', "directory", "DIR", "where to put it (default /tmp)"},
	{0, "no-archive", NULL, "leave a folder of files, do not pack it"},
	{},
};

const struct command BUGTOOL_NOUN = {
	.name = "bugtool",
	.summary = "All state of this node in one archive, without secrets",
	.options = OPTIONS,
	.run = bugtool_run,
};
