/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of changes and how one is made: worked out, and loaded or edited, on the thread pool (job.c), attached
 * here, written to the state folder on the pool again. Only then comes the next.
 */
#include "agent/prefilter/prefilter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/prefilter/keep.h"
#include "agent/prefilter/keeper.h"
#include "base/log.h"
#include "base/memory.h"

static void task_free(struct task *task)
{
	change_free(task->change);
	protected_clear(&task->protected);
	free(task);
}

static void tasks_free(struct task **tasks)
{
	struct task *task, *next;

	DL_FOREACH_SAFE(*tasks, task, next)
	{
		DL_DELETE(*tasks, task);
		task_free(task);
	}
}

static struct task *task_new(struct set *set, enum change_verb verb)
{
	struct task *task = xnew(struct task);

	task->change = xnew(struct change);
	task->change->set = set;
	task->change->name = xstrdup(set->name);
	task->change->verb = verb;
	return task;
}

static void task_answer(struct prefilter_keeper *keeper, const struct task *task, int result, const struct error *error)
{
	if (task->done)
		task->done(task->userdata, result, task->change->count, keeper->revision, error);
	else if (result)
		log_warning("prefilter: %s", error->message);
}

/* ── a change that was made, or was not ── */

static bool is_awaited(const struct prefilter_keeper *keeper, const struct set *set)
{
	struct task *task;

	DL_FOREACH (keeper->waiting, task)
		if (task->change->set == set)
			return true;
	return false;
}

static void commit(struct prefilter_keeper *keeper, struct change *change)
{
	struct set *set = change->set;

	if (change->gone && !is_awaited(keeper, set)) {
		keep_forget(keeper->services.config->prefilter_state, set->origin, set->name);
		sets_remove(&keeper->sets, set);
		return;
	}
	cidrs_clear(&set->cidrs);
	set->cidrs = change->result;
	change->result = (struct cidrs){};
	set_problem(set, change->problem);
	if (change->problem)
		log_warning("prefilter: %s", change->problem);
	keeper->changed[set->slot] |= change->count;
}

static void finish(struct prefilter_keeper *keeper)
{
	tasks_free(&keeper->current);
	protected_clear(&keeper->job.protected);
	keeper->working = false;
	if (keeper->closed) {
		prefilter_free(keeper->prefilter);
		sets_clear(&keeper->sets);
		free(keeper);
		return;
	}
	keeper_next(keeper);
}

/*
 * Where several were made at once, one that cannot be made must not be in the others' way: it is tried alone, and they
 * without it. When nobody can say which it is, each is tried alone.
 */
static bool try_alone(struct prefilter_keeper *keeper)
{
	const struct change *failed = keeper->job.failed;
	struct task *task, *next;

	if (!keeper->current || !keeper->current->next)
		return false;
	DL_FOREACH_SAFE(keeper->current, task, next)
	{
		task->alone = !failed || task->change == failed;
		cidrs_clear(&task->change->result);
		if (task->change != failed)
			continue;
		DL_DELETE(keeper->current, task);
		DL_PREPEND(keeper->current, task);
	}
	DL_CONCAT(keeper->current, keeper->waiting);
	keeper->waiting = keeper->current;
	keeper->current = NULL;
	return true;
}

/* Not because of any change. */
static void give_up(struct prefilter_keeper *keeper)
{
	keeper->trouble = keeper->job.error;
	keeper->begun = true;
	if (!keeper->current)
		log_warning("prefilter: %s", keeper->job.error.message);
}

static void refused(struct prefilter_keeper *keeper)
{
	struct task *task;

	if (!try_alone(keeper)) {
		if (!keeper->current)
			give_up(keeper);
		DL_FOREACH (keeper->current, task) {
			if (!task->done)
				set_problem(task->change->set, keeper->job.error.message);
			task_answer(keeper, task, keeper->job.result, &keeper->job.error);
		}
	}
	finish(keeper);
}

/* What nobody waits for is what shall be, whether the kernel can have it now or not: the next revision has it. */
static void not_attached(struct prefilter_keeper *keeper, int result)
{
	struct task *task;

	give_up(keeper);
	prefilter_free(keeper->job.prefilter);
	DL_FOREACH (keeper->current, task) {
		task_answer(keeper, task, result, &keeper->job.error);
		if (!task->done)
			commit(keeper, task->change);
	}
	finish(keeper);
}

static void write_down(uv_work_t *work)
{
	struct prefilter_keeper *keeper = work->data;

	keeper->job.result = keep_write(keeper->services.config->prefilter_state, &keeper->sets, keeper->changed,
	                                keeper->revision, &keeper->job.error);
}

static void written(uv_work_t *work, int status)
{
	struct prefilter_keeper *keeper = work->data;
	struct task *task;

	if (!keeper->job.result)
		memset(keeper->changed, 0, sizeof(keeper->changed));
	keeper->trouble = keeper->job.error;
	if (!keeper->closed)
		DL_FOREACH (keeper->current, task)
			task_answer(keeper, task, keeper->job.result, &keeper->job.error);
	finish(keeper);
}

