/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policy_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "policy/document.h"
#include "policy/parse.h"

#define FILE_MAX_BYTES (64 << 20)

/* Where what is read goes. */
struct harvest {
	struct policy_list *list;
	json_t *objects;
	struct problems problems;
};

static int read_text(const char *file, char **ret, size_t *ret_size, struct error *error)
{
	int r = strcmp(file, "-") ? file_read(file, FILE_MAX_BYTES, ret, ret_size)
	                          : file_read_fd(STDIN_FILENO, FILE_MAX_BYTES, ret, ret_size);

	return r < 0 ? error_set_errno(error, r, "cannot read %s", file) : 0;
}

/* What is wrong is among the problems. */
static int read_file(const char *file, struct harvest *harvest, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = read_text(file, &text, &size, error);

	if (r < 0)
		return r;
	if (!policy_parse(file, text, size, harvest->list, &harvest->problems) && harvest->objects)
		policy_documents(file, text, size, harvest->objects, &harvest->problems);
	return 0;
}

static int is_policy_file(const struct dirent *entry)
{
	const char *ending = strrchr(entry->d_name, '.');

	return *entry->d_name != '.' && ending &&
	       (!strcmp(ending, ".yaml") || !strcmp(ending, ".yml") || !strcmp(ending, ".json"));
}

static int read_folder(const char *folder, struct harvest *harvest, struct error *error)
{
	struct dirent **names;
	int r = 0, count = scandir(folder, &names, is_policy_file, alphasort);

	if (count < 0)
		return error_set_errno(error, -errno, "cannot read %s", folder);
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *file = xasprintf("%s/%s", folder, names[i]->d_name);

		if (!r)
			r = read_file(file, harvest, error);
		free(names[i]);
	}
	free(names);
	if (!r && !count)
		r = error_set(error, -ENOENT, "%s has no files that end in .yaml, .yml or .json", folder);
	return r;
}

static int read_argument(const char *file, struct harvest *harvest, struct error *error)
{
	struct stat status;
	bool folder = !stat(file, &status) && S_ISDIR(status.st_mode);

	return folder ? read_folder(file, harvest, error) : read_file(file, harvest, error);
}

static int tell_problems(const struct problems *problems, struct error *error)
{
	if (!problems->count)
		return 0;
	for (size_t i = 0; i < problems->count; i++)
		fprintf(stderr, "%s\n", problems->texts[i]);
	return error_set(error, -EINVAL, "%zu problem%s: nothing was taken from the files", problems->count,
	                 problems->count == 1 ? "" : "s");
}

int policy_files_read(const struct cli *cli, struct policy_list *list, json_t *objects, struct error *error)
{
	struct harvest harvest = {.list = list, .objects = objects};
	int r = 0;

	for (size_t i = 0; !r && i < cli->argument_count; i++)
		r = read_argument(cli->arguments[i], &harvest, error);
	if (!r)
		r = tell_problems(&harvest.problems, error);
	problems_clear(&harvest.problems);
	return r;
}

void policy_name_write(const struct policy *policy, FILE *out)
{
	static const char *const kinds[] = POLICY_KIND_NAMES;

	fprintf(out, "%s %s%s%s", kinds[policy->kind], policy->space ?: "", policy->space ? "/" : "", policy->name);
}
