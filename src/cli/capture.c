/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/capture.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "cli/redact.h"

#define SECONDS   30 /* for a command */
#define BYTES_MAX (64 << 20)

/* The alarm outlives exec: it ends the command wherever it hangs. */
__attribute__((noreturn)) static void run(const char *program, const char *const *argv, int out)
{
	int in = open("/dev/null", O_RDONLY);

	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	signal(SIGPIPE, SIG_DFL);
	alarm(SECONDS);
	execvp(program, (char *const *)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Returns the child, and what it says in *ret, or −errno. */
static pid_t start(const char *program, const char *const *argv, FILE **ret)
{
	_cleanup_close_ int reader = -1, writer = -1;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	reader = ends[0];
	writer = ends[1];
	child = fork();
	if (child < 0)
		return -errno;
	if (!child)
		run(program, argv, writer);
	*ret = fdopen(TAKE_FD(reader), "r");
	assert(*ret);
	return child;
}

/* Closing the pipe early ends who goes on writing. */
static void copy(FILE *from, FILE *to)
{
	struct redaction redaction = {};
	_cleanup_free_ char *line = NULL;
	size_t room, written = 0;
	ssize_t length;

	while ((length = getline(&line, &room, from)) > 0) {
		_cleanup_free_ char *shown = NULL;

		for (ssize_t i = 0; i < length; i++)
			if (!line[i]) /* as /proc separates arguments */
				line[i] = ' ';
		shown = redact_line(&redaction, line);
		fputs(shown, to);
		written += length;
		if (written > BYTES_MAX) {
			fprintf(to, "\n# cut off here: there is more than %d MiB of it\n", BYTES_MAX >> 20);
			break;
		}
	}
	fclose(from);
}

static void say_end(pid_t child, FILE *to)
{
	int status;

	if (waitpid(child, &status, 0) < 0)
		fprintf(to, "# %s\n", strerror(errno));
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		fprintf(to, "# ended after %d s\n", SECONDS);
	else if (WIFSIGNALED(status))
		fprintf(to, "# ended by %s\n", strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		fprintf(to, "# exit status %d\n", WEXITSTATUS(status));
}

static FILE *create(int folder, const char *file)
{
	int fd = openat(folder, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *made = fd < 0 ? NULL : fdopen(fd, "w");

	if (!made && fd >= 0)
		close(fd);
	return made;
}

int capture(int folder, const char *file, const char *program, const char *const *argv, struct error *error)
{
	FILE *out = create(folder, file), *from = NULL;
	pid_t child;

	if (!out)
		return error_set_errno(error, -errno, "cannot make the file %s", file);
	fputs("#", out);
	for (const char *const *word = argv; *word; word++)
		fprintf(out, " %s", *word);
	fputc('\n', out);
	fflush(out); /* before there are two of us */
	child = start(program, argv, &from);
	if (child < 0) {
		fprintf(out, "# %s\n", strerror(-child));
	} else {
		copy(from, out);
		say_end(child, out);
	}
	return fclose(out) ? error_set_errno(error, -errno, "cannot write the file %s", file) : 0;
}
