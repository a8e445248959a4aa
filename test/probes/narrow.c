/*
 * narrow: a 32-bit program without any library, for everything that 32-bit calls may do in another way. Without more
 * words it leaves its first argument in the file `mark`, as mark.c does; PROGRAM after `exec` is run with what follows.
 *
 *     narrow WORD                        narrow exec PROGRAM [ARGUMENT...]
 *     narrow copy FROM TO                narrow remove PATH
 */
#define NR_READ 3
#define NR_WRITE 4
#define NR_OPEN 5
#define NR_UNLINK 10
#define NR_EXECVE 11
#define O_WRONLY 1
#define O_CREAT 0100
#define O_APPEND 02000

static char buffer[256];

static int call(int number, const void *a, const void *b, const void *c)
{
	int result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

static int is(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static int put(const char *path, const char *text, int bytes)
{
	int fd = call(NR_OPEN, path, (void *)(O_WRONLY | O_CREAT | O_APPEND), (void *)0644);

	return fd < 0 ? -fd : call(NR_WRITE, (void *)fd, text, (void *)bytes) < 0;
}

static int copy(const char *from, const char *to)
{
	int fd = call(NR_OPEN, from, 0, 0), bytes;

	if (fd < 0)
		return -fd;
	bytes = call(NR_READ, (void *)fd, buffer, (void *)sizeof(buffer));
	return bytes < 0 ? -bytes : put(to, buffer, bytes);
}

static int mark(const char *word)
{
	int bytes = 0;

	while (word[bytes] && bytes < 200) {
		buffer[bytes] = word[bytes];
		bytes++;
	}
	buffer[bytes++] = '\n';
	return put("mark", buffer, bytes);
}

static int run(int argc, char **argv, char **environment)
{
	if (argc > 2 && is(argv[1], "exec"))
		return -call(NR_EXECVE, argv[2], argv + 2, environment);
	if (argc > 3 && is(argv[1], "copy"))
		return copy(argv[2], argv[3]);
	if (argc > 2 && is(argv[1], "remove"))
		return -call(NR_UNLINK, argv[2], 0, 0);
	return argc > 1 ? mark(argv[1]) : 90;
}

/* What the kernel leaves on the stack: how many arguments, the arguments, a null, the environment. */
__attribute__((used)) static void begin(int *stack)
{
	char **argv = (char **)(stack + 1);

	call(1, (void *)run(*stack, argv, argv + *stack + 1), 0, 0);
}

__asm__(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n call begin\n");
