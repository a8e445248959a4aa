/*
 * flip: runs a program again and again while another thread rewrites its first argument, to one word and
 * back, without pause.
 *
 *     flip PROGRAM WORD OTHER COUNT       the words are equally long
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char argument[64];
static const char *words[2];

static void *flip(void *unused)
{
	size_t size = strlen(words[0]);

	for (unsigned i = 0;; i++)
		memcpy(argument, words[i & 1], size);
	return unused;
}

int main(int argc, char **argv)
{
	int ran = 0, status;

	if (argc != 5 || strlen(argv[2]) != strlen(argv[3]) || strlen(argv[2]) >= sizeof(argument))
		return 95;
	words[0] = argv[2];
	words[1] = argv[3];
	strcpy(argument, argv[2]);
	for (int i = 0; i < atoi(argv[4]); i++) {
		pid_t child = fork();

		if (child == 0) {
			char *own[] = { argv[1], argument, NULL };
			pthread_t thread;

			pthread_create(&thread, 0, flip, 0);
			/* Somewhere in its round when the kernel looks. */
			usleep(i % 50 * 20);
			execv(argv[1], own);
			_exit(1);
		}
		waitpid(child, &status, 0);
		ran += status == 0;
	}
	printf("%d ran\n", ran);
	return 0;
}
