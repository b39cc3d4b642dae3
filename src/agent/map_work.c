/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One job per question. A job outlives the work that it belongs to, when that is freed first.
 */
#include "agent/map_work.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/memory.h"
#include "datapath/flow_table.h"

struct job {
	uv_work_t request;
	struct map_work *work; /* NULL: nobody waits any more */
	const struct maps *maps;
	struct map_answer answer;
	map_answered answered;
	void *owner, *asker;
	struct job *prev, *next;
};

struct map_work {
	uv_loop_t *loop;
	const struct maps *maps;
	struct job *jobs;
};

struct map_work *map_work_new(uv_loop_t *loop, const struct maps *maps)
{
	struct map_work *work = xnew(struct map_work);

	work->loop = loop;
	work->maps = maps;
	return work;
}

void map_work_free(struct map_work *work)
{
	struct job *job;

	if (!work)
		return;
	DL_FOREACH (work->jobs, job)
		job->work = NULL;
	free(work);
}

static void job_done(uv_work_t *request, int status)
{
	struct job *job = request->data;

	if (job->work) {
		DL_DELETE(job->work->jobs, job);
		job->answered(job->owner, job->asker, &job->answer);
	}
	free(job);
}

static void job_start(struct map_work *work, const struct job *what, uv_work_cb run)
{
	struct job *job = xnew(struct job);

	*job = *what;
	job->work = work;
	job->maps = work->maps;
	job->request.data = job;
	DL_APPEND(work->jobs, job);
	uv_queue_work(work->loop, &job->request, run, job_done);
}

static int note_facts(const struct map_facts *facts, void *userdata)
{
	struct map_facts **next = userdata;

	*(*next)++ = *facts;
	return 0;
}

static void count(uv_work_t *request)
{
	struct job *job = request->data;
	struct map_facts *next = job->answer.facts;

	job->answer.result = maps_facts(job->maps, note_facts, &next);
}

void map_work_count(struct map_work *work, map_answered answered, void *owner, void *asker)
{
	job_start(work, &(struct job){.answered = answered, .owner = owner, .asker = asker}, count);
}

static void flush_flows(uv_work_t *request)
{
	struct job *job = request->data;

	job->answer.result = flow_table_flush(job->maps, &job->answer.removed);
}

void map_work_flush_flows(struct map_work *work, map_answered answered, void *owner, void *asker)
{
	job_start(work, &(struct job){.answered = answered, .owner = owner, .asker = asker}, flush_flows);
}
