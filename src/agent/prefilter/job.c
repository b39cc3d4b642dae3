/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prefilter/job.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "agent/prefilter/table.h"
#include "agent/prefilter/view.h"
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

/* Few entries differ from those before: which. */
static void change_differ(struct change *change)
{
	const struct cidrs *old = &change->set->cidrs, *new = &change->result;
	struct cidrs gone, come;

	cidrs_without(old, new, &gone);
	cidrs_without(new, old, &come);
	cidrs_with(&gone, &come, &change->cidrs);
	cidrs_clear(&gone);
	cidrs_clear(&come);
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
		if (change->count <= PREFILTER_EDITS_MAX)
			change_differ(change);
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

static int check_count(struct job *job)
{
	size_t count = 0;

	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++)
		if (job->sets->at[i])
			count += cidrs_of(job, job->sets->at[i])->count;
	return count <= ENTRIES_MAX
	               ? 0
	               : error_set(&job->error, -E2BIG, "%zu entries are more than the prefilter takes, %lu", count,
	                           ENTRIES_MAX);
}

static void look_at(const struct job *job, struct view *ret_before, struct view *ret_after)
{
	*ret_before = *ret_after = (struct view){};
	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++) {
		const struct set *set = job->sets->at[i];

		if (!set)
			continue;
		ret_before->sets[i] = ret_after->sets[i] = set;
		ret_before->cidrs[i] = &set->cidrs;
		ret_after->cidrs[i] = cidrs_of(job, set);
	}
}

/* An error is no fault: what cannot be edited is loaded, and that mends what has been edited in part. */
static int edit(struct job *job, const struct view *before, const struct view *after)
{
	_cleanup_free_ struct edits *edits = xnew(struct edits);
	struct change *change;
	int r = 0;

	if (job->always || !job->in_force)
		return -ERANGE;
	DL_FOREACH (job->changes, change) {
		r = change->count > PREFILTER_EDITS_MAX
		            ? -ERANGE
		            : edits_add(edits, before, after, change->set->kind, &change->cidrs);
		if (r)
			return r;
	}
	if (edits->count)
		r = prefilter_edit(job->in_force, edits->match, edits->items, edits->count);
	job->edited = !r;
	job->rows = prefilter_rows(job->in_force);
	return r;
}

static int load(struct job *job)
{
	_cleanup_(table_clear) struct table table = {};
	struct prefilter_plan plan = {.refuse = job->refuse, .rate = job->rate};

	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++)
		if (job->sets->at[i])
			table_add(&table, job->sets->at[i], cidrs_of(job, job->sets->at[i]));
	table_finish(&table);
	for (int match = 0; match < PREFILTER_MATCHES; match++) {
		plan.rows[match] = table.rows[match];
		plan.count[match] = table.count[match];
	}
	job->rows = table.count[PREFILTER_SOURCE] + table.count[PREFILTER_DESTINATION];
	job->refuses = !prefilter_plan_is_empty(&plan);
	if (!job->refuses && !job->accelerate)
		return 0;
	return prefilter_load(job->options, &plan, &job->progress, &job->prefilter, &job->error);
}

static int run(struct job *job)
{
	struct view before, after;
	int r = changes_work_out(job);

	if (r || job->unchanged)
		return r;
	look_at(job, &before, &after);
	r = check_count(job);
	if (!r && !job->force) {
		protected_find(&job->protected, job->store_url);
		r = protect(&job->protected, &after, &job->error);
	}
	if (r || !edit(job, &before, &after))
		return r;
	return load(job);
}

void job_run(struct job *job)
{
	job->result = run(job);
}
