/*
 * measure FILE COMMAND [WORD]...: run a command, its standard output to /dev/null, and write to
 * FILE its seconds, the processor seconds of it and of all that it waited for, and the peak of its
 * memory in bytes. The peak is its own: a child of a larger process begins with that one's. For
 * `make bench`.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void run(char **command)
{
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (nothing < 0 || dup2(nothing, STDOUT_FILENO) < 0)
		_exit(126);
	execvp(command[0], command);
	perror(command[0]);
	_exit(127);
}

int main(int argc, char **argv)
{
	struct rusage usage;
	double began, took;
	int status;
	FILE *file;
	pid_t pid;

	if (argc < 3 || !(file = fopen(argv[1], "we"))) {
		fputs("measure FILE COMMAND [WORD]...\n", stderr);
		return 125;
	}
	began = now();
	pid = fork();
	if (!pid)
		run(argv + 2);
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) {
		perror("measure");
		return 125;
	}
	took = now() - began;
	fprintf(file, "%.6f %.6f %ld\n", took, seconds(usage.ru_utime) + seconds(usage.ru_stime),
	    usage.ru_maxrss * 1024);
	if (fclose(file))
		return 125;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
