#include "archive.h"

#include "store/store.h"

#include <signal.h>
#include <sys/wait.h>

static struct store *opened(struct place *p)
{
	_cleanup_free_ char *path = xasprintf("%s/into/a/store", p->path);
	struct store *store = NULL;
	struct err e = {0};

	if (store_open(path, &store, &e))
		fail_msg("%s", e.text);
	return store;
}

static void refused(struct place *p, const char *why)
{
	_cleanup_free_ char *path = xasprintf("%s/into/a/store", p->path);
	struct store *store = NULL;
	struct err e = {0};

	if (!store_open(path, &store, &e))
		fail_msg("it was opened: %s", why);
	if (!strstr(e.text, why) || !strstr(e.text, path))
		fail_msg("`%s` does not say `%s` of %s", e.text, why, path);
	assert_int_equal(e.kind, ERR_ENVIRONMENT);
	assert_null(store);
}

static void write_text(int folder, const char *name, const char *text)
{
	struct err e = {0};

	if (file_replace(folder, name, text, strlen(text), 0644, &e))
		fail_msg("%s", e.text);
}

static unsigned count_in(struct store *store, const char *name)
{
	struct err e;
	int fd = folder_open(store->fd, name, &e);
	_cleanup_closedir_ DIR *folder = fdopendir(fd);
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)))
		count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	return count;
}

