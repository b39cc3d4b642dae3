/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prefilter's keeper, from what is asked to the revision in force. The kernel's part is replaced: what would be
 * loaded is noted, and loading and attaching fail when a test says so.
 */
#include "agent/prefilter/prefilter.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/memory.h"

#include "loop.h"

static struct {
	char lists[80], state[80];
	struct config config;
	struct store *store;
	struct prefilter_keeper *keeper;
	int load_result, attach_result;
	bool edits;      /* are taken */
	size_t edited;   /* rows */
	size_t rows;     /* of the last revision that was loaded */
	unsigned loaded; /* revisions that are not freed */
	const void *attached;
} scene;

/* ── the kernel's part ── */

int __wrap_prefilter_load(const struct datapath_options *options, const struct prefilter_plan *plan, size_t *progress,
                          struct prefilter **ret, struct error *error);
int __wrap_prefilter_load(const struct datapath_options *options, const struct prefilter_plan *plan, size_t *progress,
                          struct prefilter **ret, struct error *error)
{
	if (scene.load_result)
		return error_set(error, scene.load_result, "cannot load");
	scene.rows = plan->count[PREFILTER_SOURCE] + plan->count[PREFILTER_DESTINATION];
	scene.loaded++;
	*ret = xcalloc(1, 1);
	return 0;
}

int __wrap_prefilter_edit(struct prefilter *prefilter, enum prefilter_match match, const struct prefilter_edit *edits,
                          size_t count);
int __wrap_prefilter_edit(struct prefilter *prefilter, enum prefilter_match match, const struct prefilter_edit *edits,
                          size_t count)
{
	if (!scene.edits)
		return -ERANGE;
	for (size_t i = 0; i < count; i++)
		scene.rows += !!edits[i].after.verdict - !!edits[i].before.verdict;
	scene.edited += count;
	return 0;
}

size_t __wrap_prefilter_rows(const struct prefilter *prefilter);
size_t __wrap_prefilter_rows(const struct prefilter *prefilter)
{
	return scene.rows;
}

void __wrap_prefilter_free(struct prefilter *prefilter);
void __wrap_prefilter_free(struct prefilter *prefilter)
{
	scene.loaded -= !!prefilter;
	free(prefilter);
}

int __wrap_datapath_set_prefilter(struct datapath *datapath, const struct prefilter *prefilter, enum xdp_mode wanted,
                                  struct error *error);
int __wrap_datapath_set_prefilter(struct datapath *datapath, const struct prefilter *prefilter, enum xdp_mode wanted,
                                  struct error *error)
{
	if (scene.attach_result)
		return error_set(error, scene.attach_result, "cannot attach");
	scene.attached = prefilter;
	return 0;
}

const struct datapath_options *__wrap_datapath_options(const struct datapath *datapath);
const struct datapath_options *__wrap_datapath_options(const struct datapath *datapath)
{
	return NULL;
}

const struct maps *__wrap_datapath_maps(const struct datapath *datapath);
const struct maps *__wrap_datapath_maps(const struct datapath *datapath)
{
	return NULL;
}

int __wrap_prefilter_counter_clear(const struct maps *maps, uint16_t set);
int __wrap_prefilter_counter_clear(const struct maps *maps, uint16_t set)
{
	return 0;
}

int __wrap_datapath_each_attachment(const struct datapath *datapath,
                                    int (*each)(const struct attachment *attachment, void *userdata), void *userdata);
int __wrap_datapath_each_attachment(const struct datapath *datapath,
                                    int (*each)(const struct attachment *attachment, void *userdata), void *userdata)
{
	return 0;
}

/* ── the scene ── */

static void open_keeper(void)
{
	const struct prefilter_services services = {.loop = &loop, .config = &scene.config, .store = scene.store};

	scene.keeper = prefilter_keeper_new(&services);
}

