/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions, and the programs that they are put to. Loading takes a while and so is done beside the loop; a question is
 * put on the loop, as it takes microseconds and looks at what only the loop may touch.
 */
#include "agent/why/why.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "abi/flow.h"
#include "agent/why/internal.h"
#include "base/memory.h"

#define KEEP_MS 5000 /* how long the programs stay for another question */

struct asked {
	struct why_question question;
	struct party source, destination;
	why_answered answered;
	void *userdata;
	struct asked *prev, *next;
};

/* Outlives what asked for it, when that is freed first. */
struct loading {
	uv_work_t request;
	struct why *why; /* NULL: nobody waits any more */
	struct node_config config;
	const struct maps *maps;
	struct dry_run *programs;
	int result;
	struct error error;
};

struct why {
	struct why_services services;
	struct dry_run *programs; /* NULL: not loaded */
	struct loading *loading;  /* NULL: not under way */
	struct asked *waiting;    /* for them */
	uv_timer_t *timer;        /* when they go; an allocation of its own, as the loop closes it later */
};

struct why *why_new(const struct why_services *services)
{
	struct why *why = xnew(struct why);

	why->services = *services;
	why->timer = xnew(uv_timer_t);
	why->timer->data = why;
	uv_timer_init(services->loop, why->timer);
	return why;
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void asked_free(struct asked *asked)
{
	party_clear(&asked->source);
	party_clear(&asked->destination);
	free(asked);
}

void why_free(struct why *why)
{
	struct asked *asked, *next;

	if (!why)
		return;
	DL_FOREACH_SAFE(why->waiting, asked, next)
	asked_free(asked);
	if (why->loading)
		why->loading->why = NULL;
	uv_close((uv_handle_t *)why->timer, free_handle);
	dry_run_free(why->programs);
	free(why);
}

/* ── an answer ── */

static json_t *answer_of(const struct walk *walk, const struct party *destination)
{
	const char *verdict = walk->refusal ? "denied" : "allowed";
	_cleanup_free_ char *remedy = walk->refusal ? remedy_write(walk) : NULL;

	return json_pack("{s:o, s:o, s:s, s:i, s:s, s:s?, s:O, s:s?}", "source", party_to_json(walk->source),
	                 "destination", party_to_json(destination), "protocol",
	                 why_protocol_word(walk->question->protocol), "port", walk->question->port, "verdict", verdict,
	                 "reason", json_string_value(json_object_get(walk->refusal, "reason")), "decisions",
	                 walk->decisions, "remedy", remedy);
}

/* Puts a question (freed) to the loaded programs. */
static void answer(struct why *why, struct asked *asked)
{
	json_auto_t *decisions = json_array();
	struct walk walk = {
		.services = &why->services,
		.programs = why->programs,
		.question = &asked->question,
		.source = &asked->source,
		.destination = &asked->destination,
		.port = asked->question.port,
		.decisions = decisions,
	};
	struct error error = {};
	int r = walk_all(&walk, &error);

	asked->answered(asked->userdata, r ? NULL : answer_of(&walk, &asked->destination), r, &error);
	party_clear(&walk.backend);
	asked_free(asked);
}

/* ── the programs ── */

static void forget_programs(uv_timer_t *timer)
{
	struct why *why = timer->data;

	dry_run_free(TAKE_PTR(why->programs));
}

static void load(uv_work_t *request)
{
	struct loading *loading = request->data;

	loading->result = dry_run_open(&loading->config, loading->maps, &loading->programs, &loading->error);
}

static void answer_all(struct why *why, const struct loading *loading)
{
	struct asked *asked, *next;

	DL_FOREACH_SAFE(why->waiting, asked, next)
	{
		DL_DELETE(why->waiting, asked);
		if (!loading->result) {
			answer(why, asked);
			continue;
		}
		asked->answered(asked->userdata, NULL, loading->result, &loading->error);
		asked_free(asked);
	}
}

static void loaded(uv_work_t *request, int status)
{
	struct loading *loading = request->data;
	struct why *why = loading->why;

	if (why) {
		why->loading = NULL;
		why->programs = TAKE_PTR(loading->programs);
		answer_all(why, loading);
		uv_timer_start(why->timer, forget_programs, KEEP_MS, 0);
	}
	dry_run_free(loading->programs);
	free(loading);
}

static void start_loading(struct why *why)
{
	struct loading *loading = xnew(struct loading);

	loading->why = why;
	loading->config = *datapath_config(why->services.datapath);
	loading->maps = datapath_maps(why->services.datapath);
	loading->request.data = loading;
	why->loading = loading;
	uv_queue_work(why->services.loop, &loading->request, load, loaded);
}

/* ── a question ── */

static bool is_icmp_of(uint8_t protocol, const struct addr *addr)
{
	return protocol == (addr_is_v4(addr) ? PROTOCOL_ICMP : PROTOCOL_ICMPV6);
}

static int check_protocol(const struct asked *asked, struct error *error)
{
	uint8_t protocol = asked->question.protocol;

	if ((protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6) && !is_icmp_of(protocol, &asked->source.addr))
		return error_set(error, -EINVAL, "%s is not the other family's: ask with %s",
		                 why_protocol_word(protocol), protocol == PROTOCOL_ICMP ? "icmpv6" : "icmp");
	return 0;
}

/* What a pod writes into its packets may not be its own. */
static int read_sends_as(struct asked *asked, struct error *error)
{
	const char *text = asked->question.sends_as;
	struct addr addr;

	if (!text)
		return 0;
	if (addr_parse(text, &addr))
		return error_set(error, -EINVAL, "'%s' is no address to send as", text);
	if (asked->source.kind != PARTY_POD)
		return error_set(error, -EINVAL, "only a pod of this node can be asked about with another address");
	if (addr_is_v4(&addr) != addr_is_v4(&asked->destination.addr))
		return error_set(error, -EINVAL, "'%s' is of another family than the destination", text);
	asked->source.addr = addr;
	return 0;
}

static int asked_read(const struct why *why, struct asked *asked, struct error *error)
{
	const struct why_question *question = &asked->question;
	int r = party_find(&why->services, question->source, &asked->source, error);

	if (!r)
		r = party_find(&why->services, question->destination, &asked->destination, error);
	if (!r)
		r = parties_choose_family(&asked->source, &asked->destination, question->family, error);
	if (!r)
		r = check_protocol(asked, error);
	return r ? r : read_sends_as(asked, error);
}

void why_ask(struct why *why, const struct why_question *question, why_answered answered, void *userdata)
{
	struct asked *asked = xnew(struct asked);
	struct error error = {};
	int r;

	asked->question = *question;
	asked->answered = answered;
	asked->userdata = userdata;
	r = asked_read(why, asked, &error);
	/* The words are the asker's. */
	asked->question.source = asked->question.destination = asked->question.sends_as = NULL;
	if (r) {
		answered(userdata, NULL, r, &error);
		asked_free(asked);
	} else if (why->programs) {
		uv_timer_start(why->timer, forget_programs, KEEP_MS, 0);
		answer(why, asked);
	} else {
		DL_APPEND(why->waiting, asked);
		if (!why->loading)
			start_loading(why);
	}
}
