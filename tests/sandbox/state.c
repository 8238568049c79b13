/* What a step is, and what it was left by those who started it. */
#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

static int attack_read_stdin(char **words)
{
	char text[16];
	ssize_t got = read(0, text, sizeof(text));

	(void)words;
	if (got >= 0)
		printf("%zd bytes\n", got);
	return got < 0 ? -1 : FOUND;
}

static int attack_read_output(char **words)
{
	char byte;

	(void)words;
	return (int)read(1, &byte, 1);
}

static int attack_descriptors(char **words)
{
	bool first = true;

	(void)words;
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0) {
			printf("%s%d", first ? "" : " ", fd);
			first = false;
		}
	putchar('\n');
	return FOUND;
}

static int attack_environment(char **words)
{
	(void)words;
	for (char **variable = environ; *variable; variable++)
		printf("%s%s", variable == environ ? "" : " ", *variable);
	putchar('\n');
	return FOUND;
}

static int attack_variable(char **words)
{
	const char *value = getenv(words[0]);

	puts(value ? value : "absent");
	return FOUND;
}

static int attack_umask(char **words)
{
	(void)words;
	printf("%04o\n", (unsigned)umask(0));
	return FOUND;
}

static int attack_names(char **words)
{
	char hostname[64] = "", domain[64] = "";

	(void)words;
	if (gethostname(hostname, sizeof(hostname)) || getdomainname(domain, sizeof(domain)))
		return -1;
	printf("%s %s\n", hostname, domain);
	return FOUND;
}

/* Is the host name that of the machine outside? */
static int attack_host_name(char **words)
{
	char name[64] = "";

	if (gethostname(name, sizeof(name)))
		return -1;
	puts(strcmp(name, words[0]) ? "another" : "the machine's");
	return FOUND;
}

/* Which kernel, how much memory, since when. */
static int attack_machine(char **words)
{
	struct utsname system;
	struct sysinfo state;

	(void)words;
	return uname(&system) || sysinfo(&state) ? -1 : 0;
}

static int attack_ids(char **words)
{
	uid_t u[3];
	gid_t g[3];

	(void)words;
	getresuid(&u[0], &u[1], &u[2]);
	getresgid(&g[0], &g[1], &g[2]);
	printf("%u %u %u %u %u %u\n", u[0], u[1], u[2], g[0], g[1], g[2]);
	return FOUND;
}

/* Groups besides its own that mean anything here: those of nobody are ones that have no number. */
static int attack_groups(char **words)
{
	gid_t groups[1024];
	int count = getgroups(1024, groups);
	bool others = false;

	(void)words;
	for (int i = 0; i < count; i++)
		others = others || (groups[i] != getegid() && groups[i] != 65534);
	puts(others ? "others" : "its own");
	return FOUND;
}

static int attack_session(char **words)
{
	(void)words;
	printf("%s\n", getsid(0) == getpid() ? "own" : "inherited");
	return FOUND;
}

static int attack_folder(char **words)
{
	char path[4096];

	(void)words;
	if (!getcwd(path, sizeof(path)))
		return -1;
	printf("%s\n", path);
	return FOUND;
}

/* Values of fields of a process's /proc file `status`. */
static int attack_status(char **words)
{
	char path[64], line[256], separator[2] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/status", *words++);
	file = fopen(path, "r");

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		for (char **word = words; *word; word++)
			if (!strncmp(line, *word, strlen(*word)) && line[strlen(*word)] == ':') {
				printf("%s%llx", separator,
				    strtoull(line + strlen(*word) + 1, NULL, 16));
				separator[0] = ' ';
			}
	putchar('\n');
	return FOUND;
}

/* Whoever starts a sandbox may have less than a step may. */
static int attack_limit(char **words)
{
	rlim_t most = (rlim_t)number(words[1]);
	struct rlimit limit;

	if (getrlimit(!strcmp(words[0], "core") ? RLIMIT_CORE : RLIMIT_NPROC, &limit))
		return -1;
	puts(limit.rlim_cur <= most && limit.rlim_max <= most ? "bounded" : "unbounded");
	return FOUND;
}

/* Has any network interface here ever received a byte? A namespace of its own may hold more of them
 * than `lo`, but none that has; nor has any in a container without a network. */
static int attack_traffic(char **words)
{
	FILE *file = fopen("/proc/self/net/dev", "r");
	unsigned long long sum = 0;
	char line[512], *colon;

	(void)words;
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if ((colon = strchr(line, ':')))
			sum += strtoull(colon + 1, NULL, 10);
	fclose(file);
	errno = ENODATA;
	return sum ? 0 : -1;
}

const struct attack on_state[] = {
    {"read-stdin", 0, attack_read_stdin},
    {"read-output", 0, attack_read_output},
    {"descriptors", 0, attack_descriptors},
    {"environment", 0, attack_environment},
    {"variable", 1, attack_variable},
    {"umask", 0, attack_umask},
    {"names", 0, attack_names},
    {"host-name", 1, attack_host_name},
    {"machine", 0, attack_machine},
    {"ids", 0, attack_ids},
    {"groups", 0, attack_groups},
    {"session", 0, attack_session},
    {"folder", 0, attack_folder},
    {"status", 2, attack_status},
    {"limit", 2, attack_limit},
    {"traffic", 0, attack_traffic},
    {NULL, 0, NULL},
};