static int begin(void **state)
{
	_cleanup_free_ char *url = NULL;
	struct error error = {};

	memset(&scene, 0, sizeof(scene));
	assert_int_equal(loop_setup(state), 0);
	snprintf(scene.lists, sizeof(scene.lists), "%s/lists", folder);
	snprintf(scene.state, sizeof(scene.state), "%s/state", folder);
	mkdir(scene.lists, 0700);
	url = xasprintf("dir:%s/store", folder);
	scene.config = (struct config){.prefilter_folder = scene.lists, .prefilter_state = scene.state, .store = url};
	if (store_open(&loop, url, &(struct store_access){}, &scene.store, &error))
		fail_msg("%s", error.message);
	scene.config.store = (char *)"dir:/nowhere";
	return 0;
}

static int end(void **state)
{
	int r;

	prefilter_keeper_free(scene.keeper);
	store_close(scene.store);
	r = loop_teardown(state);
	assert_int_equal(scene.loaded, 0);
	return r;
}

struct answer {
	bool given;
	int result;
	size_t count;
	uint64_t revision;
	char message[512];
};

static void note_answer(void *userdata, int result, size_t count, uint64_t revision, const struct error *error)
{
	struct answer *answer = userdata;

	*answer = (struct answer){.given = true, .result = result, .count = count, .revision = revision};
	if (error)
		strcpy(answer->message, error->message);
}

static struct answer ask(const char *text)
{
	json_auto_t *body = json_loads(text, 0, NULL);
	struct answer answer = {};

	prefilter_change(scene.keeper, body, note_answer, &answer);
	assert_eventually(answer.given);
	return answer;
}

static void ask_well(const char *text, size_t count)
{
	struct answer answer = ask(text);

	if (answer.result)
		fail_msg("%s", answer.message);
	assert_int_equal(answer.count, count);
}

static void assert_refused(const char *text, int result, const char *message)
{
	uint64_t revision = prefilter_revision(scene.keeper);
	struct answer answer = ask(text);

	assert_int_equal(answer.result, result);
	assert_string_equal(answer.message, message);
	assert_int_equal(prefilter_revision(scene.keeper), revision);
}

static size_t entries_of(enum set_origin origin, const char *name)
{
	const struct set *set = sets_find(prefilter_sets(scene.keeper), origin, name);

	return set ? set->cidrs.count : SIZE_MAX;
}

static void write_list(const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", scene.lists, name);
	_cleanup_fclose_ FILE *file = fopen(path, "w");

	fputs(text, file);
}

static size_t warnings(void)
{
	json_auto_t *list = json_array();

	prefilter_warnings(scene.keeper, list);
	return json_array_size(list);
}

/* ── the tests ── */

static void changes_make_revisions(void **state)
{
	open_keeper();
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.0/24\", \"198.51.100.7\", \"192.0.2.0/24\"]}", 2);
	assert_int_equal(prefilter_revision(scene.keeper), 2);
	assert_non_null(scene.attached);
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.0/24\"]}", 0);
	assert_int_equal(prefilter_revision(scene.keeper), 2);
	ask_well("{\"verb\": \"delete\", \"cidrs\": [\"192.0.2.0/24\", \"10.0.0.0/8\"]}", 1);
	ask_well("{\"verb\": \"replace\", \"cidrs\": [\"2001:db8::/32\"]}", 2);
	ask_well("{\"verb\": \"add\", \"set\": \"local.allow-to\", \"cidrs\": [\"192.0.2.1\"], \"revision\": 4}", 1);
	assert_int_equal(scene.rows, 2);
	ask_well("{\"verb\": \"replace\", \"cidrs\": []}", 1);
	assert_null(scene.attached); /* what only allows refuses nobody */
}

