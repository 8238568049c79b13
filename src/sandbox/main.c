/*
 * minsys-sandbox: run one command where it can touch only what was named. `options_help` says
 * how to use it.
 */
#include "sandbox/isolation.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void tell_limit(const struct sandbox_report *report)
{
	char most[LIMIT_TEXT_SIZE];

	limit_text(report->exceeded, report->most, most);
	if (report->exceeded == LIMIT_TIME)
		fprintf(stderr, "minsys-sandbox: ended after %s, its time limit\n", most);
	else
		/* What it says itself names no limit. */
		fprintf(stderr, "minsys-sandbox: %s at %s, its limit of %s\n",
		    report->status == 128 + SIGKILL ? "ended" : "failed", most,
		    report->exceeded == LIMIT_CPU ? "processor time"
						  : limit_name(report->exceeded));
}

static int tell(const struct options *options, const struct sandbox_report *report)
{
	if (options->report_fd >= 0 && write(options->report_fd, report, sizeof(*report)) < 0)
		perror("minsys-sandbox: report");
	if (options->report_fd < 0 && report->failed)
		fprintf(stderr, "minsys-sandbox: %s\n", report->error.text);
	if (options->report_fd < 0 && report->exceeded)
		tell_limit(report);
	return report->failed ? (int)report->error.kind : report->status;
}

/* What a caller may have left: without the first three descriptors others would take their
 * places; with SIGCHLD ignored nothing could be waited for. */
static int clean_inheritance(void)
{
	int fd;

	signal(SIGCHLD, SIG_DFL);
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	return fd < 0 ? -1 : close(fd);
}

int main(int argc, char **argv)
{
	struct options options;
	struct sandbox_report report = {0};
	struct err e = {0};

	if (clean_inheritance()) {
		perror("minsys-sandbox: open /dev/null");
		return ERR_ENVIRONMENT;
	}
	if (options_parse(argc, argv, &options, &e) ||
	    isolation_run(isolation_find(options.isolation), &options, &report, &e)) {
		report.failed = true;
		report.error = e;
		if (e.kind == ERR_FAILED)
			report.error.kind = ERR_ENVIRONMENT;
	}
	return tell(&options, &report);
}