static void in_force(struct prefilter_keeper *keeper)
{
	struct task *task;

	if (!keeper->job.edited) {
		prefilter_free(keeper->prefilter);
		keeper->prefilter = keeper->job.prefilter;
	}
	keeper->refuses = keeper->job.refuses;
	/* Taking up what was there before is no new revision. */
	keeper->revision += keeper->begun;
	keeper->begun = true;
	DL_FOREACH (keeper->current, task)
		commit(keeper, task->change);
	if (keeper->revision == 1 && !keeper->job.rows) { /* an agent without a file begins so, too */
		written(&keeper->work, 0);
		return;
	}
	log_info("prefilter: revision %" PRIu64 ", %zu entries", keeper->revision, keeper->job.rows);
	uv_queue_work(keeper->services.loop, &keeper->work, write_down, written);
}

/* Where it refuses nobody, it may be there for services. */
static enum xdp_mode wanted_mode(const struct config *config)
{
	return config->prefilter == PREFILTER_OFF ? XDP_AUTO : (enum xdp_mode)config->prefilter;
}

static void worked_out(uv_work_t *work, int status)
{
	struct prefilter_keeper *keeper = work->data;
	struct job *job = &keeper->job;
	struct task *task;
	int r;

	DL_FOREACH (keeper->current, task)
		task->change->next = task->change->prev = NULL;
	if (keeper->closed) {
		prefilter_free(job->prefilter);
		finish(keeper);
		return;
	}
	if (job->result) {
		refused(keeper);
		return;
	}
	if (job->unchanged) {
		DL_FOREACH (keeper->current, task)
			task_answer(keeper, task, 0, NULL);
		finish(keeper);
		return;
	}
	r = job->edited ? 0
	                : datapath_set_prefilter(keeper->services.datapath, job->prefilter,
	                                         wanted_mode(keeper->services.config), &job->error);
	if (r)
		not_attached(keeper, r);
	else
		in_force(keeper);
}

static void work(uv_work_t *request)
{
	struct prefilter_keeper *keeper = request->data;

	job_run(&keeper->job);
}

/* ── the queue ── */

static bool is_current(const struct prefilter_keeper *keeper, const struct set *set)
{
	struct task *task;

	DL_FOREACH (keeper->current, task)
		if (task->change->set == set)
			return true;
	return false;
}

static bool goes_along(const struct prefilter_keeper *keeper, const struct task *task)
{
	return !task->done && !task->alone && !is_current(keeper, task->change->set);
}

static void take(struct prefilter_keeper *keeper)
{
	struct task *task = keeper->waiting;

	DL_DELETE(keeper->waiting, task);
	DL_APPEND(keeper->current, task);
	DL_APPEND(keeper->job.changes, task->change);
}

static bool is_possible(const struct prefilter_keeper *keeper, const struct task *task, struct error *error)
{
	if (keeper->services.config->prefilter == PREFILTER_OFF)
		error_set(error, -ENOENT,
		          "the prefilter is off on this node: set prefilter to auto, native or generic");
	else if (task->revision && task->revision != keeper->revision)
		error_set(error, -EEXIST, "revision %" PRIu64 " is in force, not %" PRIu64 ": look what has changed",
		          keeper->revision, task->revision);
	return !error->code;
}

/* False when it could not even be tried. */
static bool take_first(struct prefilter_keeper *keeper)
{
	struct task *task = keeper->waiting;
	struct error error = {};

	if (task && !is_possible(keeper, task, &error)) {
		DL_DELETE(keeper->waiting, task);
		task_answer(keeper, task, error.code, &error);
		task_free(task);
		return false;
	}
	if (!task)
		return !keeper->begun;
	keeper->job.force = task->force;
	keeper->job.protected = task->protected;
	task->protected = (struct protected){};
	take(keeper);
	if (!task->done && !task->alone)
		while (keeper->waiting && goes_along(keeper, keeper->waiting))
			take(keeper);
	return true;
}

void keeper_next(struct prefilter_keeper *keeper)
{
	const struct config *config = keeper->services.config;

	while (!keeper->working && !keeper->closed && (keeper->waiting || !keeper->begun)) {
		keeper->job = (struct job){
			.options = datapath_options(keeper->services.datapath),
			.sets = &keeper->sets,
			.in_force = keeper->prefilter,
			.refuses = keeper->refuses,
			.store_url = config->store,
			.always = !keeper->begun || keeper->trouble.code,
			.accelerate = config->accelerate == ACCELERATE_XDP,
			.refuse =
				config->prefilter == PREFILTER_OFF ? 0 : config->prefilter_drop & PREFILTER_DROP_KINDS,
			.rate = config->prefilter == PREFILTER_OFF ? 0 : config->prefilter_rate,
		};
		if (!take_first(keeper))
			continue;
		keeper->working = true;
		keeper->work.data = keeper;
		uv_queue_work(keeper->services.loop, &keeper->work, work, worked_out);
	}
}

