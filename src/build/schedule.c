#include "build/schedule.h"

#include "base/file.h"
#include "base/human.h"
#include "base/memory.h"

#include <string.h>

#define DOWNLOADS 4 /* at once; each opens connections of its own */
#define GRACE 500   /* milliseconds that threads get to end by themselves when all is stopped */
#define TICK 250    /* milliseconds */
#define UNKNOWN_STAGE 10000 /* milliseconds that one may take */
#define UNKNOWN_INPUT 3000

/* One task on its thread. */
struct job {
	struct schedule *schedule;
	struct task *task;
	struct jobserver_client client;
	bool has_token;
	bool was_done;
	int result;
	struct step_failure failure;
	struct err error;
};

static bool has_ended_well(const struct task *task)
{
	return task->state == TASK_DONE || task->state == TASK_CACHED;
}

static bool is_free_to_go(const struct task *task)
{
	for (size_t i = 0; i < task->need_count; i++)
		if (!has_ended_well(task->needs[i]))
			return false;
	return task->state == TASK_WAITING && !task->is_ready;
}

static void enter(struct schedule *s, struct task *task, enum task_state state,
    const struct step_failure *failure, const struct err *error)
{
	s->lock(s->context);
	task->state = state;
	if (state == TASK_RUNNING)
		task->begin = clock_milliseconds();
	else if (task->begin)
		task->end = clock_milliseconds();
	s->unlock(s->context);
	s->tell(s->context, &(struct event){EVENT_TASK, task, .failure = failure, .error = error});
}

static void link_dependents(struct schedule *s);

/* All that come after one that failed. */
static void skip_dependents(struct schedule *s, const struct task *task)
{
	for (struct task **d = s->dependents[task - s->tasks]; *d; d++)
		if ((*d)->state == TASK_WAITING) {
			enter(s, *d, TASK_SKIPPED, NULL, NULL);
			skip_dependents(s, *d);
		}
}

/* The first error is the one that is told; of several, all names. */
static void fail(
    struct schedule *s, struct task *task, const struct step_failure *failure, const struct err *e)
{
	buf_printf(&s->failed, "%s%s", s->failed.length ? ", " : "", task->name);
	if (!s->failed_count++)
		s->error = *e;
	enter(s, task, TASK_FAILED, failure, e);
	if (!s->dependents)
		link_dependents(s);
	skip_dependents(s, task);
}

static void settle(struct schedule *s, struct task *task)
{
	struct err e = {0};

	switch (s->settle(s->context, task, &e)) {
	case SETTLED_TO_RUN:
		s->ready = xgrow(s->ready, s->ready_count, sizeof(struct task *));
		s->ready[s->ready_count++] = task;
		task->is_ready = true;
		break;
	case SETTLED_CACHED:
		enter(s, task, TASK_CACHED, NULL, NULL);
		break;
	case SETTLED_WAITING:
		break;
	case SETTLED_FAILED:
		fail(s, task, NULL, &e);
	}
}

void schedule_reopen(struct schedule *s, struct task *task)
{
	if (!has_ended_well(task))
		return;
	s->lock(s->context);
	task->state = TASK_WAITING;
	s->unlock(s->context);
	if (is_free_to_go(task))
		settle(s, task);
}

/* --- The order --- */

static void count_dependents(const struct schedule *s, size_t *counts)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t n = 0; n < s->tasks[i].need_count; n++)
			counts[s->tasks[i].needs[n] - s->tasks]++;
}

static void link_dependents(struct schedule *s)
{
	_cleanup_free_ size_t *counts = xcalloc(s->count, sizeof(*counts));

	count_dependents(s, counts);
	s->dependents = xcalloc(s->count, sizeof(*s->dependents));
	for (size_t i = 0; i < s->count; i++)
		s->dependents[i] = xcalloc(counts[i] + 1, sizeof(struct task *));
	for (size_t i = s->count; i-- > 0;)
		for (size_t n = 0; n < s->tasks[i].need_count; n++) {
			size_t need = (size_t)(s->tasks[i].needs[n] - s->tasks);

			s->dependents[need][--counts[need]] = &s->tasks[i];
		}
}

static uint64_t guess(const struct task *task)
{
	if (has_ended_well(task))
		return 0;
	if (task->expected)
		return task->expected;
	return task->kind == TASK_STAGE ? UNKNOWN_STAGE : UNKNOWN_INPUT;
}

