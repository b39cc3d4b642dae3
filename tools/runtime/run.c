/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool at work: waits for events, for the time to report or to end, for Ctrl-C and for the end of the process it
 * looks at; and tells what was lost.
 */
#include "runtime/run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "runtime/options.h"
#include "runtime/pods.h"
#include "runtime/program.h"

#define BUFFER_SIZE (64 * 1024)
/* A batch of this many events is a storm: let it gather for a moment, so that the programs need not wake us for each.
 */
#define STORM    256
#define STORM_NS (2 * NS_PER_MS)

enum { WAIT_SIGNAL, WAIT_EVENTS, WAIT_PROCESS, WAIT_READER, WAITS };

struct loop {
	struct pollfd waits[WAITS];
	struct ring_buffer *events;
	uint64_t end, next_report;
};

const char *run_clock(char text[static 16])
{
	time_t now = time(NULL);
	struct tm local;

	strftime(text, 16, "%H:%M:%S", localtime_r(&now, &local));
	return text;
}

static void loop_clear(struct loop *loop)
{
	ring_buffer__free(loop->events);
	cleanup_close(&loop->waits[WAIT_SIGNAL].fd);
	cleanup_close(&loop->waits[WAIT_PROCESS].fd);
}

static int take_event(void *context, void *data, size_t size)
{
	struct run *run = context;
	const struct trace_who *who = data;

	if (run->tool->is_wanted && !run->tool->is_wanted(data))
		return 0;
	if (run->name_part && !strstr(who->comm, run->name_part))
		return 0;
	if (!run->first_event)
		run->first_event = who->time;
	if (run->tool->event && !run->json)
		run->tool->event(run, data);
	else
		columns_write(run, data);
	if (run->events_left)
		run->complete = --run->events_left == 0;
	return run->complete ? -ECANCELED : 0;
}

static void tell_lost(struct run *run)
{
	const volatile uint64_t *lost = run_variable(run, "lost");

	if (!lost || *lost == run->lost_told)
		return;
	fflush(run->out);
	fprintf(stderr, "%s: lost %" PRIu64 " events: they came faster than they could be printed\n", run->tool->name,
	        *lost - run->lost_told);
	run->lost_told = *lost;
}

/* What is printed is on its way before more is waited for. Our reader's leaving is no error of ours, but the end. */
static int flush(struct run *run, struct error *error)
{
	errno = 0;
	if (fflush(run->out) || ferror(run->out))
		return error_set_errno(error, errno ? -errno : -EIO, "cannot write to standard output");
	return 0;
}

static int take_events(struct run *run, struct loop *loop, struct error *error)
{
	int count = loop->events ? ring_buffer__consume(loop->events) : 0;

	if (count < 0 && count != -ECANCELED)
		return error_set_errno(error, count, "cannot read the events");
	tell_lost(run);
	if (count > STORM && !run->complete)
		nanosleep(&(struct timespec){.tv_nsec = STORM_NS}, NULL);
	return flush(run, error);
}

static int report(struct run *run, struct error *error)
{
	int r = run->tool->report ? run->tool->report(run, error) : 0;

	return r < 0 ? r : flush(run, error);
}

/* Of the soonest thing to do, in ms; -1: nothing. */
static int time_left(const struct loop *loop)
{
	uint64_t now = clock_now(), soonest = UINT64_MAX;

	if (loop->end)
		soonest = loop->end;
	if (loop->next_report && loop->next_report < soonest)
		soonest = loop->next_report;
	if (soonest == UINT64_MAX)
		return -1;
	return soonest <= now ? 0 : (int)((soonest - now) / NS_PER_MS % INT32_MAX) + 1;
}

static int loop_open(struct run *run, struct loop *loop, const sigset_t *signals, struct error *error)
{
	struct bpf_map *events = run->tool->columns ? run_map(run, "events") : NULL;

	loop->waits[WAIT_SIGNAL].fd = signalfd(-1, signals, SFD_CLOEXEC);
	if (events) {
		loop->events = ring_buffer__new(bpf_map__fd(events), take_event, run, NULL);
		if (!loop->events)
			return error_set_errno(error, -errno, "cannot map the ring buffer");
		loop->waits[WAIT_EVENTS].fd = ring_buffer__epoll_fd(loop->events);
	}
	for (size_t i = 0; i < WAIT_READER; i++)
		loop->waits[i].events = POLLIN;
	/* Of a pipe that nobody reads any more, also when there is nothing to write. */
	loop->waits[WAIT_READER].fd = STDOUT_FILENO;
	return 0;
}

