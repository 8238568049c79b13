/*
 * minsys boot: build what is not up to date, and run the result in QEMU, by the scripts that stand
 * beside it; with a command, run that in the system, print what it prints and end with its exit
 * status.
 *
 * The command travels on the kernel's command line (stages/rootfs/rc.console reads it). What it
 * prints comes back on the console, with a mark made up for this one run before and behind it:
 * "minsys-begin MARK\n" OUTPUT "minsys-status MARK STATUS\n".
 */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/random.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* arm64's COMMAND_LINE_SIZE without its NUL, less what the scripts put there themselves. */
#define APPEND_MAX (2047 - 127)
#define CONSOLE_END_LINES 20
#define CONSOLE_END_SIZE 8192 /* bytes kept for them, and up to twice that */

enum boot_state { BOOT_STARTING, BOOT_RUNNING, BOOT_ENDED };

/* A command under way in a system. */
struct boot {
	pid_t pid; /* QEMU, the leader of its own process group */
	int console_fd;
	uint64_t deadline; /* as clock_milliseconds() counts */
	enum boot_state state;
	int status;	       /* of the command, once BOOT_ENDED */
	struct buf pending;    /* read, and not yet known to be the command's or not */
	struct buf end;	       /* the last of all that the console printed */
	char begin_marker[48]; /* stands before what the command prints */
	char end_marker[48];   /* and behind it, up to the status */
};

static void buf_drop(struct buf *b, size_t length)
{
	memmove(b->data, b->data + length, b->length - length);
	b->length -= length;
	b->data[b->length] = 0;
}

/* The shell quotes nothing again, as with ssh: the words are joined by spaces. */
static char *join_words(const struct cli *cli)
{
	struct buf text = {0};

	for (int i = 0; i < cli->word_count; i++)
		buf_printf(&text, "%s%s", i ? " " : "", cli->words[i]);
	return text.data;
}

/* RFC 4648. libcrypto's would bring all of OpenSSL's I/O into a static program. */
static char *base64(const char *text)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t length = strlen(text);
	struct buf encoded = {0};

	for (size_t i = 0; i < length; i += 3) {
		unsigned group = 0;
		char four[4];

		for (size_t n = 0; n < 3; n++)
			group = group << 8 | (i + n < length ? (unsigned char)text[i + n] : 0);
		for (size_t n = 0; n < 4; n++)
			four[n] = i + n <= length ? digits[group >> (18 - 6 * n) & 63] : '=';
		buf_add(&encoded, four, sizeof(four));
	}
	return encoded.data;
}

/* Make the markers, and the words that the kernel's command line needs, which the scripts take
 * from APPEND. */
static int set_append(const struct cli *cli, struct boot *boot, struct err *e)
{
	const char *append = getenv("APPEND");
	_cleanup_free_ char *command = join_words(cli);
	_cleanup_free_ char *encoded = NULL;
	_cleanup_free_ char *line = NULL;
	unsigned long long mark;

	if (strlen(command) > APPEND_MAX)
		return err_kind(e, ERR_INPUT,
		    "the command has %zu bytes, and the kernel's command line takes about %d: put "
		    "it into a file in rootfs/ and run build_initramfs.sh or build_rootfs.sh",
		    strlen(command), APPEND_MAX * 3 / 4 - 64);
	if (random_get(&mark, sizeof(mark), e))
		return err_wrap(e, "make up a mark");
	snprintf(boot->begin_marker, sizeof(boot->begin_marker), "minsys-begin %016llx\n", mark);
	snprintf(boot->end_marker, sizeof(boot->end_marker), "minsys-status %016llx ", mark);
	encoded = base64(command);
	line = xasprintf("%s%squiet minsys.mark=%016llx minsys.command=%s", append ? append : "",
	    append ? " " : "", mark, encoded);
	if (strlen(line) > APPEND_MAX)
		return err_kind(e, ERR_INPUT,
		    "the command makes the kernel's command line %zu bytes too long: put it into a "
		    "file in rootfs/ and run build_initramfs.sh or build_rootfs.sh",
		    strlen(line) - APPEND_MAX);
	return setenv("APPEND", line, 1) ? err_errno(e, "set APPEND") : 0;
}

static _Noreturn void run_script(const char *script, int console_fd, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before that was set */
		_exit(ERR_ENVIRONMENT);
	if (null >= 0 && dup2(null, 0) >= 0 && dup2(console_fd, 1) >= 0 && dup2(console_fd, 2) >= 0)
		execl("/bin/sh", "sh", script, (char *)NULL);
	dprintf(console_fd, "run %s: %s\n", script, strerror(errno));
	_exit(ERR_ENVIRONMENT);
}