/* They are revisions like others, kept like others, and are asked whom they lock out. */
static void small_changes_are_edits(void **state)
{
	const void *before;

	open_keeper();
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.1\", \"192.0.2.2\"]}", 2);
	before = scene.attached;
	scene.edits = true;
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.3\", \"192.0.2.1\"]}", 1);
	assert_int_equal(scene.edited, 1);
	ask_well("{\"verb\": \"replace\", \"cidrs\": [\"192.0.2.3\", \"192.0.2.4\"]}", 3);
	assert_int_equal(scene.edited, 4);
	assert_int_equal(scene.rows, 2);
	assert_int_equal(prefilter_revision(scene.keeper), 4);
	assert_ptr_equal(scene.attached, before);
	assert_refused("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.9\"], \"protect\": [\"192.0.2.9\"]}", -EPERM,
	               "192.0.2.9/32 (in local.deny) would refuse 192.0.2.9, where this was asked from: allow that "
	               "first, or use --force to lock it out");
	assert_int_equal(scene.edited, 4);
	prefilter_keeper_free(scene.keeper);
	scene.rows = 0;
	open_keeper();
	assert_eventually(scene.rows);
	assert_int_equal(scene.rows, 2);
	assert_int_equal(prefilter_revision(scene.keeper), 4);
}

static void a_list_that_changes_a_little_is_edited(void **state)
{
	write_list("feed.deny", "192.0.2.1\n192.0.2.2\n192.0.2.3\n");
	open_keeper();
	assert_eventually(entries_of(SET_FILE, "feed.deny") == 3);
	scene.edits = true;
	write_list("feed.deny", "192.0.2.1\n192.0.2.9\n192.0.2.2\n192.0.2.10\n");
	assert_eventually(entries_of(SET_FILE, "feed.deny") == 4);
	assert_int_equal(scene.edited, 3);
}

static void what_is_asked_wrongly_changes_nothing(void **state)
{
	open_keeper();
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.0/24\"]}", 1);
	assert_refused("{\"verb\": \"put\"}", -EINVAL, "verb: must be add, delete or replace, not \"put\"");
	assert_refused("[]", -EINVAL, "the body must be a JSON object");
	assert_refused("{\"verb\": \"add\", \"cidr\": []}", -EINVAL, "\"cidr\" means nothing here");
	assert_refused("{\"verb\": \"replace\"}", -EINVAL, "cidrs: is missing; an empty list is written []");
	assert_refused("{\"verb\": \"add\", \"cidrs\": 7}", -EINVAL,
	               "cidrs: must be a list of texts, or a text of lines");
	assert_refused(
		"{\"verb\": \"add\", \"cidrs\": \"10.0.0.0/8\\n10.0.0.0/40\\nhello\"}", -EINVAL,
		"cidrs, line 2: \"10.0.0.0/40\" is no CIDR: its length is wrong, or bits are set beyond the length");
	assert_refused("{\"verb\": \"add\", \"set\": \"feed.deny\"}", -EINVAL,
	               "set: must be local.deny, local.allow, local.deny-to or local.allow-to, not \"feed.deny\"");
	assert_refused("{\"verb\": \"add\", \"set\": 7}", -EINVAL,
	               "set: must be local.deny, local.allow, local.deny-to or local.allow-to, not \"\"");
	assert_refused("{\"verb\": \"add\", \"protect\": \"192.0.2.1\"}", -EINVAL,
	               "protect: must be a list of addresses");
	assert_refused("{\"verb\": \"add\", \"force\": \"no\"}", -EINVAL, "force: must be true or false");
	assert_refused(
		"{\"verb\": \"add\", \"cidrs\": [\"192.0.2.1\", \"10.0.0.1/8\", 7]}", -EINVAL,
		"2 entries are wrong, the first is: cidrs[1]: \"10.0.0.1/8\" is no CIDR: its length is wrong, or "
		"bits are set beyond the length");
	assert_refused("{\"verb\": \"add\", \"upload\": 7}", -ENOENT,
	               "there is no upload 7: it was idle for too long, or is used already");
	assert_refused("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.1\"], \"revision\": 9}", -EEXIST,
	               "revision 2 is in force, not 9: look what has changed");
	assert_refused("{\"verb\": \"add\", \"cidrs\": [\"203.0.113.0/24\"], \"protect\": [\"203.0.113.9\"]}", -EPERM,
	               "203.0.113.0/24 (in local.deny) would refuse 203.0.113.9, where this was asked from: allow that "
	               "first, or use --force to lock it out");
	ask_well(
		"{\"verb\": \"add\", \"cidrs\": [\"203.0.113.0/24\"], \"protect\": [\"203.0.113.9\"], \"force\": true}",
		1);
}