static void weigh(struct schedule *s)
{
	s->weights = xcalloc(s->count, sizeof(*s->weights));
	for (size_t i = s->count; i-- > 0;) {
		uint64_t longest = 0;

		for (struct task **d = s->dependents[i]; *d; d++)
			if (s->weights[*d - s->tasks] > longest)
				longest = s->weights[*d - s->tasks];
		s->weights[i] = longest + guess(&s->tasks[i]);
	}
}

static uint64_t weight(const struct schedule *s, const struct task *task)
{
	return s->weights[task - s->tasks];
}

/* Downloads take no processor. */
static bool needs_token(const struct task *task)
{
	return task->kind != TASK_DOWNLOAD;
}

/* The heaviest that is ready; NULL when none is that could run with no token but those there are.
 */
static bool can_start(const struct schedule *s, const struct task *task)
{
	return needs_token(task) ? s->jobserver.free > 0 : s->downloads < DOWNLOADS;
}

static struct task *take_ready(struct schedule *s)
{
	size_t best = s->ready_count;
	struct task *task;

	for (size_t i = 0; i < s->ready_count; i++)
		if (can_start(s, s->ready[i]) &&
		    (best == s->ready_count || weight(s, s->ready[i]) > weight(s, s->ready[best])))
			best = i;
	if (best == s->ready_count)
		return NULL;
	task = s->ready[best];
	s->ready[best] = s->ready[--s->ready_count];
	task->is_ready = false;
	return task;
}

/* --- Running --- */

static void mask_signals(sigset_t *ret_before)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ours, ret_before);
}

static void *run_job(void *argument)
{
	struct job *job = argument;
	struct schedule *s = job->schedule;

	job->result = s->run(s->context, job->task, job->has_token ? &job->client : NULL,
	    &job->was_done, &job->failure, &job->error);
	/* A pointer is written whole, and the pipe has room for more than there can be threads.
	 * Whoever is not told would wait for ever: it is tried until it is done. */
	while (write(s->done[1], &job, sizeof(job)) < 0)
		;
	return NULL;
}

static void start(struct schedule *s, struct job *job)
{
	pthread_t thread;
	sigset_t before;
	int error;

	enter(s, job->task, TASK_RUNNING, NULL, NULL);
	/* Signals are for the thread that schedules. */
	mask_signals(&before);
	error = pthread_create(&thread, NULL, run_job, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error) {
		pthread_detach(thread);
		s->running++;
		s->downloads += !needs_token(job->task);
		return;
	}
	errno = error;
	err_errno(&job->error, "start a thread for %s", job->task->name);
	if (job->has_token)
		jobserver_leave(&job->client);
	fail(s, job->task, NULL, &job->error);
	free(job);
}

/* Start one; false when none can be now. */
static bool start_one(struct schedule *s)
{
	size_t rivals = s->running + s->ready_count;
	struct task *task = take_ready(s);
	struct job *job;

	if (!task)
		return false;
	if (task->state != TASK_WAITING) /* skipped meanwhile */
		return true;
	job = xcalloc(1, sizeof(*job));
	*job = (struct job){.schedule = s, .task = task};
	if (needs_token(task) &&
	    !(job->has_token = jobserver_enter(&s->jobserver, &job->client,
		  s->style(s->context, task), weight(s, task), rivals, &job->error))) {
		fail(s, task, NULL, &job->error);
		free(job);
		return true;
	}
	start(s, job);
	return true;
}

static bool is_closing(const struct schedule *s)
{
	return s->failed_count && !s->keeps_going;
}

/* Does any that is ready wait for a token, and not for other downloads? */
static bool wants_token(const struct schedule *s)
{
	for (size_t i = 0; i < s->ready_count && !is_closing(s); i++)
		if (needs_token(s->ready[i]))
			return true;
	return false;
}

/* Settle what waited for this one, and what waited for that when nothing is to be done. */
static void advance(struct schedule *s, const struct task *task)
{
	for (struct task **d = s->dependents[task - s->tasks]; *d && !*s->stop; d++) {
		if (!is_free_to_go(*d))
			continue;
		settle(s, *d);
		if (has_ended_well(*d))
			advance(s, *d);
	}
}

static void end(struct schedule *s, struct job *job)
{
	struct task *task = job->task;

	s->running--;
	s->downloads -= !needs_token(task);
	if (job->has_token)
		jobserver_leave(&job->client);
	if (job->result) {
		fail(s, task, &job->failure, &job->error);
	} else {
		enter(s, task, job->was_done ? TASK_CACHED : TASK_DONE, NULL, NULL);
		advance(s, task);
	}
	step_failure_free(&job->failure);
	free(job);
}