static int start(struct boot *boot, const char *script, struct err *e)
{
	pid_t self = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	boot->pid = fork();
	if (!boot->pid)
		run_script(script, ends[1], self);
	close(ends[1]);
	boot->console_fd = ends[0];
	if (boot->pid < 0)
		return err_errno(e, "run %s", script);
	setpgid(boot->pid, boot->pid); /* whoever comes first, it is done before any kill() */
	return 0;
}

/* Print what is the command's, and drop it. */
static int print(struct boot *boot, size_t length, struct err *e)
{
	if (!length)
		return 0;
	if (file_write_all(1, boot->pending.data, length, "standard output", e))
		return -1;
	buf_drop(&boot->pending, length);
	return 0;
}

/* Where the end marker begins in what is pending, or may begin once more is read. */
static size_t find_end_marker(const struct boot *boot)
{
	const struct buf *pending = &boot->pending;
	size_t marker = strlen(boot->end_marker);
	size_t at;

	for (at = 0; at < pending->length; at++) {
		size_t left = pending->length - at;

		if (!memcmp(pending->data + at, boot->end_marker, left < marker ? left : marker))
			break;
	}
	return at;
}

static int take_output(struct boot *boot, struct err *e)
{
	char *line_end;

	if (!boot->pending.length)
		return 0;
	if (print(boot, find_end_marker(boot), e))
		return -1;
	if (boot->pending.length <= strlen(boot->end_marker))
		return 0; /* it may be, and the rest is still to come */
	line_end = memchr(boot->pending.data, '\n', boot->pending.length);
	if (line_end) {
		boot->status =
		    (int)(strtoul(boot->pending.data + strlen(boot->end_marker), NULL, 10) & 255);
		boot->state = BOOT_ENDED;
	}
	return 0;
}

static void look_for_begin(struct boot *boot)
{
	size_t marker = strlen(boot->begin_marker);
	char *found;

	if (!boot->pending.length)
		return;
	found = memmem(boot->pending.data, boot->pending.length, boot->begin_marker, marker);
	if (found) {
		buf_drop(&boot->pending, (size_t)(found - boot->pending.data) + marker);
		boot->state = BOOT_RUNNING;
	} else if (boot->pending.length > marker) {
		buf_drop(&boot->pending, boot->pending.length - marker);
	}
}

static int take(struct boot *boot, const char *bytes, size_t length, struct err *e)
{
	buf_add(&boot->end, bytes, length);
	if (boot->end.length > 2UL * CONSOLE_END_SIZE)
		buf_drop(&boot->end, boot->end.length - CONSOLE_END_SIZE);
	if (boot->state == BOOT_ENDED)
		return 0;
	buf_add(&boot->pending, bytes, length);
	if (boot->state == BOOT_STARTING)
		look_for_begin(boot);
	return boot->state == BOOT_RUNNING ? take_output(boot, e) : 0;
}

/* Milliseconds until the time limit, as poll(2) takes them. */
static int time_left(const struct boot *boot)
{
	uint64_t now = clock_milliseconds();

	return now >= boot->deadline			  ? 0
	       : boot->deadline - now > (uint64_t)INT_MAX ? INT_MAX
							  : (int)(boot->deadline - now);
}

/* Read the console until QEMU has closed it, or the time is up (which is no error here). */
static int follow(struct boot *boot, bool *ret_timed_out, struct err *e)
{
	struct pollfd watched = {.fd = boot->console_fd, .events = POLLIN};
	char chunk[65536];
	ssize_t got;
	int ready;

	for (;;) {
		ready = poll(&watched, 1, time_left(boot));
		if (ready < 0 && errno != EINTR)
			return err_errno(e, "wait for QEMU");
		if (!ready && !time_left(boot)) {
			*ret_timed_out = true;
			return 0;
		}
		if (ready <= 0)
			continue;
		got = read(boot->console_fd, chunk, sizeof(chunk));
		if (got < 0)
			return err_errno(e, "read the console");
		if (!got)
			return 0;
		if (take(boot, chunk, (size_t)got, e))
			return -1;
	}
}

static void show_console_end(const struct boot *boot)
{
	const char *text = buf_text(&boot->end);
	size_t from = boot->end.length;

	for (int lines = 0; from > 0; from--)
		if (text[from - 1] == '\n' && from < boot->end.length &&
		    ++lines == CONSOLE_END_LINES)
			break;
	fputs("--- the end of what the console printed ---\n", stderr);
	for (; from < boot->end.length; from++)
		if (text[from] != '\r')
			fputc(text[from], stderr);
	if (boot->end.length && text[boot->end.length - 1] != '\n')
		fputc('\n', stderr);
	fputs("---\n", stderr);
}