static void long_lists_come_in_pieces(void **state)
{
	json_auto_t *first = json_string("192.0.2.1\n192.0.2.2\n"), *second = json_pack("[s]", "192.0.2.3"),
		    *answer = NULL, *again = NULL;
	struct error error = {};

	open_keeper();
	assert_int_equal(prefilter_upload(scene.keeper, NULL, first, &answer, NULL), 0);
	assert_int_equal(json_integer_value(json_object_get(answer, "upload")), 1);
	assert_int_equal(prefilter_upload(scene.keeper, "1", second, &again, NULL), 0);
	assert_int_equal(json_integer_value(json_object_get(again, "entries")), 3);
	assert_int_equal(prefilter_upload(scene.keeper, "-1", second, &again, &error), -EINVAL);
	assert_string_equal(error.message, "upload: must be a number from 1 on");
	ask_well("{\"verb\": \"add\", \"upload\": 1}", 3);
	assert_int_equal(ask("{\"verb\": \"add\", \"upload\": 1}").result, -ENOENT);
}

static void what_the_kernel_refuses_changes_nothing(void **state)
{
	const void *before;

	open_keeper();
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.0/24\"]}", 1);
	before = scene.attached;
	scene.load_result = -ENOMEM;
	assert_refused("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.1\"]}", -ENOMEM, "cannot load");
	scene.load_result = 0;
	scene.attach_result = -EBUSY;
	assert_refused("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.1\"]}", -EBUSY, "cannot attach");
	assert_int_equal(entries_of(SET_LOCAL, "local.deny"), 1);
	assert_ptr_equal(scene.attached, before);
	assert_int_equal(warnings(), 1);
	scene.attach_result = 0;
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.0/24\"]}", 0);
	assert_int_equal(warnings(), 0);
}

/* What a list says stays wanted, and is in force once it can be. */
static void lists_wait_until_the_kernel_takes_them(void **state)
{
	write_list("feed.deny", "192.0.2.1\n192.0.2.2\n");
	scene.attach_result = -EBUSY;
	open_keeper();
	assert_eventually(entries_of(SET_FILE, "feed.deny") == 2);
	assert_null(scene.attached);
	scene.attach_result = 0;
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"198.51.100.1\"]}", 1);
	assert_int_equal(scene.rows, 3);
}

static void a_wrong_list_is_not_in_the_others_way(void **state)
{
	write_list("good.deny", "192.0.2.1\n");
	write_list("wrong.deny", "192.0.2.1\nnonsense\n");
	write_list("note.txt", "a note\n");
	open_keeper();
	assert_eventually(entries_of(SET_FILE, "good.deny") == 1 && warnings());
	assert_int_equal(entries_of(SET_FILE, "wrong.deny"), 0);
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"198.51.100.1\"]}", 1);
	assert_int_equal(scene.rows, 2);
}

/* Beside a wrong list, too, the next agent begins with all that it has, and not with one set after the other. */
static void a_wrong_list_is_no_gap_for_the_next_agent(void **state)
{
	write_list("feed.deny", "192.0.2.1\n");
	open_keeper();
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"198.51.100.1\", \"198.51.100.2\"]}", 2);
	prefilter_keeper_free(scene.keeper);
	write_list("wrong.deny", "nonsense\n");
	scene.rows = 0;
	open_keeper();
	assert_eventually(scene.rows);
	assert_int_equal(scene.rows, 3);
	assert_eventually(warnings() == 1);
}

