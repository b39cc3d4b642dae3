/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define OUTPUT_MAX_BYTES (64 << 20)

/* Files in memory, not pipes: nobody has to read while the other writes. */
static int memory_file(const char *content)
{
	_cleanup_close_ int fd = memfd_create("pilus", MFD_CLOEXEC);
	size_t size = content ? strlen(content) : 0;

	if (fd < 0 || write(fd, content, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		return fd < 0 ? fd : -1;
	return TAKE_FD(fd);
}

static int read_back(int fd, char **ret, size_t *ret_size)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read_fd(fd, OUTPUT_MAX_BYTES, ret, ret_size);
}

static void become(const char *const argv[], const char *folder, const int files[3])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++)
		if (dup2(files[i], i) < 0)
			_exit(127);
	if (chdir(folder) < 0)
		_exit(127);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_run(const char *const argv[], const char *folder, const char *input, char **ret_output, size_t *ret_size,
              char **ret_words, struct error *error)
{
	_cleanup_close_ int in = memory_file(input), out = memory_file(NULL), words = memory_file(NULL);
	_cleanup_free_ char *output = NULL;
	int status, r;
	pid_t pid;

	if (in < 0 || out < 0 || words < 0)
		return error_set_errno(error, -errno, "cannot run %s", argv[0]);
	pid = fork();
	if (pid < 0)
		return error_set_errno(error, -errno, "cannot run %s", argv[0]);
	if (!pid)
		become(argv, folder, (int[]){in, out, words});
	status = wait_for(pid);
	if (status < 0)
		return error_set_errno(error, status, "cannot wait for %s", argv[0]);
	if (status == 127)
		return error_set(error, -ENOENT, "cannot run %s", argv[0]);
	r = read_back(out, &output, ret_size);
	if (!r)
		r = read_back(words, ret_words, NULL);
	if (r < 0)
		return error_set_errno(error, r, "cannot read what %s wrote", argv[0]);
	*ret_output = TAKE_PTR(output);
	return status;
}
