/*
 * compare [exchanged] OWN ONE OTHER: asks again and again whether ONE says the same as OWN (FIDEDUPERANGE). With
 * `exchanged` another thread puts OTHER in the place of its descriptor and takes it away again meanwhile, and it is asked
 * until that has happened during ENOUGH of the questions. At the end, of the questions:
 *
 *     asked exchanged
 *
 * Ends with 3 where nobody was seen to exchange anything for a long time, with 95 where the files cannot be compared.
 *
 * compare guess FILE PROGRAM...: opens FILE for writing only, asks whether a file of its own that holds `before` says the
 * same, and becomes PROGRAM if it does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define ENOUGH 1000
#define LONG_S 60
#define EXCHANGED_AT 100

static atomic_long exchanges;
static int one, other;

static void *exchange(void *none)
{
	for (;;) {
		dup2(other, EXCHANGED_AT);
		exchanges++;
		dup2(one, EXCHANGED_AT);
		exchanges++;
	}
	return 0;
}

/* The answer; below 0: there is none. */
static int compare(int own, int file, int bytes)
{
	struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info other;
	} same = { { .src_length = bytes, .dest_count = 1 }, { .dest_fd = file } };

	return ioctl(own, FIDEDUPERANGE, &same) ? -errno : same.other.status;
}

static int is_answered(int own)
{
	return compare(own, EXCHANGED_AT, 1) >= 0;
}

static int guess(char **words)
{
	static const char before[] = "before\n";
	int own = open("guess", O_CREAT | O_RDWR, 0600), file = open(words[0], O_WRONLY), answer;

	if (file < 0 || write(own, before, sizeof(before) - 1) != sizeof(before) - 1)
		return 2;
	answer = compare(own, file, sizeof(before) - 1);
	if (answer != FILE_DEDUPE_RANGE_SAME)
		return answer < 0 ? -answer : 3;
	execv(words[1], words + 1);
	return errno;
}

int main(int count, char **words)
{
	int is_exchanged = count > 1 && !strcmp(words[1], "exchanged"), own;
	time_t until = time(0) + LONG_S;
	long asked = 0, during = 0;
	pthread_t thread;

	if (count > 3 && !strcmp(words[1], "guess"))
		return guess(words + 2);
	words += is_exchanged;
	if (count - is_exchanged != 4)
		return 2;
	own = open(words[1], O_RDWR);
	one = open(words[2], O_RDWR);
	other = open(words[3], O_RDWR);
	if (own < 0 || one < 0 || other < 0 || dup2(one, EXCHANGED_AT) < 0)
		return 2;
	if (!is_answered(own))
		return 95;
	if (is_exchanged && pthread_create(&thread, 0, exchange, 0))
		return 2;
	while (is_exchanged ? during < ENOUGH : asked < ENOUGH) {
		long before = exchanges;

		if (!is_answered(own))
			return 95;
		asked++;
		during += exchanges != before;
		if (time(0) > until)
			return 3;
	}
	printf("%ld %ld\n", asked, during);
	return 0;
}