static void tick(struct schedule *s)
{
	uint64_t now = clock_milliseconds();

	if (now - s->ticked_at < TICK)
		return;
	s->ticked_at = now;
	s->tell(s->context, &(struct event){.kind = EVENT_TICK});
}

/* Wait, with the signals that stop a build let through only in here, so that none is missed. */
static int wait_for(struct schedule *s, struct pollfd *polls, size_t count, int milliseconds)
{
	struct timespec timeout = {0, milliseconds * 1000000L};
	sigset_t before;
	int result = 0;

	mask_signals(&before);
	if (!*s->stop)
		result = ppoll(polls, count, &timeout, &before);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

/* Until a job ends, a token is to be moved, or time has passed. */
static void await(struct schedule *s)
{
	bool is_wanted = wants_token(s);
	int wait = jobserver_balance(&s->jobserver, is_wanted);
	_cleanup_free_ struct pollfd *polls = xcalloc(s->jobserver.count + 1, sizeof(*polls));
	struct job *job;
	size_t count = 1;

	if (is_wanted && s->jobserver.free)
		return;
	polls[0] = (struct pollfd){s->done[0], POLLIN, 0};
	if (is_wanted)
		count += jobserver_polls(&s->jobserver, polls + 1);
	if (wait_for(s, polls, count, wait) > 0 && polls[0].revents &&
	    read(s->done[0], &job, sizeof(job)) == sizeof(job))
		end(s, job);
	tick(s);
}

/* Their children have ended, so most threads are about to end too, and put things in order. */
static void let_threads_end(struct schedule *s)
{
	uint64_t deadline = clock_milliseconds() + GRACE, now;
	struct pollfd done = {s->done[0], POLLIN, 0};
	struct job *job;

	while (s->running && (now = clock_milliseconds()) < deadline)
		if (poll(&done, 1, (int)(deadline - now)) > 0 &&
		    read(s->done[0], &job, sizeof(job)) == sizeof(job))
			s->running--;
}

static void stop(struct schedule *s)
{
	children_end(s->children);
	let_threads_end(s);
	s->has_stopped = true;
	for (size_t i = 0; i < s->count; i++)
		if (s->tasks[i].state == TASK_RUNNING)
			enter(s, &s->tasks[i], TASK_STOPPED, NULL, NULL);
	err_set(&s->error, "stopped");
	s->failed_count++;
}

static void run_all(struct schedule *s)
{
	while (!*s->stop) {
		while (!is_closing(s) && start_one(s))
			;
		if (!s->running)
			return;
		await(s);
	}
	stop(s);
}

static int conclude(struct schedule *s, struct err *e)
{
	if (!s->failed_count)
		return 0;
	*e = s->error;
	if (s->failed_count > 1 && !s->has_stopped)
		err_kind(e, s->error.kind, "%zu failed: %.1000s; the first: %.900s",
		    s->failed_count, s->failed.data, s->error.text);
	return -1;
}

static int prepare(struct schedule *s, struct err *e)
{
	if (s->begin(s->context, e))
		return -1;
	if (!s->dependents)
		link_dependents(s);
	weigh(s);
	if (pipe2(s->done, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	jobserver_open(&s->jobserver, s->jobs);
	s->is_open = true;
	return 0;
}

static void release(struct schedule *s)
{
	for (size_t i = 0; i < s->count && s->dependents; i++)
		free(s->dependents[i]);
	free(s->dependents);
	free(s->weights);
	free(s->ready);
	buf_free(&s->failed);
	if (!s->is_open)
		return;
	close(s->done[0]);
	close(s->done[1]);
	jobserver_close(&s->jobserver);
}

int schedule_run(struct schedule *s, struct err *e)
{
	int result;

	for (size_t i = 0; i < s->count && !is_closing(s) && !*s->stop; i++)
		if (is_free_to_go(&s->tasks[i]))
			settle(s, &s->tasks[i]);
	if (*s->stop)
		result = err_set(e, "stopped");
	else if (!s->ready_count || is_closing(s))
		result = conclude(s, e);
	else if (prepare(s, e))
		result = -1;
	else {
		run_all(s);
		result = conclude(s, e);
	}
	/* Threads that were left to themselves work with it until the program ends. */
	if (!s->has_stopped)
		release(s);
	return result;
}
