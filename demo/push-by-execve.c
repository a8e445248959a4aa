/* A program that pushes without any shell: the policy must see what is executed, not who asks for it. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	char *argv[] = { "git", "push", "-q", "origin", "HEAD:refs/heads/by-execve", NULL };

	execvp("git", argv);
	perror("push-by-execve: git");
	return 1;
}
