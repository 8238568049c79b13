#include "archive.h"

static const struct unpack_options plain = {0};
static const struct unpack_options stripped = {.strip_top = true};
static const struct unpack_options rooted = {.rooted = true};

static void refused(
    struct place *p, const struct unpack_options *options, struct buf *tar, const char *why)
{
	add_end(tar);
	refused_by(p, unpack_tar, options, tar, why);
	buf_free(tar);
}

/* The names in the manifest, with their types, in one line. */
static void accepted(
    struct place *p, const struct unpack_options *options, struct buf *tar, const char *wanted)
{
	_cleanup_buf_ struct buf manifest = {0}, names = {0};
	struct tree tree = {0};
	struct err e = {0};

	add_end(tar);
	manifest = accepted_by(p, unpack_tar, options, tar);
	assert_int_equal(tree_decode(buf_text(&manifest), manifest.length, &tree, &e), 0);
	for (size_t i = 0; i < tree.count; i++)
		buf_printf(
		    &names, "%s%c %s", i ? ", " : "", tree.entries[i].type, tree.entries[i].path);
	tree_free(&tree);
	assert_string_equal(buf_text(&names), wanted);
	buf_free(tar);
}

static mode_t mode_of(const struct place *p, const char *name)
{
	struct stat status;

	assert_int_equal(fstatat(p->into, name, &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(status.st_mtime, TREE_MTIME);
	assert_int_equal(status.st_uid, geteuid());
	return status.st_mode;
}

static void a_good_archive_is_a_tree_in_normal_form(void **state)
{
	struct place *p = *state;
	struct buf tar = {0};

	add_folder(&tar, "./");
	add_header(&tar, header_of('5', "./d/", 0700, 0));
	add_file(&tar, "./d/run", 0700, "#!");
	add_file(&tar, "data", 0666, "");
	add_file(&tar, "secret", 0000, "x");
	add_link(&tar, '2', "d/link", "../data");
	accepted(p, &plain, &tar, "d d, l d/link, x d/run, f data, f secret");
	assert_int_equal(mode_of(p, "d"), S_IFDIR | 0755);
	assert_int_equal(mode_of(p, "d/run"), S_IFREG | 0755);
	assert_int_equal(mode_of(p, "data"), S_IFREG | 0644);
	assert_int_equal(mode_of(p, "secret"), S_IFREG | 0644);
	assert_int_equal(mode_of(p, "d/link") & S_IFMT, S_IFLNK);
	assert_int_equal(mode_of(p, "."), S_IFDIR | 0755);
}

static void setuid_bits_are_dropped(void **state)
{
	struct place *p = *state;
	struct buf tar = {0};

	add_file(&tar, "su", 06755, "#!");
	add_file(&tar, "sgid", 02644, "x");
	add_header(&tar, header_of('5', "tmp", 07777, 0));
	accepted(p, &plain, &tar, "f sgid, x su, d tmp");
	assert_int_equal(mode_of(p, "su"), S_IFREG | 0755);
	assert_int_equal(mode_of(p, "sgid"), S_IFREG | 0644);
	assert_int_equal(mode_of(p, "tmp"), S_IFDIR | 0755);
}

static void names_that_lead_outside_are_refused(void **state)
{
	static const char *const names[] = {"../victim", "..", "a/../../victim", "a/..",
	    "./../victim", "/minsys-test-escape", "//minsys-test-escape", "a//b", "a/./b"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (const char *type = "05"; *type; type++) {
			struct buf tar = {0};

			add_header(&tar, header_of(*type, names[i], 0755, 0));
			refused(*state, &plain, &tar, "has a path that leads outside");
			add_header(&tar, header_of(*type, names[i], 0755, 0));
			refused(*state, &rooted, &tar, "has a path that leads outside");
		}
}

static void links_that_lead_outside_are_refused(void **state)
{
	static const char *const targets[] = {
	    "..", "../victim", "d/../../victim", "./.././victim", "/etc/passwd", "/", "../into/x"};

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		struct buf tar = {0};

		add_link(&tar, '2', "link", targets[i]);
		refused(*state, &plain, &tar, "the link link leads outside, to ");
	}
	struct buf tar = {0};

	add_link(&tar, '2', "link", "");
	refused(*state, &plain, &tar, "the link link has no readable target");
}

static void links_inside_are_kept_as_they_are(void **state)
{
	struct place *p = *state;
	char target[32] = "";
	struct buf tar = {0};

	add_link(&tar, '2', "a/b/link", "../..");
	add_link(&tar, '2', "dangling", "no/such");
	accepted(p, &plain, &tar, "d a, d a/b, l a/b/link, l dangling");
	assert_int_equal(readlinkat(p->into, "a/b/link", target, sizeof(target)), 5);
	assert_string_equal(target, "../..");
}

static void nothing_is_written_through_a_link(void **state)
{
	static const char *const targets[] = {"d", ".", "/minsys-test-escape", "../..", "loop"};

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		for (int type = 0; type < 4; type++) {
			struct buf tar = {0};

			add_folder(&tar, "d");
			add_file(&tar, "file", 0644, "x");
			add_link(&tar, '2', "loop", targets[i]);
			if (type == 0)
				add_file(&tar, "loop/victim", 0644, "x");
			else if (type == 1)
				add_folder(&tar, "loop/victim/");
			else if (type == 2)
				add_link(&tar, '2', "loop/victim", "x");
			else
				add_link(&tar, '1', "loop/victim", "file");
			refused(*state, &rooted, &tar,
			    "loop is there already, as a link; nothing is written through");
		}
}

static void hard_links_name_files_of_the_archive(void **state)
{
	static const char *const outside[] = {"../victim", "/etc/passwd", "d/../../victim"};
	static const char *const no_file[] = {"d", "link", "later", "itself", "d/none", "link/x"};
	struct buf tar = {0};

	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		add_link(&tar, '1', "itself", outside[i]);
		refused(*state, &rooted, &tar, "leads outside");
	}
	for (size_t i = 0; i < sizeof(no_file) / sizeof(*no_file); i++) {
		add_folder(&tar, "d");
		add_link(&tar, '2', "link", "/etc/passwd");
		add_link(&tar, '1', "itself", no_file[i]);
		add_file(&tar, "later", 0644, "x");
		refused(*state, &rooted, &tar, "which is no file before it");
	}
	add_file(&tar, "d/run", 0755, "one");
	add_link(&tar, '1', "again", "d/run");
	add_link(&tar, '1', "e/thrice", "./again");
	accepted(*state, &plain, &tar, "x again, d d, x d/run, d e, x e/thrice");
}

static void devices_and_fifos_are_refused(void **state)
{
	static const struct {
		char type;
		const char *why;
	} cases[] = {
	    {'3', "nasty is a device"}, {'4', "nasty is a device"}, {'6', "nasty is a fifo"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf tar = {0};
		struct header h = header_of(cases[i].type, "nasty", 0666, 0);

		memcpy(h.major, "0000001", 8);
		memcpy(h.minor, "0000003", 8);
		add_header(&tar, h);
		refused(*state, &plain, &tar, cases[i].why);
	}
}

static void add_kind(struct buf *tar, char kind, const char *name)
{
	if (kind == 'd')
		add_folder(tar, name);
	else if (kind == 'f')
		add_file(tar, name, 0644, "x");
	else
		add_link(tar, kind == 'l' ? '2' : '1', name, "other");
}

static void no_entry_replaces_another(void **state)
{
	static const char *const pairs[] = {"ff", "fd", "fl", "fh", "df", "dl", "dh", "lf", "ld",
	    "ll", "lh", "hf", "hd", "hl", "hh"};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct buf tar = {0};

		add_file(&tar, "other", 0644, "y");
		add_kind(&tar, pairs[i][0], "same");
		add_kind(&tar, pairs[i][1], pairs[i][1] == 'd' ? "./same/" : "./same");
		refused(*state, &plain, &tar, "same is there already, as a");
	}
	struct buf tar = {0};

	add_file(&tar, "file", 0644, "y");
	add_file(&tar, "file/below", 0644, "y");
	refused(*state, &plain, &tar, "file is there already, as a file; nothing");
	add_file(&tar, ".", 0644, "y");
	refused(*state, &plain, &tar, "would replace the root");
	add_link(&tar, '2', "./", "x");
	refused(*state, &plain, &tar, "would replace the root");
}

static void the_order_of_entries_does_not_matter(void **state)
{
	struct buf tar = {0};

	add_file(&tar, "d/e/file", 0644, "before its folder");
	add_folder(&tar, "d/e");
	add_folder(&tar, "d/");
	add_folder(&tar, "./d");
	accepted(*state, &plain, &tar, "d d, d d/e, f d/e/file");
}

static void names_that_differ_in_case_are_two(void **state)
{
	struct buf tar = {0};

	add_file(&tar, "Makefile", 0644, "a");
	add_file(&tar, "makefile", 0644, "b");
	accepted(*state, &plain, &tar, "f Makefile, f makefile");
}

static void limits_hold_to_the_unit(void **state)
{
	const struct unpack_options few = {.limits = {.entries = 3}};
	const struct unpack_options small = {.limits = {.bytes = 10}};
	const struct unpack_options flat = {.limits = {.depth = 2}};
	const struct unpack_options terse = {.limits = {.path = 5}};
	struct buf tar = {0};

	add_file(&tar, "a/b/c", 0644, "");
	accepted(*state, &few, &tar, "d a, d a/b, f a/b/c");
	empty_place(*state);
	add_file(&tar, "a/b/c", 0644, "");
	add_file(&tar, "d", 0644, "");
	refused(*state, &few, &tar, "it holds more than 3 entries");
	add_link(&tar, '2', "a/b/c/d", "x");
	refused(*state, &few, &tar, "it holds more than 3 entries");
	for (int i = 0; i < 4; i++) /* the same one again is work, too */
		add_folder(&tar, "a");
	refused(*state, &few, &tar, "it holds more than 3 entries");

	add_file(&tar, "a", 0644, "12345");
	add_file(&tar, "b", 0644, "12345");
	accepted(*state, &small, &tar, "f a, f b");
	empty_place(*state);
	add_file(&tar, "a", 0644, "12345");
	add_file(&tar, "b", 0644, "123456");
	refused(*state, &small, &tar, "it unpacks to more than 10 bytes");

	add_file(&tar, "a/b/c", 0644, "");
	accepted(*state, &flat, &tar, "d a, d a/b, f a/b/c");
	empty_place(*state);
	add_folder(&tar, "a/b/c");
	refused(*state, &flat, &tar, "is nested deeper than 2 folders");
	add_file(&tar, "a/b/c/d", 0644, "");
	refused(*state, &flat, &tar, "is nested deeper than 2 folders");

	add_file(&tar, "12345", 0644, "");
	accepted(*state, &terse, &tar, "f 12345");
	empty_place(*state);
	add_file(&tar, "123456", 0644, "");
	refused(*state, &terse, &tar, "is longer than 5 bytes");
}

static void defaults_stop_what_is_absurd(void **state)
{
	_cleanup_buf_ struct buf deep = {0}, name = {0}, path = {0};
	struct buf tar = {0};

	for (int i = 0; i < 65; i++)
		buf_puts(&deep, "d/");
	add_special(&tar, 'L', deep.data, deep.length + 1);
	add_folder(&tar, "short");
	refused(*state, &plain, &tar, "is nested deeper than 64 folders");
	for (int i = 0; i < 256; i++)
		buf_puts(&name, "n");
	add_special(&tar, 'L', name.data, name.length + 1);
	add_file(&tar, "short", 0644, "");
	refused(*state, &plain, &tar, "is longer than 255 bytes");
	for (int i = 0; i < 11; i++)
		buf_printf(&path, "%.200s/", name.data);
	add_special(&tar, 'L', path.data, path.length + 1);
	add_folder(&tar, "short");
	refused(*state, &plain, &tar, "is longer than 2048 bytes");
	path.length = 2005;
	path.data[2005] = 0;
	add_special(&tar, 'L', path.data, path.length + 1);
	add_file(&tar, "short", 0644, "x");
	add_end(&tar);
	buf_free(&path);
	path = accepted_by(*state, unpack_tar, &plain, &tar);
	buf_free(&tar);
}

static struct buf zeros(size_t length)
{
	struct buf tar = {0};

	add_header(&tar, header_of('0', "zeros", 0644, length));
	memset(buf_reserve(&tar, length), 0, length);
	tar.length += length;
	add_end(&tar);
	return tar;
}

static void a_zip_bomb_is_refused_above_its_floor(void **state)
{
	_cleanup_buf_ struct buf large = zeros(66 << 20), small = zeros(20 << 20);
	_cleanup_buf_ struct buf bomb = gzipped(&large), no_bomb = gzipped(&small),
				 twice = gzipped(&bomb);
	_cleanup_buf_ struct buf manifest = {0};

	assert_true(small.length / no_bomb.length > 200);
	refused_by(*state, unpack_tar, &plain, &bomb, "it unpacks to more than 200 times its size");
	refused_by(
	    *state, unpack_tar, &plain, &twice, "it unpacks to more than 200 times its size");
	manifest = accepted_by(*state, unpack_tar, &plain, &no_bomb);
	empty_place(*state);
	buf_free(&manifest);
	manifest = accepted_by(*state, unpack_tar, &plain, &large); /* is as large as it says */
}

/* GNU tar's old form of a file with holes: where its data belongs, and how large it is. */
static void add_sparse(struct buf *tar, const char *offset, const char *size)
{
	struct header h = header_of('S', "sparse", 0644, 3);
	char *fields = (char *)&h;

	memcpy(h.magic, "ustar  ", 8);
	memset(h.prefix, 0, sizeof(h.prefix));
	memcpy(fields + 386, offset, 12);
	memcpy(fields + 398, "00000000003", 12);
	memcpy(fields + 410, size, 12);
	memcpy(fields + 422, "00000000000", 12);
	memcpy(fields + 483, size, 12);
	add_header(tar, h);
	add_data(tar, "end", 3);
}

static void holes_count_as_bytes(void **state)
{
	struct place *p = *state;
	const struct unpack_options small = {.limits = {.bytes = 1 << 20}};
	_cleanup_buf_ struct buf text = {0};
	struct err e = {0};
	struct buf tar = {0};

	add_sparse(&tar, "00000001000", "00000001003");
	accepted(p, &small, &tar, "f sparse");
	assert_int_equal(file_read(p->into, "sparse", 10000, &text, &e), 0);
	assert_int_equal(text.length, 01003);
	assert_memory_equal(text.data, "\0\0\0", 3);
	assert_string_equal(text.data + 01000, "end");
	empty_place(p);
	add_sparse(&tar, "77777777000", "77777777003"); /* 8 GiB */
	refused(p, &small, &tar, "it unpacks to more than 1048576 bytes");
	add_sparse(&tar, "77777777000", "77777777003");
	refused(p, &plain, &tar, "it unpacks to more than 200 times its size");
}

static void long_names_of_both_kinds_are_read(void **state)
{
	char name[241], target[151];
	struct place *p = *state;
	_cleanup_buf_ struct buf wanted = {0};
	struct buf tar = {0};

	memset(name, 'n', sizeof(name) - 1);
	name[120] = '/';
	name[240] = 0;
	memset(target, 't', sizeof(target) - 1);
	target[150] = 0;
	add_special(&tar, 'L', name, sizeof(name));
	add_file(&tar, "short", 0644, "x");
	add_pax(&tar, "linkpath", target, 150);
	add_link(&tar, '2', "link", "short");
	memset(name, 'p', 120);
	add_pax(&tar, "path", name, 240);
	add_file(&tar, "short", 0644, "x");
	name[0] = 'q';
	add_special(&tar, 'K', target, sizeof(target));
	add_special(&tar, 'L', name, sizeof(name));
	add_link(&tar, '2', "short", "short");
	name[0] = 'p';
	buf_puts(&wanted, "l link, d ");
	for (int i = 0; i < 120; i++)
		buf_puts(&wanted, "n");
	buf_puts(&wanted, ", f ");
	for (int i = 0; i < 240; i++)
		buf_puts(&wanted, i == 120 ? "/" : "n");
	buf_printf(&wanted, ", d %.120s, f %s, d q%.119s, l q%s", name, name, name, name + 1);
	accepted(p, &plain, &tar, buf_text(&wanted));
	empty_place(p);
	add_pax(&tar, "path", "../victim", 9);
	add_file(&tar, "innocent", 0644, "x");
	refused(p, &plain, &tar, "`../victim` has a path that leads outside");
	add_pax(&tar, "linkpath", "../victim", 9);
	add_link(&tar, '2', "innocent", "here");
	refused(p, &plain, &tar, "leads outside, to ../victim");
	add_special(&tar, 'L', "/minsys-test-escape", 20);
	add_file(&tar, "innocent", 0644, "x");
	refused(p, &plain, &tar, "has a path that leads outside");
}

static void any_byte_may_be_in_a_name(void **state)
{
	struct place *p = *state;
	_cleanup_buf_ struct buf manifest = {0};
	struct buf tar = {0};

	add_file(&tar, "new\nline", 0644, "");
	add_file(&tar, "\x1b[31m\x7f", 0644, "");
	add_file(&tar, "\xff\xfe", 0644, "");
	add_file(&tar, "back\\slash", 0644, "");
	add_pax(&tar, "path", "\xc3\xa4", 2); /* UTF-8, while the test's locale is C */
	add_file(&tar, "x", 0644, "");
	add_link(&tar, '2', "sp ace", "a b\n\xfe");
	add_end(&tar);
	manifest = accepted_by(p, unpack_tar, &plain, &tar);
	buf_free(&tar);
	assert_non_null(strstr(manifest.data, " new\\x0aline\n"));
	assert_non_null(strstr(manifest.data, " \\x1b[31m\\x7f\n"));
	assert_non_null(strstr(manifest.data, " \xff\xfe\n"));
	assert_non_null(strstr(manifest.data, " back\\x5cslash\n"));
	assert_non_null(strstr(manifest.data, " \xc3\xa4\n"));
	assert_non_null(strstr(manifest.data, "l 6 sp ace a b\\x0a\xfe\n"));
	empty_place(p);
	/* In an error they do no harm. */
	add_header(&tar, header_of('6', "\x1b[31m\n\xc2\x9bx", 0644, 0));
	refused(p, &plain, &tar, "?[31m???x is a fifo");
}

static void a_pax_name_that_is_no_text_is_refused_or_kept(void **state)
{
	struct place *p = *state;
	struct tree tree = {0};
	struct err e = {0};
	_cleanup_buf_ struct buf tar = {0};

	add_pax(&tar, "path", "a\xff\xfe/b", 5);
	add_file(&tar, "other", 0644, "x");
	add_end(&tar);
	if (!unpack_bytes(p, unpack_tar, &plain, &tar, &tree, &e)) {
		assert_int_equal(tree.count, 2);
		assert_string_equal(tree.entries[1].path, "a\xff\xfe/b");
		assert_tree_is_there(p, &tree);
	} else {
		assert_int_equal(e.kind, ERR_INPUT);
	}
	tree_free(&tree);
	assert_unharmed(p);
}

static void damage_is_seen(void **state)
{
	struct place *p = *state;
	_cleanup_buf_ struct buf good = {0}, packed = {0};

	add_file(&good, "one", 0644, "the first");
	add_file(&good, "two", 0644, "the second");
	add_file(&good, "three", 0644, "the third");
	add_end(&good);
	packed = gzipped(&good);
	for (size_t block = 0; block < 3; block++) {
		good.data[block * 1024 + 5] ^= 1; /* in a name: the checksum is wrong */
		refused_by(p, unpack_tar, &plain, &good, block ? "damaged" : "");
		good.data[block * 1024 + 5] ^= 1;
	}
	for (size_t cut = 0; cut < 5; cut++) { /* in a header, in data, in what fills its block */
		static const size_t at[] = {100, 515, 1024 + 511, 2048 + 1, 2048 + 512 + 3};
		struct buf part = {good.data, at[cut], at[cut]};

		refused_by(p, unpack_tar, &plain, &part, "");
	}
	for (size_t length = 0; length + 16 < packed.length; length += 7) {
		struct buf part = {packed.data, length, length};
		struct tree tree = {0};
		struct err e = {0};

		if (!unpack_bytes(p, unpack_tar, &plain, &part, &tree, &e))
			fail_msg("unpacked from %zu of %zu bytes", length, packed.length);
		assert_int_equal(e.kind, ERR_INPUT);
		empty_place(p);
	}
}

static void what_is_no_archive_is_refused(void **state)
{
	static const char *const texts[] = {"", "hello", "PK\3\4",
	    "<html><body>404</body></html>\n", "\x1f\x8b", "\3757zXZ", "!<arch>\n", "070701"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		_cleanup_buf_ struct buf bytes = {0}, packed = {0};

		buf_puts(&bytes, texts[i]);
		refused_by(*state, unpack_tar, &plain, &bytes, "");
		packed = gzipped(&bytes);
		refused_by(*state, unpack_tar, &plain, &packed, "");
		while (bytes.length && bytes.length < 4096)
			buf_puts(&bytes, texts[i]);
		refused_by(*state, unpack_tar, &plain, &bytes, "");
	}
}

static void the_one_top_folder_is_left_out(void **state)
{
	struct place *p = *state;
	const struct unpack_options excluding = {
	    .strip_top = true, .exclude = (const char *const[]){"doc", "src/a", NULL}};
	struct buf tar = {0};

	add_folder(&tar, "top-1.0/");
	add_file(&tar, "top-1.0/file", 0644, "");
	add_link(&tar, '1', "top-1.0/same", "top-1.0/file");
	accepted(p, &stripped, &tar, "f file, f same");
	empty_place(p);
	add_file(&tar, "top/file", 0644, "");
	add_file(&tar, "other/file", 0644, "");
	refused(p, &stripped, &tar, "it has more than one top folder: top and other");
	add_file(&tar, "top/file", 0644, "");
	add_file(&tar, "topmost/file", 0644, "");
	refused(p, &stripped, &tar, "it has more than one top folder: top and topmost");
	add_file(&tar, "topmost/file", 0644, "");
	add_file(&tar, "top/file", 0644, "");
	refused(p, &stripped, &tar, "it has more than one top folder: topmost and top");
	add_file(&tar, "file", 0644, "");
	refused(p, &stripped, &tar, "would replace the root");
	add_link(&tar, '2', "top/link", "../victim"); /* inside before, outside after */
	refused(p, &stripped, &tar, "leads outside");
	add_link(&tar, '2', "top", "/etc");
	add_file(&tar, "top/passwd", 0644, "");
	refused(p, &stripped, &tar, "would replace the root");
	add_file(&tar, "t/doc/x", 0644, "");
	add_file(&tar, "t/docs", 0644, "");
	add_header(&tar, header_of('3', "t/src/a/null", 0644, 0)); /* not looked at */
	add_file(&tar, "t/src/ab", 0644, "");
	accepted(p, &excluding, &tar, "f docs, d src, f src/ab");
}

static void a_root_has_its_folders_merged_into_usr(void **state)
{
	struct place *p = *state;
	char target[16] = "";
	struct buf tar = {0};

	add_folder(&tar, "./bin/");
	add_file(&tar, "./bin/sh", 0755, "#!");
	add_file(&tar, "./usr/bin/cc", 0755, "#!");
	add_link(&tar, '2', "./lib64/ld.so", "/lib/ld.so.1");
	add_link(&tar, '1', "./usr/bin/dash", "./bin/sh");
	add_file(&tar, "binary", 0644, "");
	accepted(p, &rooted, &tar,
	    "l bin, f binary, l lib64, d usr, d usr/bin, x usr/bin/cc, x usr/bin/dash, "
	    "x usr/bin/sh, d usr/lib64, l usr/lib64/ld.so");
	assert_int_equal(readlinkat(p->into, "bin", target, sizeof(target)), 7);
	assert_string_equal(target, "usr/bin");
	empty_place(p);
	add_file(&tar, "bin/sh", 0755, "#!");
	add_file(&tar, "usr/bin/sh", 0755, "another");
	refused(p, &rooted, &tar, "usr/bin/sh is there already");
}

/* --- Packages --- */

static void add_member(struct buf *deb, const char *name, const struct buf *content)
{
	buf_printf(
	    deb, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, "100644", content->length);
	buf_add(deb, buf_text(content), content->length);
	if (content->length % 2)
		buf_puts(deb, "\n");
}

static struct buf package(const char *data_name, const struct buf *data)
{
	struct buf version = {0}, deb = {0};

	buf_puts(&version, "2.0\n");
	buf_puts(&deb, "!<arch>\n");
	add_member(&deb, "debian-binary", &version);
	add_member(&deb, "control.tar", &version);
	add_member(&deb, data_name, data);
	buf_free(&version);
	return deb;
}

static void a_package_holds_its_data(void **state)
{
	struct place *p = *state;
	_cleanup_buf_ struct buf tar = {0}, packed = {0}, deb = {0}, no_data = {0}, manifest = {0};
	_cleanup_buf_ struct buf evil = {0}, evil_deb = {0};

	add_file(&tar, "./etc/file", 0644, "x");
	add_end(&tar);
	packed = gzipped(&tar);
	deb = package("data.tar.gz", &packed);
	manifest = accepted_by(p, unpack_deb, &rooted, &deb);
	assert_non_null(strstr(manifest.data, " etc/file\n"));
	empty_place(p);
	no_data = package("other.tar.gz", &packed);
	refused_by(p, unpack_deb, &rooted, &no_data, "it has no data.tar");
	refused_by(p, unpack_deb, &rooted, &tar, "damaged or cut short");
	refused_by(p, unpack_tar, &rooted, &deb, "damaged or cut short");
	deb.length -= packed.length / 2;
	refused_by(p, unpack_deb, &rooted, &deb, "damaged or cut short");
	add_file(&evil, "../victim", 0644, "x");
	add_end(&evil);
	evil_deb = package("data.tar", &evil);
	refused_by(p, unpack_deb, &rooted, &evil_deb, "leads outside");
}

/* --- Several archives, and entries by hand --- */

static void a_tree_is_put_together_from_many(void **state)
{
	struct place *p = *state;
	struct unpack *u;
	struct tree tree = {0};
	struct err e = {0};

	assert_int_equal(unpack_begin(p->into, &plain, &u, &e), 0);
	assert_int_equal(unpack_file(u, "a/b/c", "text", &e), 0);
	assert_int_equal(unpack_folder(u, "a/b", &e), 0);
	assert_int_equal(unpack_link(u, "a/l", "b", &e), 0);
	assert_int_equal(unpack_end(u, 0, &tree, &e), 0);
	assert_int_equal(tree.count, 4);
	assert_tree_is_there(p, &tree);
	tree_free(&tree);
	empty_place(p);
	assert_int_equal(unpack_begin(p->into, &plain, &u, &e), 0);
	assert_int_equal(unpack_link(u, "l", "..", &e), -1);
	assert_int_equal(unpack_end(u, -1, &tree, &e), -1);
	assert_non_null(strstr(e.text, "the link l leads outside"));
}

/* What is in the folder already is in nobody's list; writing over it fails all the same. */
static void a_folder_that_is_not_empty_is_an_error(void **state)
{
	struct place *p = *state;
	struct tree tree = {0};
	struct err e = {0};
	_cleanup_buf_ struct buf tar = {0};

	assert_int_equal(symlinkat("../victim", p->into, "file"), 0);
	add_file(&tar, "file", 0644, "x");
	add_end(&tar);
	assert_int_equal(unpack_bytes(p, unpack_tar, &plain, &tar, &tree, &e), -1);
	assert_int_equal(e.errnum, EEXIST);
	assert_unharmed(p);
}

/* Any single wrong byte: a tree or an error, never a crash, and never anything outside. */
static void mutated_archives_do_no_harm(void **state)
{
	struct place *p = *state;
	_cleanup_buf_ struct buf tar = {0};
	unsigned good = 0, bad = 0;
	uint32_t seed = 1;

	add_folder(&tar, "d/");
	add_pax(&tar, "path", "d/long", 6);
	add_file(&tar, "d/file", 0755, "content");
	add_special(&tar, 'L', "d/other", 8);
	add_link(&tar, '2', "d/link", "file");
	add_link(&tar, '1', "d/hard", "d/long");
	add_sparse(&tar, "00000001000", "00000001003");
	add_end(&tar);
	for (int round = 0; round < 800; round++) {
		static const char bytes[] = "./\0\xff"
					    "01234567LKxgSVD ";
		struct header *headers = (struct header *)tar.data;
		_cleanup_buf_ struct buf copy = {0};
		struct tree tree = {0};
		struct err e = {0};
		size_t at;

		seed = seed * 1664525 + 1013904223;
		at = (seed >> 8) % tar.length;
		buf_add(&copy, tar.data, tar.length);
		headers = (struct header *)copy.data + at / 512;
		copy.data[at] = bytes[(seed >> 4) % (sizeof(bytes) - 1)];
		if (!memcmp(headers->magic, "ustar", 5)) { /* so that it is not only the checksum */
			struct buf one = {0};

			add_header(&one, *headers);
			memcpy(headers, one.data, 512);
			buf_free(&one);
		}
		if (unpack_bytes(p, unpack_tar, &plain, &copy, &tree, &e)) {
			assert_int_equal(e.kind, ERR_INPUT);
			bad++;
		} else {
			assert_tree_is_there(p, &tree);
			tree_free(&tree);
			good++;
		}
		assert_unharmed(p);
		empty_place(p);
	}
	assert_true(good > 50);
	assert_true(bad > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    PLACE_TEST(a_good_archive_is_a_tree_in_normal_form),
	    PLACE_TEST(setuid_bits_are_dropped),
	    PLACE_TEST(names_that_lead_outside_are_refused),
	    PLACE_TEST(links_that_lead_outside_are_refused),
	    PLACE_TEST(links_inside_are_kept_as_they_are),
	    PLACE_TEST(nothing_is_written_through_a_link),
	    PLACE_TEST(hard_links_name_files_of_the_archive),
	    PLACE_TEST(devices_and_fifos_are_refused),
	    PLACE_TEST(no_entry_replaces_another),
	    PLACE_TEST(the_order_of_entries_does_not_matter),
	    PLACE_TEST(names_that_differ_in_case_are_two),
	    PLACE_TEST(limits_hold_to_the_unit),
	    PLACE_TEST(defaults_stop_what_is_absurd),
	    PLACE_TEST(a_zip_bomb_is_refused_above_its_floor),
	    PLACE_TEST(holes_count_as_bytes),
	    PLACE_TEST(long_names_of_both_kinds_are_read),
	    PLACE_TEST(any_byte_may_be_in_a_name),
	    PLACE_TEST(a_pax_name_that_is_no_text_is_refused_or_kept),
	    PLACE_TEST(damage_is_seen),
	    PLACE_TEST(what_is_no_archive_is_refused),
	    PLACE_TEST(the_one_top_folder_is_left_out),
	    PLACE_TEST(a_root_has_its_folders_merged_into_usr),
	    PLACE_TEST(a_package_holds_its_data),
	    PLACE_TEST(a_tree_is_put_together_from_many),
	    PLACE_TEST(a_folder_that_is_not_empty_is_an_error),
	    PLACE_TEST(mutated_archives_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