static bool is_there(struct store *store, const char *name)
{
	return !faccessat(store->fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

static bool read_record(struct store *store, const struct digest *key, struct buf *ret_text)
{
	struct err e = {0};
	bool found;

	if (store_record_read(store, "results", key, ret_text, &found, &e))
		fail_msg("%s", e.text);
	return found;
}

/* --- Opening --- */

static void a_store_is_made_and_opened_again(void **state)
{
	struct store *store = opened(*state);

	assert_true(is_there(store, "trees") && is_there(store, "format"));
	store_close(store);
	store = opened(*state);
	store_close(store);
	store_close(NULL);
}

static void another_format_is_refused_and_left_alone(void **state)
{
	struct store *store = opened(*state);
	int fd = dup(store->fd);

	write_text(fd, "tmp/file", "x");
	store_close(store);
	write_text(fd, "format", "minsys store 2\n");
	refused(*state, "is not a store of this version");
	write_text(fd, "format", "");
	refused(*state, "is not a store of this version");
	assert_int_equal(faccessat(fd, "tmp/file", F_OK, 0), 0);
	close(fd);
}

/* MINSYS_CACHE=$HOME, or /var, is an easy mistake: their tmp/ is not ours to empty. */
static void a_folder_of_other_things_is_refused_and_left_alone(void **state)
{
	struct place *p = *state;
	struct err e = {0};
	int fd = folder_make(p->into, "a/store/tmp", 0755, &e);

	write_text(fd, "precious", "x");
	refused(p, "holds other things than a store");
	assert_int_equal(faccessat(fd, "precious", F_OK, 0), 0);
	assert_int_equal(faccessat(fd, "../downloads", F_OK, 0), -1);
	close(fd);
}

static void a_new_file_system_may_become_a_store(void **state)
{
	struct place *p = *state;
	struct err e = {0};
	int fd = folder_make(p->into, "a/store/lost+found", 0755, &e);

	close(fd);
	fd = folder_open(p->into, "a/store", &e);
	write_text(fd, ".keep", "");
	write_text(fd, "format.123.0.tmp", "mins"); /* of a runner that was killed */
	close(fd);
	store_close(opened(p));
}

static void what_cannot_be_a_store_says_where(void **state)
{
	struct place *p = *state;
	struct err e = {0};
	int fd = folder_make(p->into, "a", 0755, &e);

	write_text(fd, "store", "a file");
	close(fd);
	refused(p, "Not a directory");
}

static void the_environment_says_where_it_is(void **state)
{
	struct place *p = *state;
	_cleanup_free_ char *home = xasprintf("%s/into/home", p->path);
	_cleanup_free_ char *kept = getenv("HOME") ? xstrdup(getenv("HOME")) : NULL;
	_cleanup_free_ char *wanted = xasprintf("%s/.cache/minsys", home);
	struct store *store = NULL;
	struct err e = {0};

	unsetenv("MINSYS_CACHE");
	setenv("XDG_CACHE_HOME", "relative", 1); /* to be ignored */
	setenv("HOME", home, 1);
	assert_int_equal(store_open(NULL, &store, &e), 0);
	assert_string_equal(store->path, wanted);
	store_close(store);
	setenv("XDG_CACHE_HOME", home, 1);
	assert_int_equal(store_open(NULL, &store, &e), 0);
	assert_string_equal(store->path + strlen(home), "/minsys");
	store_close(store);
	setenv("MINSYS_CACHE", home, 1); /* holds .cache and minsys by now */
	assert_int_equal(store_open(NULL, &store, &e), -1);
	unsetenv("MINSYS_CACHE");
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	assert_int_equal(store_open(NULL, &store, &e), -1);
	assert_int_equal(e.kind, ERR_ENVIRONMENT);
	if (kept)
		setenv("HOME", kept, 1);
}

/* --- Records --- */

static void a_record_is_read_as_it_was_written(void **state)
{
	static const char *const texts[] = {"", "one\n", "no newline", "\n\n"};
	static const char bytes[] = "with\0NUL";
	struct store *store = opened(*state);
	struct digest key = digest_of("key", 3), other = digest_of("other", 5);
	_cleanup_buf_ struct buf none = {0}, binary = {0};
	struct err e = {0};

	assert_false(read_record(store, &key, &none));
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		_cleanup_buf_ struct buf text = {0};

		assert_int_equal(
		    store_record_write(store, "results", &key, texts[i], strlen(texts[i]), &e), 0);
		assert_true(read_record(store, &key, &text));
		assert_string_equal(buf_text(&text), texts[i]);
	}
	assert_int_equal(store_record_write(store, "results", &key, bytes, sizeof(bytes), &e), 0);
	assert_true(read_record(store, &key, &binary));
	assert_int_equal(binary.length, sizeof(bytes));
	assert_memory_equal(binary.data, bytes, sizeof(bytes));
	assert_false(read_record(store, &other, &none));
	assert_int_equal(none.length, 0);
	store_close(store);
}

static void a_damaged_record_counts_as_missing(void **state)
{
	struct store *store = opened(*state);
	struct digest key = digest_of("key", 3);
	char hex[DIGEST_HEX_SIZE], path[128];
	_cleanup_buf_ struct buf whole = {0};
	struct err e = {0};

	snprintf(path, sizeof(path), "results/%s", digest_format(&key, hex));
	assert_int_equal(store_record_write(store, "results", &key, "some text\n", 10, &e), 0);
	assert_int_equal(file_read(store->fd, path, 1000, &whole, &e), 0);
	assert_int_equal(whole.length, 10 + DIGEST_HEX_SIZE);
	/* Each byte changed, then each beginning of it, as a full disk or a crash leaves them. */
	for (size_t i = 0; i < 2 * whole.length; i++) {
		_cleanup_buf_ struct buf damaged = {0}, text = {0};
		size_t length = i < whole.length ? whole.length : i - whole.length;
		int fd;

		buf_add(&damaged, whole.data, length);
		if (i < whole.length)
			damaged.data[i] ^= 1;
		unlinkat(store->fd, path, 0);
		fd = openat(store->fd, path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		assert_int_equal(write(fd, damaged.data, length), length);
		close(fd);
		if (read_record(store, &key, &text))
			fail_msg("damaged at %zu, it was read", i);
		assert_int_equal(text.length, 0);
		assert_false(is_there(store, path));
	}
	store_close(store);
}

/* --- Temporary folders --- */

static void two_temporary_folders_are_two(void **state)
{
	struct store *store = opened(*state);
	struct store_temp one, two;
	struct err e = {0};

	assert_int_equal(store_temp_make(store, &one, &e), 0);
	assert_int_equal(store_temp_make(store, &two, &e), 0);
	assert_string_not_equal(one.name, two.name);
	assert_int_equal(mkdirat(one.fd, "d", 0755), 0);
	write_text(one.fd, "d/file", "x");
	assert_int_equal(fchmodat(one.fd, "d", 0, 0), 0);
	store_temp_remove(store, &one);
	assert_int_equal(one.fd, -1);
	assert_int_equal(count_in(store, "tmp"), 1);
	assert_true(is_there(store, two.name));
	store_temp_remove(store, &two);
	assert_int_equal(count_in(store, "tmp"), 0);
	store_close(store);
}

static void nobody_else_enters_a_users_temporary_folder(void **state)
{
	struct store *store = opened(*state);
	struct store_temp temp;
	struct stat status;
	struct err e = {0};

	assert_int_equal(store_temp_make(store, &temp, &e), 0);
	assert_int_equal(fstat(temp.fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, geteuid() ? 0700 : 0755);
	store_temp_remove(store, &temp);
	store_close(store);
}

static void what_dead_runners_left_is_removed_and_what_live_ones_hold_stays(void **state)
{
	struct place *p = *state;
	struct store *store = opened(p), *other;
	struct store_temp live;
	struct err e = {0};
	int told[2];
	char byte;
	pid_t runner;

	assert_int_equal(store_temp_make(store, &live, &e), 0);
	assert_int_equal(pipe(told), 0);
	runner = fork();
	assert_true(runner >= 0);
	if (!runner) {
		struct store *mine = opened(p);
		struct store_temp temp;

		close(live.fd); /* of the lock, a child holds a share */
		if (store_temp_make(mine, &temp, &e) || mkdirat(temp.fd, "half-done", 0755) ||
		    write(told[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(told[0], &byte, 1), 1);
	close(told[0]);
	close(told[1]);
	other = opened(p); /* while the runner lives */
	assert_int_equal(count_in(other, "tmp"), 2);
	store_close(other);
	assert_int_equal(kill(runner, SIGKILL), 0);
	assert_int_equal(waitpid(runner, NULL, 0), runner);
	assert_int_equal(count_in(store, "tmp"), 2);
	other = opened(p);
	assert_int_equal(count_in(other, "tmp"), 1);
	assert_true(is_there(other, live.name));
	store_close(other);
	store_temp_remove(store, &live);
	store_close(store);
}

/* --- Trees --- */

static struct digest committed(struct store *store, const char *content, const char *name)
{
	const struct tree_limits none = {0};
	_cleanup_buf_ struct buf manifest = {0};
	struct store_temp temp;
	struct tree tree = {0};
	struct digest digest;
	struct err e = {0};
	int fd;

	assert_int_equal(store_temp_make(store, &temp, &e), 0);
	fd = folder_make(temp.fd, name, 0755, &e);
	write_text(fd, "file", content);
	assert_int_equal(tree_scan(fd, &none, &tree, &e), 0);
	close(fd);
	tree_encode(&tree, &manifest);
	tree_free(&tree);
	if (store_tree_commit(store, &temp, name, &manifest, &digest, &e))
		fail_msg("%s", e.text);
	store_temp_remove(store, &temp);
	return digest;
}

static void a_tree_is_there_once(void **state)
{
	struct store *store = opened(*state);
	struct digest one = committed(store, "one", "out"), two = committed(store, "two", "out");
	struct digest again = committed(store, "one", "other-name");
	_cleanup_buf_ struct buf manifest = {0};
	struct err e = {0};
	char path[96];

	assert_true(digest_equal(&one, &again));
	assert_false(digest_equal(&one, &two));
	assert_int_equal(count_in(store, "trees"), 2);
	assert_int_equal(count_in(store, "tmp"), 0);
	assert_true(store_has_tree(store, &one));
	store_tree_path(&one, path);
	assert_true(is_there(store, path));
	assert_int_equal(store_tree_manifest(store, &one, &manifest, &e), 0);
	again = digest_of(manifest.data, manifest.length);
	assert_true(digest_equal(&one, &again));
	two = digest_of("none", 4);
	assert_false(store_has_tree(store, &two));
	assert_int_equal(store_tree_manifest(store, &two, &manifest, &e), -1);
	store_close(store);
}

static void a_tree_that_is_away_is_made_again(void **state)
{
	struct store *store = opened(*state);
	struct digest one = committed(store, "one", "out");
	char hex[DIGEST_HEX_SIZE], path[128], file[160];
	struct err e = {0};

	snprintf(path, sizeof(path), "trees/%s/tree", digest_format(&one, hex));
	snprintf(file, sizeof(file), "%s/file", path);
	assert_int_equal(tree_remove(store->fd, path, &e), 0);
	assert_false(store_has_tree(store, &one));
	committed(store, "one", "out");
	assert_true(store_has_tree(store, &one));
	assert_true(is_there(store, file));
	committed(store, "one", "out");
	assert_true(is_there(store, file));
	assert_int_equal(count_in(store, "trees"), 1);
	assert_int_equal(count_in(store, "tmp"), 0);
	store_close(store);
}

static void a_damaged_manifest_is_named(void **state)
{
	struct store *store = opened(*state);
	struct digest tree = committed(store, "one", "out");
	char hex[DIGEST_HEX_SIZE], path[128];
	_cleanup_buf_ struct buf manifest = {0};
	struct err e = {0};

	snprintf(path, sizeof(path), "trees/%s/manifest", digest_format(&tree, hex));
	write_text(store->fd, path, "d other\n");
	assert_int_equal(store_tree_manifest(store, &tree, &manifest, &e), -1);
	assert_non_null(strstr(e.text, hex));
	assert_non_null(strstr(e.text, "was damaged: the tree is removed"));
	assert_int_equal(manifest.length, 0);
	assert_int_equal(count_in(store, "trees"), 0);
	store_close(store);
}

static void what_is_left_of_a_tree_is_none(void **state)
{
	static const char *const parts[] = {"manifest", "tree"};
	struct store *store = opened(*state);
	struct digest tree = committed(store, "one", "out");
	char hex[DIGEST_HEX_SIZE];

	for (size_t i = 0; i < 2; i++) {
		_cleanup_free_ char *path =
		    xasprintf("trees/%s/%s", digest_format(&tree, hex), parts[i]);
		struct err e = {0};

		assert_int_equal(tree_remove(store->fd, path, &e), 0);
		assert_false(store_has_tree(store, &tree));
		committed(store, "one", "out");
		assert_true(store_has_tree(store, &tree));
		assert_int_equal(count_in(store, "trees"), 1);
		assert_int_equal(count_in(store, "tmp"), 0);
	}
	store_close(store);
}

static void a_damaged_download_is_removed(void **state)
{
	struct store *store = opened(*state);
	struct digest file = digest_of("content", 7);
	char hex[DIGEST_HEX_SIZE];
	_cleanup_free_ char *path = xasprintf("downloads/%s", digest_format(&file, hex));
	struct err e = {0};
	bool damaged = true;

	assert_int_equal(store_download_check(store, &file, &damaged, &e), 0);
	assert_false(damaged); /* it is not there */
	write_text(store->fd, path, "content");
	assert_int_equal(store_download_check(store, &file, &damaged, &e), 0);
	assert_false(damaged);
	assert_true(store_use_download(store, &file));
	write_text(store->fd, path, "conten");
	assert_int_equal(store_download_check(store, &file, &damaged, &e), 0);
	assert_true(damaged);
	assert_false(store_use_download(store, &file));
	store_close(store);
}

static void a_full_disk_says_what_to_do(void **state)
{
	struct store *store = opened(*state);
	struct err e = {0};

	errno = ENOSPC;
	err_errno(&e, "write x");
	assert_int_equal(store_explain(store, &e), -1);
	assert_int_equal(e.kind, ERR_ENVIRONMENT);
	assert_non_null(strstr(e.text, "is full: free space there, or name another folder in "
				       "MINSYS_CACHE"));
	assert_non_null(strstr(e.text, store->path));
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    PLACE_TEST(a_store_is_made_and_opened_again),
	    PLACE_TEST(another_format_is_refused_and_left_alone),
	    PLACE_TEST(a_folder_of_other_things_is_refused_and_left_alone),
	    PLACE_TEST(a_new_file_system_may_become_a_store),
	    PLACE_TEST(what_cannot_be_a_store_says_where),
	    PLACE_TEST(the_environment_says_where_it_is),
	    PLACE_TEST(a_record_is_read_as_it_was_written),
	    PLACE_TEST(a_damaged_record_counts_as_missing),
	    PLACE_TEST(two_temporary_folders_are_two),
	    PLACE_TEST(nobody_else_enters_a_users_temporary_folder),
	    PLACE_TEST(what_dead_runners_left_is_removed_and_what_live_ones_hold_stays),
	    PLACE_TEST(a_tree_is_there_once),
	    PLACE_TEST(a_tree_that_is_away_is_made_again),
	    PLACE_TEST(a_damaged_manifest_is_named),
	    PLACE_TEST(what_is_left_of_a_tree_is_none),
	    PLACE_TEST(a_damaged_download_is_removed),
	    PLACE_TEST(a_full_disk_says_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
