/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prefilter/job.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

#define LIST_SIZE_MAX (256UL * 1024 * 1024)
#define ENTRIES_MAX   (4UL * 1024 * 1024) /* of all sets */
#define FAULTS_LOGGED 100

void change_free(struct change *change)
{
	cidrs_clear(&change->cidrs);
	cidrs_clear(&change->result);
	free(change->path);
	free(change->otherwise);
	free(change->problem);
	free(change->name);
	free(change);
}

static void log_fault(void *userdata, size_t line, const char *text, const char *fault)
{
	struct change *change = userdata;

	if (change->count++ < FAULTS_LOGGED)
		log_warning("%s:%zu: \"%s\" %s", change->path, line, text, fault);
}

static int read_list(struct change *change, const char *path, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	size_t faults;
	int r = file_read(path, LIST_SIZE_MAX, &text, NULL);

	if (r)
		return error_set_errno(error, r, "cannot read %s", path);
	cidrs_clear(&change->cidrs);
	change->count = 0;
	faults = cidrs_read(text, &change->cidrs, log_fault, change);
	return faults ? error_set(error, -EINVAL, "%s: %zu lines are no CIDRs", path, faults) : 0;
}

static int change_read(struct change *change, struct error *error)
{
	struct error fault = {};
	bool kept = change->set->cidrs.count;
	int r = read_list(change, change->path, &fault);

	if (!r)
		return 0;
	if (change->otherwise && !read_list(change, change->otherwise, NULL)) {
		change->problem = xasprintf("%s, so %s stays as it was", fault.message, change->name);
		return 0;
	}
	return error_set(error, r, "%s, so %s %s", fault.message, change->name, kept ? "stays as it was" : "is empty");
}

static int change_work_out(struct change *change, struct error *error)
{
	struct cidrs *old = &change->set->cidrs;
	int r = change->path ? change_read(change, error) : 0;

	if (r)
		return r;
	cidrs_sort(&change->cidrs);
	if (change->verb == CHANGE_ADD) {
		change->count = cidrs_with(old, &change->cidrs, &change->result);
	} else if (change->verb == CHANGE_DELETE) {
		change->count = cidrs_without(old, &change->cidrs, &change->result);
	} else {
		struct cidrs gone;
		size_t common = cidrs_without(old, &change->cidrs, &gone);

		change->count = old->count + change->cidrs.count - 2 * common;
		cidrs_clear(&gone);
		change->result = change->cidrs;
		change->cidrs = (struct cidrs){};
	}
	return 0;
}

static int changes_work_out(struct job *job)
{
	struct change *change;
	size_t count = 0;

	DL_FOREACH (job->changes, change) {
		int r = change_work_out(change, &job->error);

		if (r) {
			job->failed = change;
			return r;
		}
		count += change->count;
	}
	job->unchanged = !count && !job->always;
	return 0;
}

static const struct cidrs *cidrs_of(const struct job *job, const struct set *set)
{
	struct change *change;

	DL_FOREACH (job->changes, change)
		if (change->set == set)
			return &change->result;
	return &set->cidrs;
}

static int make_table(struct job *job, struct table *table)
{
	size_t count = 0;

	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++)
		if (job->sets->at[i])
			count += cidrs_of(job, job->sets->at[i])->count;
	if (count > ENTRIES_MAX)
		return error_set(&job->error, -E2BIG, "%zu entries are more than the prefilter takes, %lu", count,
		                 ENTRIES_MAX);
	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++)
		if (job->sets->at[i])
			table_add(table, job->sets->at[i], cidrs_of(job, job->sets->at[i]));
	table_finish(table);
	return 0;
}

static int load(struct job *job, const struct table *table)
{
	struct prefilter_plan plan = {.refuse = job->refuse, .rate = job->rate};

	for (int match = 0; match < PREFILTER_MATCHES; match++) {
		plan.rows[match] = table->rows[match];
		plan.count[match] = table->count[match];
		job->rows += table->count[match];
	}
	job->refuses = !prefilter_plan_is_empty(&plan);
	if (!job->refuses && !job->accelerate)
		return 0;
	return prefilter_load(job->options, &plan, &job->progress, &job->prefilter, &job->error);
}

static int run(struct job *job)
{
	_cleanup_(table_clear) struct table table = {};
	int r = changes_work_out(job);

	if (r || job->unchanged)
		return r;
	r = make_table(job, &table);
	if (!r && !job->force) {
		protected_find(&job->protected, job->store_url);
		r = protect(&job->protected, &table, job->sets, &job->error);
	}
	return r ? r : load(job, &table);
}

void job_run(struct job *job)
{
	job->result = run(job);
}
