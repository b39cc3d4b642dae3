/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/lines.h"

#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/trace_module.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "trace/tracefs.h"

#define INSTANCES      "instances"
#define INSTANCE       "pilus-"
#define PIPE_MAX_BYTES 65536

struct lines {
	struct ring_buffer *ring; /* NULL: the programs print to the kernel's trace only */
	char *instance;           /* NULL: they do not */
	int pipe;                 /* of the instance; -1 */
	char piped[PIPE_MAX_BYTES];
	size_t piped_size, piped_read;
	struct trace_line record; /* the last */
	bool has_record;
};

/* ── the kernel's trace ── */

/* Of processes that were killed. */
static void remove_stale_instances(int folder)
{
	int fd = openat(folder, INSTANCES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *instances = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	while (instances && (entry = readdir(instances))) {
		pid_t pid = strncmp(entry->d_name, INSTANCE, strlen(INSTANCE)) != 0
		                    ? 0
		                    : (pid_t)strtol(entry->d_name + strlen(INSTANCE), NULL, 10);

		if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH)
			unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	}
	if (instances)
		closedir(instances);
}

static int write_to(int folder, const char *instance, const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", instance, name);
	_cleanup_close_ int fd = openat(folder, path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int listen_to_kernel(struct lines *lines, struct error *error)
{
	static unsigned number;
	_cleanup_free_ char *path = NULL;
	int folder = tracefs_folder(error), r;

	if (folder < 0)
		return folder;
	remove_stale_instances(folder);
	lines->instance = xasprintf(INSTANCES "/" INSTANCE "%d-%u", getpid(), number++);
	if (mkdirat(folder, lines->instance, 0700) < 0) {
		r = -errno;
		free(TAKE_PTR(lines->instance));
		return error_set_errno(error, r, "cannot make a trace of our own in tracefs");
	}
	r = write_to(folder, lines->instance, "trace_clock", "mono");
	if (!r)
		r = write_to(folder, lines->instance, "events/bpf_trace/bpf_trace_printk/enable", "1");
	path = xasprintf("%s/trace_pipe", lines->instance);
	lines->pipe = openat(folder, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (!r && lines->pipe < 0)
		r = -errno;
	return r ? error_set_errno(error, r, "cannot read what bpf_trace_printk writes to the kernel's trace") : 0;
}

/* "           mkdir-4242    [001] ...21  1234.567890: bpf_trace_printk: hello". False for any other line. */
static bool parse_traced(const char *line, struct trace_line *ret)
{
	static const char mark[] = ": bpf_trace_printk: ";
	const char *text = strstr(line, mark), *bracket = strstr(line, " ["), *dash = bracket, *when = text;
	double seconds;

	if (!text || !bracket || bracket > text)
		return false;
	while (dash > line && *dash != '-')
		dash--;
	while (when > line && when[-1] != ' ')
		when--;
	seconds = strtod(when, NULL);
	line += strspn(line, " ");
	*ret = (struct trace_line){.ns = (unsigned long long)(seconds * (double)NS_PER_SECOND),
	                           .pid = (unsigned)strtoul(dash + 1, NULL, 10),
	                           .cpu = (unsigned)strtoul(bracket + 2, NULL, 10)};
	if (dash > line)
		snprintf(ret->comm, sizeof(ret->comm), "%.*s", (int)(dash - line), line);
	snprintf(ret->text, sizeof(ret->text), "%s", text + strlen(mark));
	return true;
}

/* The next whole line that has been read, into the record. */
static bool take_traced(struct lines *lines)
{
	char *start = lines->piped + lines->piped_read, *end;

	while ((end = memchr(start, '\n', lines->piped_size - lines->piped_read))) {
		*end = '\0';
		lines->piped_read += (size_t)(end + 1 - start);
		if (parse_traced(start, &lines->record))
			return true;
		start = end + 1;
	}
	return false;
}

static bool read_traced(struct lines *lines)
{
	ssize_t got;

	if (lines->pipe < 0)
		return false;
	if (take_traced(lines))
		return true;
	memmove(lines->piped, lines->piped + lines->piped_read, lines->piped_size - lines->piped_read);
	lines->piped_size -= lines->piped_read;
	lines->piped_read = 0;
	if (lines->piped_size == sizeof(lines->piped))
		lines->piped_size = 0; /* a line without an end */
	got = read(lines->pipe, lines->piped + lines->piped_size, sizeof(lines->piped) - lines->piped_size);
	if (got <= 0)
		return false;
	lines->piped_size += (size_t)got;
	return take_traced(lines);
}

/* ── the ring buffer ── */

/* One at a time: an error ends libbpf's loop after this record. */
static int take_record(void *userdata, void *data, size_t size)
{
	struct lines *lines = userdata;

	if (size >= sizeof(lines->record)) {
		memcpy(&lines->record, data, sizeof(lines->record));
		lines->record.text[sizeof(lines->record.text) - 1] = '\0';
		lines->has_record = true;
	}
	return -ECANCELED;
}

static bool read_record(struct lines *lines)
{
	lines->has_record = false;
	if (lines->ring)
		ring_buffer__consume(lines->ring);
	return lines->has_record;
}

/* ── both ── */

int lines_open(int map, bool kernel, struct lines **ret, struct error *error)
{
	struct lines *lines = xnew(struct lines);
	int r = 0;

	lines->pipe = -1;
	if (map >= 0) {
		lines->ring = ring_buffer__new(map, take_record, lines, NULL);
		if (!lines->ring)
			r = error_set_errno(error, -errno, "cannot read what the programs print");
	}
	if (!r && kernel)
		r = listen_to_kernel(lines, error);
	if (r < 0)
		lines_close(lines);
	else
		*ret = lines;
	return r;
}

void lines_close(struct lines *lines)
{
	if (!lines)
		return;
	ring_buffer__free(lines->ring);
	if (lines->pipe >= 0)
		close(lines->pipe);
	if (lines->instance)
		unlinkat(tracefs_folder(NULL), lines->instance, AT_REMOVEDIR);
	free(lines->instance);
	free(lines);
}

static void give(struct lines *lines, struct pilus_line *ret)
{
	struct trace_line *record = &lines->record;

	record->text[strcspn(record->text, "\n")] = '\0';
	*ret = (struct pilus_line){.ns = record->ns, .pid = record->pid, .cpu = record->cpu, .text = record->text};
	memcpy(ret->comm, record->comm, sizeof(ret->comm));
	ret->comm[sizeof(ret->comm) - 1] = '\0';
}

size_t lines_fds(const struct lines *lines, struct pollfd fds[static LINES_FDS])
{
	size_t count = 0;

	if (lines->ring)
		fds[count++] = (struct pollfd){.fd = ring_buffer__epoll_fd(lines->ring), .events = POLLIN};
	if (lines->pipe >= 0)
		fds[count++] = (struct pollfd){.fd = lines->pipe, .events = POLLIN};
	return count;
}

bool lines_next(struct lines *lines, struct pilus_line *ret)
{
	if (!read_record(lines) && !read_traced(lines))
		return false;
	give(lines, ret);
	return true;
}

uint64_t lines_lost(const struct lines *lines)
{
	return lines->record.lost;
}
