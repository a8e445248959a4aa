/*
 * storm A B: asks again and again, from two threads, for A and B: a connection to 127.0.0.1 at a port that nobody
 * listens at, or a file to read. Says how each ended when its input ends:
 *
 *     refused-a slipped-a  refused-b passed-b  slipped-b
 *
 * `refused` is EPERM, anything else went through. A line on its input says that B is forbidden from here on:
 * what goes through to B after that has slipped.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static atomic_int forbidden, over;
static atomic_long refused_a, slipped_a, refused_b, passed_b, slipped_b;
static char **asked;

static int is_refused(const char *what)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(what)) };
	int fd = *what == '/' ? open(what, O_RDONLY) : socket(AF_INET, SOCK_STREAM, 0), refused;

	if (*what == '/') {
		refused = fd < 0 && errno == EPERM;
		if (fd >= 0)
			close(fd);
		return refused;
	}
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	refused = connect(fd, (struct sockaddr *)&address, sizeof(address)) && errno == EPERM;
	close(fd);
	return refused;
}

static void *ask(void *none)
{
	while (!over) {
		/* Read before the call: one that began earlier may still be judged by what was in force then. */
		int must = forbidden;

		(*(is_refused(asked[0]) ? &refused_a : &slipped_a))++;
		if (is_refused(asked[1]))
			refused_b++;
		else if (must)
			slipped_b++;
		else
			passed_b++;
	}
	return none;
}

int main(int argc, char **argv)
{
	pthread_t threads[2];
	char line[16];

	if (argc != 3)
		return 2;
	asked = argv + 1;
	/* Nothing is asked before the first line: by then it is governed. */
	if (!fgets(line, sizeof(line), stdin))
		return 2;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, ask, NULL);
	while (fgets(line, sizeof(line), stdin))
		forbidden = 1;
	over = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("%ld %ld %ld %ld %ld\n", refused_a, slipped_a, refused_b, passed_b, slipped_b);
	return 0;
}