/* The process is watched from before the programs are there, so that its end cannot be missed. */
static int watch_process(const struct run *run, struct loop *loop, struct error *error)
{
	if (!run->filter.pid)
		return 0;
	loop->waits[WAIT_PROCESS].fd = pidfd_open((pid_t)run->filter.pid, 0);
	if (loop->waits[WAIT_PROCESS].fd < 0 && errno == ESRCH)
		return error_set(error, -ESRCH, "there is no process %u", run->filter.pid);
	return 0;
}

static int report_in_time(struct run *run, struct loop *loop, struct error *error)
{
	int r = report(run, error);

	loop->next_report += run->interval;
	if (run->reports_left)
		run->complete = --run->reports_left == 0;
	return r;
}

/* Until there is nothing more to do. */
static int work(struct run *run, struct loop *loop, struct error *error)
{
	uint64_t now = clock_now();
	int r = 0;

	loop->end = run->duration ? now + run->duration : 0;
	loop->next_report = run->interval ? now + run->interval : 0;
	while (!r && !run->complete) {
		if (poll(loop->waits, WAITS, time_left(loop)) < 0 && errno != EINTR)
			return error_set_errno(error, -errno, "cannot wait for events");
		if (loop->waits[WAIT_READER].revents & POLLERR)
			return error_set_errno(error, -EPIPE, "cannot write to standard output");
		r = take_events(run, loop, error);
		now = clock_now();
		if (loop->waits[WAIT_SIGNAL].revents || loop->waits[WAIT_PROCESS].revents ||
		    (loop->end && now >= loop->end))
			break;
		if (!r && loop->next_report && now >= loop->next_report)
			r = report_in_time(run, loop, error);
	}
	return r;
}

/* Nothing happens any more, so what is there is all there is. */
static int finish(struct run *run, struct loop *loop, struct error *error)
{
	int r = 0;

	program_detach(run);
	if (!run->complete)
		r = take_events(run, loop, error);
	if (!r && !run->complete)
		r = report(run, error);
	if (loop->waits[WAIT_PROCESS].revents)
		fprintf(stderr, "%s: process %u has ended\n", run->tool->name, run->filter.pid);
	return r;
}

static void say_head(struct run *run)
{
	if (run->tool->head)
		fprintf(run->json ? stderr : run->out, "%s\n", run->tool->head);
	if (run->tool->columns)
		columns_choose(run);
	if (run->tool->columns && !run->tool->event)
		columns_head(run);
	fflush(run->out);
	if (run->verbose)
		fprintf(stderr, "%s: tracing\n", run->tool->name);
}

static int start(struct run *run, struct loop *loop, const sigset_t *signals, struct error *error)
{
	int r = options_take(run, error);

	if (!r && run->tool->tells && run->tool->tells(run)) {
		run->complete = true;
		return 0;
	}
	if (!r)
		r = watch_process(run, loop, error);
	if (!r)
		r = program_load(run, error);
	if (!r)
		r = loop_open(run, loop, signals, error);
	return r;
}

static void block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
	sigprocmask(SIG_BLOCK, signals, NULL);
}

static void run_clear(struct run *run)
{
	program_unload(run);
	pods_free(run->pods);
	columns_clear(run);
}

int run_tool(const struct tool *tool, const struct cli *cli, struct error *error)
{
	_cleanup_(run_clear) struct run run = {.tool = tool, .cli = cli, .out = cli->out};
	_cleanup_(loop_clear) struct loop loop = {.waits = {{.fd = -1}, {.fd = -1}, {.fd = -1}, {.fd = -1}}};
	sigset_t signals;
	int r;

	setvbuf(run.out, NULL, _IOFBF, BUFFER_SIZE);
	block_signals(&signals);
	run.pods = pods_new(cli->socket);
	r = start(&run, &loop, &signals, error);
	if (r < 0)
		return r;
	if (run.complete)
		return flush(&run, error);
	say_head(&run);
	r = work(&run, &loop, error);
	return r < 0 ? r : finish(&run, &loop, error);
}
