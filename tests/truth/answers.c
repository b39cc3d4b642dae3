/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The product's own answers, many at once. Each line of standard input is a JSON object
 *
 *     {"policies": YAML,
 *      "parties": [{"labels": ["k8s:app=web", …], "identity": N, "addr": "10.0.0.1"}, …],
 *      "services": [[PROTOCOL, PORT], …]}
 *
 * and is answered with a line: {"problems": ["…"]}, or two strings of one letter for each direction, subject, peer and
 * service: what the policies say when gone through ("meant") and when compiled and looked up as the programs do
 * ("compiled"). The letters: n not enforced, a allowed, d denied, x closed and not allowed. Only pods are subjects; of
 * others it is '-'.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/policy_lookup.h"
#include "policy/evaluate.h"
#include "policy/parse.h"

#define COUNT_MAX 64

struct party {
	struct label_set labels;
	struct policy_party party;
};

struct service {
	uint8_t protocol;
	uint16_t port;
};

struct scene {
	struct party parties[COUNT_MAX];
	size_t party_count;
	struct service services[COUNT_MAX];
	size_t service_count;
	struct world *world;
	struct policy_list policies;
	struct problems problems;
};

static void fail(const char *what)
{
	fprintf(stderr, "answers: %s\n", what);
	exit(1);
}

/* ── the question ── */

static void read_party(const json_t *json, struct party *ret)
{
	const char *addr = json_string_value(json_object_get(json, "addr"));

	if (label_set_read(json_object_get(json, "labels"), &ret->labels, NULL) || !addr ||
	    addr_parse(addr, &ret->party.addr))
		fail("a party that cannot be read");
	ret->party.labels = &ret->labels;
	ret->party.identity = (uint32_t)json_integer_value(json_object_get(json, "identity"));
}

static void enter_world(struct scene *scene, const json_t *json)
{
	uint32_t identity = (uint32_t)json_integer_value(json_object_get(json, "identity"));
	struct label_set labels;

	if (label_set_read(json_object_get(json, "labels"), &labels, NULL))
		fail("labels that cannot be read");
	world_add(scene->world, identity, &labels);
}

static void read_parties(const json_t *array, struct scene *scene)
{
	scene->party_count = json_array_size(array);
	if (scene->party_count > COUNT_MAX)
		fail("too many parties");
	scene->world = world_new();
	for (size_t i = 0; i < scene->party_count; i++) {
		read_party(json_array_get(array, i), &scene->parties[i]);
		enter_world(scene, json_array_get(array, i));
	}
}

static void read_services(const json_t *array, struct scene *scene)
{
	scene->service_count = json_array_size(array);
	if (scene->service_count > COUNT_MAX)
		fail("too many services");
	for (size_t i = 0; i < scene->service_count; i++) {
		const json_t *service = json_array_get(array, i);

		scene->services[i].protocol = (uint8_t)json_integer_value(json_array_get(service, 0));
		scene->services[i].port = (uint16_t)json_integer_value(json_array_get(service, 1));
	}
}

/* ── the answer ── */

static char letter(enum policy_verdict verdict)
{
	static const char letters[] = {
		[POLICY_NOT_ENFORCED] = 'n', [POLICY_ALLOWED] = 'a', [POLICY_DENIED] = 'd', [POLICY_NOT_ALLOWED] = 'x'};

	return letters[verdict];
}

static struct policy_set compile(const struct scene *scene, const struct label_set *subject)
{
	struct policy_list about = {};
	struct policy_set set;

	for (size_t i = 0; i < scene->policies.count; i++)
		if (policy_selects(scene->policies.policies[i], subject))
			policy_list_add(&about, scene->policies.policies[i]);
	policy_compile(&about, &(struct policy_subject){.labels = subject}, scene->world, &set);
	free(about.policies);
	return set;
}

static void answer_about(struct scene *scene, size_t subject, enum policy_direction direction, FILE *meant,
                         FILE *compiled)
{
	const struct party *party = &scene->parties[subject];
	struct policy_set set = compile(scene, &party->labels);
	bool is_pod = label_set_is_pod(&party->labels);

	for (size_t i = 0; i < scene->party_count * scene->service_count; i++) {
		const struct service *service = &scene->services[i % scene->service_count];
		const struct policy_question question = {.direction = direction,
		                                         .subject = party->party,
		                                         .peer = scene->parties[i / scene->service_count].party,
		                                         .protocol = service->protocol,
		                                         .port = service->port};

		fputc(is_pod ? letter(policy_evaluate(&scene->policies, &question).verdict) : '-', meant);
		fputc(is_pod ? letter(answer_of(&set, &question)) : '-', compiled);
	}
	policy_set_clear(&set);
}

static json_t *text_of(FILE *stream, char **text)
{
	json_t *json;

	fclose(stream);
	json = json_string(*text);
	free(*text);
	return json;
}

static json_t *answers(struct scene *scene)
{
	char *meant_text, *compiled_text;
	size_t meant_size, compiled_size;
	FILE *meant = open_memstream(&meant_text, &meant_size),
	     *compiled = open_memstream(&compiled_text, &compiled_size);
	json_t *json = json_object();

	if (!meant || !compiled)
		fail("out of memory");
	for (int direction = 0; direction < POLICY_DIRECTIONS; direction++)
		for (size_t subject = 0; subject < scene->party_count; subject++)
			answer_about(scene, subject, direction, meant, compiled);
	json_object_set_new(json, "meant", text_of(meant, &meant_text));
	json_object_set_new(json, "compiled", text_of(compiled, &compiled_text));
	return json;
}

static void enter(struct scene *scene)
{
	for (size_t i = 0; i < scene->policies.count; i++)
		world_enter(scene->world, scene->policies.policies[i]);
}

static void clear(struct scene *scene)
{
	for (size_t i = 0; i < scene->policies.count; i++)
		world_leave(scene->world, scene->policies.policies[i]);
	for (size_t i = 0; i < scene->party_count; i++)
		label_set_clear(&scene->parties[i].labels);
	policy_list_clear(&scene->policies);
	problems_clear(&scene->problems);
	world_free(scene->world);
}

static json_t *tell_problems(const struct problems *problems)
{
	json_t *texts = json_array();

	for (size_t i = 0; i < problems->count; i++)
		json_array_append_new(texts, json_string(problems->texts[i]));
	return json_pack("{s:o}", "problems", texts);
}

static void answer(const char *line)
{
	static struct scene scene;
	json_auto_t *question = json_loads(line, 0, NULL), *reply = NULL;
	const char *policies = json_string_value(json_object_get(question, "policies"));

	if (!policies)
		fail("a question that cannot be read");
	read_parties(json_object_get(question, "parties"), &scene);
	read_services(json_object_get(question, "services"), &scene);
	if (policy_parse("policies", policies, strlen(policies), &scene.policies, &scene.problems)) {
		reply = tell_problems(&scene.problems);
	} else {
		enter(&scene);
		reply = answers(&scene);
	}
	json_dumpf(reply, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	clear(&scene);
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0)
		answer(line);
	free(line);
	return 0;
}