/* Why there is no exit status of the command. */
static int judge(
    const struct cli *cli, const struct boot *boot, bool timed_out, int qemu_status, struct err *e)
{
	if (boot->state == BOOT_STARTING && WIFEXITED(qemu_status) &&
	    WEXITSTATUS(qemu_status) == ERR_ENVIRONMENT)
		return err_kind(e, ERR_ENVIRONMENT, "%.*s",
		    (int)strcspn(buf_text(&boot->end), "\n"),
		    buf_text(&boot->end)); /* the script says what is missing, in one line */
	show_console_end(boot);
	if (timed_out)
		return err_set(e, "%s after %u s, the time limit (--timeout): QEMU was killed",
		    boot->state == BOOT_STARTING  ? "the system had not started the command"
		    : boot->state == BOOT_RUNNING ? "the command had not ended"
						  : "the system had not turned itself off",
		    cli->timeout_seconds);
	return err_set(e, "%s",
	    boot->state == BOOT_STARTING ? "QEMU ended before the system could start the command"
					 : "QEMU ended before the command had");
}

static int wait_for_qemu(const struct boot *boot, struct err *e)
{
	int status;

	while (waitpid(boot->pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, "wait for QEMU");
	return status;
}

static int run_started(const struct cli *cli, struct boot *boot, int *ret_status, struct err *e)
{
	bool timed_out = false;
	int result = follow(boot, &timed_out, e);
	struct err ignored;
	int qemu_status;

	/* What looked like the beginning of the marker was none. */
	if (!result && boot->state == BOOT_RUNNING)
		result = print(boot, boot->pending.length, e);
	if (result || timed_out)
		kill(-boot->pid, SIGKILL);
	qemu_status = wait_for_qemu(boot, result ? &ignored : e);
	if (result || qemu_status < 0)
		return -1;
	if (timed_out || boot->state != BOOT_ENDED)
		return judge(cli, boot, timed_out, qemu_status, e);
	*ret_status = boot->status;
	return 0;
}

static int run_command(const struct cli *cli, const char *script)
{
	struct boot boot = {
	    .pid = -1,
	    .console_fd = -1,
	    .deadline = clock_milliseconds() + 1000ULL * cli->timeout_seconds,
	};
	struct err e = {0};
	int status = 0;

	if (set_append(cli, &boot, &e) || start(&boot, script, &e) ||
	    run_started(cli, &boot, &status, &e))
		status = cli_fail(&e);
	cleanup_close(&boot.console_fd);
	buf_free(&boot.pending);
	buf_free(&boot.end);
	return status;
}

/* The script takes this process's place, and the terminal with it. */
static int run_interactive(const char *script)
{
	struct err e = {0};

	execl("/bin/sh", "sh", script, (char *)NULL);
	err_errno(&e, "run %s", script);
	return cli_fail(&e);
}

/* Where what is to be booted is. A folder that was named needs no project around it. */
static int find_out(const struct cli *cli, char **ret_out)
{
	struct plan *plan = NULL;
	int status;

	if (cli->out) {
		*ret_out = xstrdup(cli->out);
		return 0;
	}
	if (!cli->project)
		return cli_usage("neither this folder nor one above it is a minsys project: go to "
				 "one, or name it with -C, or with --out a result to boot");
	status = cli_plan(cli, &plan);
	if (status)
		return status;
	*ret_out = cli_out(cli, plan);
	plan_free(plan);
	return 0;
}

static int find_script(const struct cli *cli, char **ret_script)
{
	_cleanup_free_ char *out = NULL;
	_cleanup_free_ char *script = NULL;
	struct err e = {0};
	int status = find_out(cli, &out);

	if (status)
		return status;
	script = xasprintf("%s/%s", out, cli->disk ? "run_disk.sh" : "run_initramfs.sh");
	if (access(script, R_OK)) {
		err_errno(&e, "open %s", script);
		err_wrap(&e, "nothing to boot is in %s yet, run `minsys build` first", out);
		e.kind = ERR_INPUT;
		return cli_fail(&e);
	}
	*ret_script = steal_ptr(&script);
	return 0;
}

static int run_boot(struct cli *cli)
{
	_cleanup_free_ char *script = NULL;
	int status;

	if (cli->word_count && !cli->separated)
		return cli_usage("a command to run in the system stands behind `--`: `minsys boot "
				 "-- %s`",
		    cli->words[0]);
	if (cli->separated && !cli->word_count)
		return cli_usage("there is no command behind `--`");
	/* What is booted is what the project is now. */
	if (cli->project && !cli->out && (status = cli_build_for_boot(cli)))
		return status;
	status = find_script(cli, &script);
	if (status)
		return status;
	return cli->word_count ? run_command(cli, script) : run_interactive(script);
}

const struct command cmd_boot = {
    .name = "boot",
    .words = "[--disk] [-- COMMAND...]",
    .options = "out keep-going disk timeout",
    .summary = "build what has changed and boot it in QEMU (Ctrl-a x leaves); or run a command "
	       "there, for its output",
    .is_for_anywhere = true,
    .run = run_boot,
};