/* As it stays for the agent in whose time it turned wrong. */
static void a_wrong_list_stays_as_it_was_for_the_next_agent(void **state)
{
	write_list("feed.deny", "192.0.2.1\n192.0.2.2\n");
	open_keeper();
	assert_eventually(entries_of(SET_FILE, "feed.deny") == 2);
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"198.51.100.1\"]}", 1); /* all before is written down then */
	prefilter_keeper_free(scene.keeper);
	write_list("feed.deny", "192.0.2.9\nnonsense\n");
	scene.rows = 0;
	open_keeper();
	assert_eventually(scene.rows);
	assert_int_equal(scene.rows, 3);
	assert_int_equal(entries_of(SET_FILE, "feed.deny"), 2);
	assert_int_equal(warnings(), 1);
	write_list("feed.deny", "192.0.2.9\n");
	assert_eventually(entries_of(SET_FILE, "feed.deny") == 1);
	assert_int_equal(warnings(), 0);
}

/* That it cannot be looked at does not mean that it is empty. */
static void a_folder_that_cannot_be_read_keeps_its_lists(void **state)
{
	struct rlimit before, none;

	write_list("feed.deny", "192.0.2.1\n");
	open_keeper();
	assert_eventually(entries_of(SET_FILE, "feed.deny") == 1);
	write_list("note.txt", "a note\n");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 20; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	/* Whatever came of it would be made before this. */
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"198.51.100.1\"]}", 1);
	assert_int_equal(entries_of(SET_FILE, "feed.deny"), 1);
	assert_int_equal(scene.rows, 2);
}

static void the_next_agent_takes_it_up(void **state)
{
	uint16_t slot;

	write_list("feed.deny", "192.0.2.1\n");
	open_keeper();
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"198.51.100.1\", \"198.51.100.2\"]}", 2);
	ask_well("{\"verb\": \"add\", \"set\": \"local.allow\", \"cidrs\": [\"203.0.113.1\"]}", 1);
	ask_well("{\"verb\": \"delete\", \"set\": \"local.allow\", \"cidrs\": [\"203.0.113.1\"]}", 1);
	slot = sets_find(prefilter_sets(scene.keeper), SET_FILE, "feed.deny")->slot;
	prefilter_keeper_free(scene.keeper);
	scene.rows = 0;
	open_keeper();
	assert_int_equal(prefilter_revision(scene.keeper), 4);
	assert_eventually(scene.rows);
	assert_int_equal(scene.rows, 3);
	assert_int_equal(sets_find(prefilter_sets(scene.keeper), SET_FILE, "feed.deny")->slot, slot);
	ask_well("{\"verb\": \"add\", \"cidrs\": [\"198.51.100.3\"]}", 1);
	assert_int_equal(prefilter_revision(scene.keeper), 5);
	assert_int_equal(warnings(), 0);
}

static void it_can_be_off(void **state)
{
	scene.config.prefilter = PREFILTER_OFF;
	scene.config.prefilter_drop = PREFILTER_DROP_BOGONS;
	open_keeper();
	assert_refused("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.0/24\"]}", -ENOENT,
	               "the prefilter is off on this node: set prefilter to auto, native or generic");
	assert_null(scene.attached);
}

static void it_can_be_freed_while_it_works(void **state)
{
	json_auto_t *body = json_loads("{\"verb\": \"add\", \"cidrs\": [\"192.0.2.0/24\"]}", 0, NULL);
	struct answer answer = {};

	open_keeper();
	prefilter_change(scene.keeper, body, note_answer, &answer);
	prefilter_keeper_free(scene.keeper);
	scene.keeper = NULL;
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_false(answer.given);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(changes_make_revisions),
		TEST(small_changes_are_edits),
		TEST(a_list_that_changes_a_little_is_edited),
		TEST(what_is_asked_wrongly_changes_nothing),
		TEST(long_lists_come_in_pieces),
		TEST(what_the_kernel_refuses_changes_nothing),
		TEST(lists_wait_until_the_kernel_takes_them),
		TEST(a_wrong_list_is_not_in_the_others_way),
		TEST(a_wrong_list_is_no_gap_for_the_next_agent),
		TEST(a_wrong_list_stays_as_it_was_for_the_next_agent),
		TEST(a_folder_that_cannot_be_read_keeps_its_lists),
		TEST(the_next_agent_takes_it_up),
		TEST(it_can_be_off),
		TEST(it_can_be_freed_while_it_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
