/*
 * mark: a program whose run leaves a trace: it adds its arguments as a line to the file named by
 * $MARK. Copied under the names of programs that rules are about.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *path = getenv("MARK");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;

	if (fd < 0)
		return 90;
	dprintf(fd, "%s\n", argc > 1 ? argv[1] : "");
	return argc > 2 && !strcmp(argv[1], "exit") ? atoi(argv[2]) : 0;
}
