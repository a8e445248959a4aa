/*
 * drive: runs the commands of a list one after the other, each in its own folder and to the end of
 * all it started, daemons included. One governed run of this program is many cases at once: its n-th
 * fork is the n-th case, which is how events are told apart without trusting process numbers.
 *
 *     drive LIST RESULTS
 *
 * LIST: per case `folder NUL count NUL argument NUL ...`. RESULTS: per case a line `code ms`, the code
 * as a shell would show it; 124 where the case outlived its time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASE_SECONDS 30

static char *read_all(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *text;
	size_t done = 0;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(99);
	}
	text = malloc(st.st_size + 1);
	while (done < (size_t)st.st_size) {
		ssize_t n = read(fd, text + done, st.st_size - done);

		if (n <= 0)
			exit(99);
		done += n;
	}
	text[done] = 0;
	close(fd);
	*size = done;
	return text;
}

static char *next(char **at)
{
	char *word = *at;

	*at += strlen(word) + 1;
	return word;
}

static void become(const char *folder, char **argv)
{
	char mark[4096];
	int fd;

	if (chdir(folder)) {
		perror(folder);
		_exit(98);
	}
	setpgid(0, 0);
	snprintf(mark, sizeof(mark), "%s/mark", folder);
	setenv("MARK", mark, 1);
	fd = open("output", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	dup2(fd, 1);
	dup2(fd, 2);
	execvp(argv[0], argv);
	fprintf(stderr, "drive: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == EPERM ? 126 : 127);
}

/* The code of `child`, once every descendant has ended. */
static int wait_all(pid_t child)
{
	time_t deadline = time(0) + CASE_SECONDS;
	int code = 124, status;

	for (;;) {
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid < 0)
			return code;
		if (pid == 0) {
			struct timespec pause = { .tv_nsec = 2000000 };

			if (time(0) > deadline) {
				kill(-child, SIGKILL);
				return 124;
			}
			nanosleep(&pause, 0);
			continue;
		}
		if (pid == child)
			code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

int main(int argc, char **argv)
{
	size_t size;
	struct timespec from, to;
	char *at, *end;
	int results, code;

	if (argc != 3)
		return 99;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	at = read_all(argv[1], &size);
	end = at + size;
	results = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	while (at < end) {
		const char *folder = next(&at);
		int count = atoi(next(&at));
		char **words = calloc(count + 1, sizeof(*words));
		pid_t child;

		for (int i = 0; i < count; i++)
			words[i] = next(&at);
		child = fork();
		if (child == 0)
			become(folder, words);
		clock_gettime(CLOCK_MONOTONIC, &from);
		code = child < 0 ? 97 : wait_all(child);
		clock_gettime(CLOCK_MONOTONIC, &to);
		dprintf(results, "%d %ld\n", code, (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
		free(words);
	}
	return 0;
}