static void enqueue(struct prefilter_keeper *keeper, struct task *task)
{
	DL_APPEND(keeper->waiting, task);
}

/* The set of that name, which counts from 0 when it is new. */
static int set_of(struct prefilter_keeper *keeper, enum set_origin origin, const char *name, struct set **ret,
                  struct error *error)
{
	struct set *set = sets_find(&keeper->sets, origin, name);
	int r = 0;

	if (!set) {
		r = sets_add(&keeper->sets, origin, name, -1, &set, error);
		if (!r)
			r = prefilter_counter_clear(datapath_maps(keeper->services.datapath), set->slot);
	}
	if (!r)
		*ret = set;
	return r;
}

void keeper_replace(struct prefilter_keeper *keeper, enum set_origin origin, const char *name, const char *path,
                    struct cidrs *cidrs)
{
	struct error error = {};
	struct task *task;
	struct set *set;

	if (set_of(keeper, origin, name, &set, &error)) {
		log_warning("prefilter: left out: %s", error.message);
		cidrs_clear(cidrs);
		return;
	}
	task = task_new(set, CHANGE_REPLACE);
	task->change->path = path ? xstrdup(path) : NULL;
	/* What the agent before had read of the file is there still. */
	if (origin == SET_FILE && !set->told)
		task->change->otherwise = keep_path(keeper->services.config->prefilter_state, origin, name);
	set->told = true;
	task->change->cidrs = *cidrs;
	*cidrs = (struct cidrs){};
	enqueue(keeper, task);
}

void keeper_drop(struct prefilter_keeper *keeper, struct set *set)
{
	struct task *task = task_new(set, CHANGE_REPLACE);

	task->change->gone = true;
	enqueue(keeper, task);
}

void prefilter_request(struct prefilter_keeper *keeper, struct prefilter_request *request, prefilter_done done,
                       void *userdata)
{
	struct error error = {};
	struct task *task;
	struct set *set;
	int r = set_of(keeper, SET_LOCAL, request->set, &set, &error);

	if (r) {
		cidrs_clear(&request->cidrs);
		protected_clear(&request->protected);
		done(userdata, r, 0, keeper->revision, &error);
		return;
	}
	task = task_new(set, request->verb);
	task->change->cidrs = request->cidrs;
	task->protected = request->protected;
	task->force = request->force;
	task->revision = request->revision;
	task->done = done;
	task->userdata = userdata;
	request->cidrs = (struct cidrs){};
	request->protected = (struct protected){};
	enqueue(keeper, task);
	keeper_next(keeper);
}

/* ── the keeper ── */

/* Its own lists, and those of the store, which may be away. */
static void take_up(struct prefilter_keeper *keeper)
{
	const char *folder = keeper->services.config->prefilter_state;

	keep_read(folder, &keeper->sets, &keeper->revision);
	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++) {
		struct set *set = keeper->sets.at[i];
		_cleanup_free_ char *path = NULL;
		struct cidrs none = {};

		if (!set || (set->origin != SET_LOCAL && set->origin != SET_STORE))
			continue;
		path = keep_path(folder, set->origin, set->name);
		keeper_replace(keeper, set->origin, set->name, path, &none);
		set->told = set->origin == SET_LOCAL;
	}
}

struct prefilter_keeper *prefilter_keeper_new(const struct prefilter_services *services)
{
	struct prefilter_keeper *keeper = xnew(struct prefilter_keeper);

	keeper->services = *services;
	keeper->uploads = uploads_new(services->loop);
	if (services->config->prefilter != PREFILTER_OFF) {
		take_up(keeper);
		sources_open(keeper);
	}
	keeper_next(keeper);
	return keeper;
}

void prefilter_keeper_free(struct prefilter_keeper *keeper)
{
	if (!keeper)
		return;
	sources_close(keeper);
	uploads_free(keeper->uploads);
	tasks_free(&keeper->waiting);
	keeper->closed = true;
	if (!keeper->working)
		finish(keeper);
}

uint64_t prefilter_revision(const struct prefilter_keeper *keeper)
{
	return keeper->revision;
}

const struct sets *prefilter_sets(const struct prefilter_keeper *keeper)
{
	return &keeper->sets;
}

static int warn_of_gone(const struct attachment *attachment, void *userdata)
{
	if (!strcmp(attachment->program, "prefilter") && !strcmp(attachment->hook, "gone"))
		json_array_append_new(userdata, json_sprintf("prefilter: somebody has removed its program from %s: "
		                                             "restart the agent",
		                                             attachment->device));
	return 0;
}

void prefilter_warnings(const struct prefilter_keeper *keeper, json_t *list)
{
	datapath_each_attachment(keeper->services.datapath, warn_of_gone, list);
	if (keeper->trouble.code)
		json_array_append_new(list, json_sprintf("prefilter: %s", keeper->trouble.message));
	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++)
		if (keeper->sets.at[i] && keeper->sets.at[i]->problem)
			json_array_append_new(list, json_sprintf("prefilter: %s", keeper->sets.at[i]->problem));
}
