/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pilus`: runs the command that the words name, says what went wrong in one sentence, and makes sure that what was
 * printed has arrived.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/nouns.h"

static int say_error(const struct cli *cli, const struct error *error)
{
	/* Who read our output left on purpose: `pilus … | head`. */
	if (error->code != -EPIPE)
		fprintf(stderr, "pilus: %s\n", error->message);
	if (error->code != ERROR_WRONG_USE)
		return error->code == -EOPNOTSUPP ? CLI_KERNEL_LACKS : CLI_FAILURE;
	fputs("Try '", stderr);
	for (size_t i = 0; i < cli->path_length; i++)
		fprintf(stderr, "%s ", cli->path[i]);
	fputs("--help'.\n", stderr);
	return CLI_WRONG_USE;
}

/* errno is that of the write that failed: nothing else is called between. */
static int flush(FILE *out, struct error *error)
{
	bool failed_before = ferror(out);

	if (!fflush(out) && !failed_before)
		return 0;
	return error_set_errno(error, failed_before && !errno ? -EIO : -errno, "cannot write to standard output");
}

int main(int argc, char **argv)
{
	const struct command nouns[] = {
#define X(name) name##_NOUN,
		CLI_NOUNS(X)
#undef X
			{},
	};
	const struct command root = {
		.name = "pilus",
		.summary = "Talks to the Pilus agent of this node and looks into its maps",
		.commands = nouns,
	};
	struct cli cli = {.out = stdout};
	struct error error = {};
	int r;

	signal(SIGPIPE, SIG_IGN);
	r = cli_parse(&cli, &root, argc, argv, &error);
	if (!r && cli_count(&cli, "help"))
		cli_help(&cli, stdout);
	else if (!r)
		r = cli.command->run(&cli, &error);
	if (flush(stdout, r < 0 ? NULL : &error) < 0 && r >= 0)
		r = error.code;
	return r < 0 ? say_error(&cli, &error) : CLI_OK;
}
