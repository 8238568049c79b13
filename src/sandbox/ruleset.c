#include "sandbox/ruleset.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Debian 12's headers end at ABI 2, so the numbers are our own: they are the kernel's ABI. */
#define NR_landlock_create_ruleset 444
#define NR_landlock_add_rule 445
#define NR_landlock_restrict_self 446
#define CREATE_RULESET_VERSION 1
#define RULE_PATH_BENEATH 1

struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* since ABI 4 */
	uint64_t scoped;	     /* since ABI 6 */
};

struct path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

#define FS_EXECUTE (1ULL << 0)
#define FS_WRITE_FILE (1ULL << 1)
#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR (1ULL << 3)
#define FS_MAKE_CHAR (1ULL << 6)
#define FS_MAKE_BLOCK (1ULL << 11)
#define FS_TRUNCATE (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define FS_RESOLVE_UNIX (1ULL << 16) /* connect to a unix socket by its path */

/* All rights on files that each version knows. */
#define FS_ABI_1 ((1ULL << 13) - 1)
#define FS_ABI_2 (FS_ABI_1 | 1ULL << 13) /* refer: link and rename between folders */
#define FS_ABI_3 (FS_ABI_2 | FS_TRUNCATE)
#define FS_ABI_5 (FS_ABI_3 | FS_IOCTL_DEV)
#define FS_ABI_9 (FS_ABI_5 | FS_RESOLVE_UNIX)

#define NET_ABI_4 3ULL	  /* bind and connect TCP */
#define NET_ABI_10 15ULL  /* and UDP */
#define SCOPED_ABI_6 3ULL /* abstract unix sockets, signals */

/* What a rule for a file, not a folder, may hold. */
#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

int ruleset_abi(void)
{
	long abi = syscall(NR_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static uint64_t rights_of(int abi)
{
	return abi >= 9	  ? FS_ABI_9
	       : abi >= 5 ? FS_ABI_5
	       : abi >= 3 ? FS_ABI_3
	       : abi == 2 ? FS_ABI_2
			  : FS_ABI_1;
}

int ruleset_begin(struct ruleset *ret_ruleset, struct err *e)
{
	int abi = ruleset_abi();
	struct ruleset_attr attr = {
	    .handled_access_fs = rights_of(abi),
	    .handled_access_net = abi >= 10  ? NET_ABI_10
				  : abi >= 4 ? NET_ABI_4
					     : 0,
	    .scoped = abi >= 6 ? SCOPED_ABI_6 : 0,
	};
	/* A kernel refuses a longer struct than it knows, unless the rest is zero. */
	long fd = abi ? syscall(NR_landlock_create_ruleset, &attr, sizeof(attr), 0) : -1;

	if (fd < 0)
		return err_errno(e, "make a Landlock ruleset");
	*ret_ruleset = (struct ruleset){(int)fd, attr.handled_access_fs};
	return 0;
}

static uint64_t rights_to(enum ruleset_access access)
{
	switch (access) {
	case RULESET_READ:
		return FS_EXECUTE | FS_READ_FILE | FS_READ_DIR;
	case RULESET_WRITE:
		return FS_ABI_3 & ~(FS_MAKE_CHAR | FS_MAKE_BLOCK);
	case RULESET_TERMINAL:
		return FS_READ_FILE | FS_WRITE_FILE | FS_IOCTL_DEV;
	case RULESET_DEVICE:
		break;
	}
	return FS_READ_FILE | FS_WRITE_FILE;
}

int ruleset_allow_fd(
    struct ruleset *ruleset, int fd, const char *path, enum ruleset_access access, struct err *e)
{
	struct path_beneath_attr rule = {rights_to(access) & ruleset->handled, fd};
	struct stat status;

	if (fstat(fd, &status))
		return err_errno(e, "look at %s for a Landlock rule", path);
	if (!S_ISDIR(status.st_mode))
		rule.allowed_access &= FS_OF_FILES;
	if (syscall(NR_landlock_add_rule, ruleset->fd, RULE_PATH_BENEATH, &rule, 0))
		return err_errno(e, "add the Landlock rule for %s", path);
	return 0;
}

int ruleset_allow(struct ruleset *ruleset, const char *path, enum ruleset_access access,
    bool optional, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0 && optional && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_errno(e, "open %s for a Landlock rule", path);
	return ruleset_allow_fd(ruleset, fd, path, access, e);
}

int ruleset_enforce(struct ruleset *ruleset, struct err *e)
{
	_cleanup_close_ int fd = steal_fd(&ruleset->fd);

	if (syscall(NR_landlock_restrict_self, fd, 0))
		return err_errno(e, "enforce the Landlock ruleset");
	return 0;
}
