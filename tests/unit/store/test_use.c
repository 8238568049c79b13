#include "archive.h"

#include "store/store.h"
#include "store/use.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static struct store *opened(struct place *p)
{
	_cleanup_free_ char *path = xasprintf("%s/into/store", p->path);
	struct store *store = NULL;
	struct err e = {0};

	if (store_open(path, &store, &e))
		fail_msg("%s", e.text);
	return store;
}

static uint64_t oldest(struct store *store)
{
	uint64_t milliseconds = 0;
	struct err e = {0};

	if (use_oldest(store, &milliseconds, &e))
		fail_msg("%s", e.text);
	return milliseconds;
}

/* Another process that has the store open; what it does with it is `act`. */
struct other {
	pid_t pid;
	int done; /* a byte comes when it has acted */
};

static struct other start(struct place *p, void (*act)(struct store *store))
{
	struct other other;
	int ends[2];
	char byte;

	assert_int_equal(pipe(ends), 0);
	other.pid = fork();
	assert_true(other.pid >= 0);
	if (!other.pid) {
		struct store *store = opened(p);

		if (act)
			act(store);
		if (write(ends[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	other.done = ends[0];
	assert_int_equal(read(other.done, &byte, 1), 1);
	return other;
}

static void end(struct other other)
{
	close(other.done);
	assert_int_equal(kill(other.pid, SIGKILL), 0);
	assert_int_equal(waitpid(other.pid, NULL, 0), other.pid);
}

static void the_oldest_runner_is_known(void **state)
{
	struct place *p = *state;
	struct store *store = opened(p);
	struct other first, second, third;
	uint64_t began;

	assert_true(oldest(store) == UINT64_MAX); /* oneself does not count */
	first = start(p, NULL);
	began = oldest(store);
	assert_true(began >= store->began && began < store->began + 60000);
	usleep(5000);
	second = start(p, NULL);
	usleep(5000);
	third = start(p, NULL);
	assert_true(oldest(store) == began);
	end(second);
	assert_true(oldest(store) == began);
	end(first);
	assert_true(oldest(store) > began && oldest(store) != UINT64_MAX);
	end(third);
	assert_true(oldest(store) == UINT64_MAX);
	store_close(store);
}

static void one_who_collects_is_no_runner(void **state)
{
	struct place *p = *state;
	struct store *store = opened(p);
	struct other other = start(p, use_end);

	assert_true(oldest(store) == UINT64_MAX);
	end(other);
	store_close(store);
}

static void set_time(struct store *store, const char *path, int64_t seconds)
{
	const struct timespec time = {.tv_sec = seconds}, times[2] = {time, time};

	assert_int_equal(utimensat(store->fd, path, times, 0), 0);
}

static int64_t time_of(struct store *store, const char *path)
{
	struct stat status;

	assert_int_equal(fstatat(store->fd, path, &status, 0), 0);
	return status.st_mtime;
}

static void make_file(struct store *store, const char *path)
{
	struct err e = {0};

	assert_int_equal(file_put(store->fd, path, "x", 1, 0644, &e), 0);
}

static void what_is_used_has_a_fresh_time(void **state)
{
	struct store *store = opened(*state);
	int64_t now = time(NULL);

	assert_false(store_use(store, "logs/one"));
	make_file(store, "logs/one");
	set_time(store, "logs/one", 1000);
	assert_true(store_use(store, "logs/one"));
	assert_true(time_of(store, "logs/one") >= now);
	/* A minute's resolution is enough: most uses write nothing. */
	set_time(store, "logs/one", now - 30);
	assert_true(store_use(store, "logs/one"));
	assert_int_equal(time_of(store, "logs/one"), now - 30);
	set_time(store, "logs/one", now - 100);
	assert_true(store_use(store, "logs/one"));
	assert_true(time_of(store, "logs/one") >= now);
	store_close(store);
}

static void a_clock_that_is_set_back_makes_nothing_old(void **state)
{
	struct store *store = opened(*state);
	int64_t began;

	make_file(store, "logs/one");
	store->began += 3600000; /* it was an hour later when this began */
	began = (int64_t)(store->began / 1000);
	assert_true(store_use(store, "logs/one"));
	assert_int_equal(time_of(store, "logs/one"), began);
	store_close(store);
}

static void remove_behind_the_gate(struct store *store)
{
	struct err e;

	if (use_gate_close(store, &e))
		_exit(1);
	if (fork())
		return;
	usleep(200000);
	unlinkat(store->fd, "logs/old", 0);
	_exit(0); /* its parent opens the gate */
}

/* Whoever looks while something is being removed learns that it is not there. */
static void nothing_is_used_through_a_closed_gate(void **state)
{
	struct place *p = *state;
	struct store *store = opened(p);
	struct other other;
	pid_t killer;

	make_file(store, "logs/old");
	set_time(store, "logs/old", 1000);
	make_file(store, "logs/new");
	other = start(p, remove_behind_the_gate);
	assert_true(store_use(store, "logs/new")); /* it is not waited for */
	killer = fork();
	if (!killer) {
		while (!faccessat(store->fd, "logs/old", F_OK, 0))
			usleep(1000);
		kill(other.pid, SIGKILL);
		_exit(0);
	}
	assert_false(store_use(store, "logs/old"));
	assert_int_equal(waitpid(killer, NULL, 0), killer);
	assert_int_equal(waitpid(other.pid, NULL, 0), other.pid);
	close(other.done);
	store_close(store);
}

/* Two threads of a runner use old things at once: neither opens the gate for the other. */
static void *use_all(void *argument)
{
	struct store *store = argument;
	char path[32];

	for (int round = 0; round < 20; round++)
		for (int i = 0; i < 50; i++) {
			snprintf(path, sizeof(path), "logs/%d", i);
			set_time(store, path, 1000);
			assert_true(store_use(store, path));
		}
	return NULL;
}

static void threads_use_at_once(void **state)
{
	struct store *store = opened(*state);
	pthread_t threads[2];
	char path[32];
	struct err e = {0};

	for (int i = 0; i < 50; i++) {
		snprintf(path, sizeof(path), "logs/%d", i);
		make_file(store, path);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_all, store), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(use_gate_close(store, &e), 0);
	use_gate_open(store);
	store_close(store);
}

static void use_what_is_another_s(struct store *store)
{
	if (setresuid(65534, 65534, 65534) || !store_use(store, "logs/old"))
		_exit(1);
}

static void one_who_cannot_set_times_holds_all(void **state)
{
	struct place *p = *state;
	struct store *store;
	struct other other;

	if (geteuid())
		skip(); /* it takes two users */
	store = opened(p);
	make_file(store, "logs/old");
	set_time(store, "logs/old", 1000);
	other = start(p, use_what_is_another_s);
	assert_true(oldest(store) < 1000);
	assert_int_equal(time_of(store, "logs/old"), 1000);
	end(other);
	assert_true(oldest(store) == UINT64_MAX);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    PLACE_TEST(the_oldest_runner_is_known),
	    PLACE_TEST(one_who_collects_is_no_runner),
	    PLACE_TEST(what_is_used_has_a_fresh_time),
	    PLACE_TEST(a_clock_that_is_set_back_makes_nothing_old),
	    PLACE_TEST(nothing_is_used_through_a_closed_gate),
	    PLACE_TEST(threads_use_at_once),
	    PLACE_TEST(one_who_cannot_set_times_holds_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
