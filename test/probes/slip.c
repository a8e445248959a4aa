/*
 * slip MS WHAT: asks again and again for WHAT, a file to read or a port of 127.0.0.1 that nobody listens at, from
 * threads that share one processor and interrupt each other: each wakes at odd moments and goes before all that came
 * before it, so an operation is often begun while others of its kind are half-way through. After MS milliseconds:
 *
 *     tries passed
 *
 * Without the right to real-time priorities the threads only take turns.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS 6

static atomic_int over;
static atomic_long tries, passed;
static const char *what;

static int passes(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(what)) };
	int fd = *what == '/' ? open(what, O_RDONLY) : socket(AF_INET, SOCK_STREAM, 0), is_refused = fd < 0;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (*what != '/')
		is_refused = connect(fd, (struct sockaddr *)&address, sizeof(address)) && errno == EPERM;
	if (fd >= 0)
		close(fd);
	return !is_refused;
}

static void *ask(void *number)
{
	struct sched_param urgency = { .sched_priority = (long)number };
	unsigned seed = (long)number;

	if (number)
		sched_setscheduler(0, SCHED_FIFO, &urgency);
	while (!over) {
		struct timespec pause = { 0, urgency.sched_priority * 200000 + rand_r(&seed) % 400000 };

		if (number)
			nanosleep(&pause, 0);
		for (int i = 0; i < 4 && !over; i++) {
			tries++;
			passed += passes();
		}
	}
	return 0;
}

int main(int count, char **words)
{
	struct timespec until = { 0 };
	pthread_t threads[THREADS];
	cpu_set_t first;

	if (count < 3)
		return 2;
	what = words[2];
	until.tv_sec = atoi(words[1]) / 1000;
	until.tv_nsec = atoi(words[1]) % 1000 * 1000000;
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], 0, ask, (void *)i);
	nanosleep(&until, 0);
	over = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], 0);
	printf("%ld %ld\n", (long)tries, (long)passed);
	return 0;
}
