#include "image/devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static void parse(const char *text, struct devices *ret_devices, struct buf *ret_faults)
{
	_cleanup_faults_ struct faults faults = {0};

	devices_parse(text, strlen(text), ret_devices, &faults);
	faults_print(&faults, "t", ret_faults);
}

static void check_device(const struct device *device, const char *path, char type, unsigned mode,
    uint32_t uid, uint32_t gid, unsigned line)
{
	assert_string_equal(device->path, path);
	assert_int_equal(device->type, type);
	assert_int_equal(device->mode, mode);
	assert_int_equal(device->uid, uid);
	assert_int_equal(device->gid, gid);
	assert_int_equal(device->line, line);
}

static void every_type_is_read(void **state)
{
	static const char text[] = "# a comment\n"
				   "/dev/console c 600 0 5 5 1\n"
				   "\n"
				   " \t# another\n"
				   "\t/dev/vda\tb  0660 0 6 254 1048575  # a third\n"
				   "/ d 755 0 0\n"
				   "/bin/su f 4755 70000 4294967294 #\n"
				   "/run/x p 0 1 2";
	_cleanup_devices_ struct devices devices = {0};
	_cleanup_buf_ struct buf faults = {0};

	(void)state;
	parse(text, &devices, &faults);
	assert_string_equal(buf_text(&faults), "");
	assert_int_equal(devices.count, 5);
	check_device(&devices.list[0], "dev/console", 'c', 0600, 0, 5, 2);
	assert_int_equal(devices.list[0].major, 5);
	assert_int_equal(devices.list[0].minor, 1);
	check_device(&devices.list[1], "dev/vda", 'b', 0660, 0, 6, 5);
	assert_int_equal(devices.list[1].major, 254);
	assert_int_equal(devices.list[1].minor, 1048575);
	assert_int_equal(devices.list[1].column, 2);
	check_device(&devices.list[2], "", 'd', 0755, 0, 0, 6);
	check_device(&devices.list[3], "bin/su", 'f', 04755, 70000, 4294967294, 7);
	check_device(&devices.list[4], "run/x", 'p', 0, 1, 2, 8);
}

static void an_empty_table_is_one(void **state)
{
	static const char *const texts[] = {"", "\n", "#", "  \n\t\n# x"};

	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		_cleanup_devices_ struct devices devices = {0};
		_cleanup_buf_ struct buf faults = {0};

		parse(texts[i], &devices, &faults);
		assert_string_equal(buf_text(&faults), "");
		assert_int_equal(devices.count, 0);
	}
}

/* A line, and the beginning of the one fault that it has. */
static const struct {
	const char *line;
	const char *fault;
} bad_lines[] = {
    {"x c 600 0 0 5 1", "t:1:1: `x` is not an absolute path"},
    {"  dev/x c 600 0 0 5 1", "t:1:3: `dev/x` is not an absolute path"},
    {"//x f 644 0 0", "t:1:1: `//x` has an empty part"},
    {"/a//x f 644 0 0", "t:1:1: `/a//x` has an empty part"},
    {"/a/ d 755 0 0", "t:1:1: `/a/` has an empty part"},
    {"/. d 755 0 0", "t:1:1: `/.` has a part `.` or `..`"},
    {"/.. d 755 0 0", "t:1:1: `/..` has a part `.` or `..`"},
    {"/a/../b d 755 0 0", "t:1:1: `/a/../b` has a part `.` or `..`"},
    {"/a", "t:1:3: the line ends too early"},
    {"/a f", "t:1:5: the line ends too early"},
    {"/a f 644", "t:1:9: the line ends too early"},
    {"/a f 644 0", "t:1:11: the line ends too early"},
    {"/a x 644 0 0", "t:1:4: `x` is not a type"},
    {"/a l 777 0 0", "t:1:4: `l` is not a type"},
    {"/a ff 644 0 0", "t:1:4: `ff` is not a type"},
    {"/a f 10000 0 0", "t:1:6: `10000` is not a mode"},
    {"/a f 77777777777777777777777 0 0", "t:1:6: `77777777777777777777777` is not a mode"},
    {"/a f 648 0 0", "t:1:6: `648` is not a mode"},
    {"/a f -1 0 0", "t:1:6: `-1` is not a mode"},
    {"/a f 644 root 0", "t:1:10: `root` is not a user's number"},
    {"/a f 644 4294967295 0", "t:1:10: `4294967295` is not a user's number"},
    {"/a f 644 0 +5", "t:1:12: `+5` is not a group's number"},
    {"/a f 644 0 0\r", "t:1:12: `0\r` is not a group's number"},
    {"/a f 644 0 0 1", "t:1:14: `1` is too much"},
    {"/a p 644 0 0 1 3", "t:1:14: `1` is too much"},
    {"/a c 600 0 0", "t:1:13: a device needs its major and minor number"},
    {"/a b 600 0 0 8 # x", "t:1:15: a device needs its major and minor number"},
    {"/a c 600 0 0 4096 1", "t:1:14: `4096` is not a major number"},
    {"/a c 600 0 0 1 1048576", "t:1:16: `1048576` is not a minor number"},
    {"/a c 600 0 0 1 0x3", "t:1:16: `0x3` is not a minor number"},
    {"/a c 600 0 0 1 3 0 0 -", "t:1:18: `0` is too much"},
};

static void each_bad_line_is_blamed_once_and_where_it_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(bad_lines); i++) {
		_cleanup_devices_ struct devices devices = {0};
		_cleanup_buf_ struct buf faults = {0};
		const char *text;

		parse(bad_lines[i].line, &devices, &faults);
		text = buf_text(&faults);
		if (strncmp(text, bad_lines[i].fault, strlen(bad_lines[i].fault)))
			fail_msg("`%s` gives `%s`", bad_lines[i].line, text);
		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	}
}

static void long_paths_are_refused(void **state)
{
	static char line[8192];
	size_t lengths[] = {255, 256};

	(void)state;
	for (size_t i = 0; i < LENGTH(lengths); i++) {
		_cleanup_devices_ struct devices devices = {0};
		_cleanup_buf_ struct buf faults = {0};

		memset(line, 'n', sizeof(line));
		line[0] = '/';
		strcpy(line + 1 + lengths[i], " f 644 0 0");
		parse(line, &devices, &faults);
		assert_int_equal(devices.count, lengths[i] == 255);
		assert_int_equal(
		    strstr(buf_text(&faults), "longer than 255") != NULL, lengths[i] == 256);
	}
	for (size_t length = 4095; length <= 4096; length++) {
		_cleanup_devices_ struct devices devices = {0};
		_cleanup_buf_ struct buf faults = {0};

		for (size_t at = 0; at < length; at++)
			line[at] = at % 200 ? 'n' : '/';
		strcpy(line + length, " f 644 0 0");
		parse(line, &devices, &faults);
		assert_int_equal(devices.count, length == 4095);
		assert_int_equal(
		    strstr(buf_text(&faults), "longer than 4095") != NULL, length == 4096);
	}
}

static void a_nul_byte_is_no_end(void **state)
{
	static const char text[] = "/a\0b f 644 0 0\n/c f 6\0 0 0\n";
	_cleanup_devices_ struct devices devices = {0};
	_cleanup_faults_ struct faults faults = {0};

	(void)state;
	devices_parse(text, sizeof(text) - 1, &devices, &faults);
	assert_int_equal(faults.count, 2);
	assert_int_equal(faults.list[0].line, 1);
	assert_int_equal(faults.list[1].line, 2);
}

static void a_path_stands_once(void **state)
{
	_cleanup_devices_ struct devices devices = {0};
	_cleanup_buf_ struct buf faults = {0};

	(void)state;
	parse("/a f 644 0 0\n/b f 644 0 0\n /a d 755 0 0\n", &devices, &faults);
	assert_string_equal(buf_text(&faults), "t:3:2: `/a` is in line 1 already\n");
	assert_int_equal(devices.count, 2);
}

static void all_faults_come_in_the_order_of_the_lines(void **state)
{
	_cleanup_devices_ struct devices devices = {0};
	_cleanup_buf_ struct buf faults = {0};
	const char *text, *second, *third;

	(void)state;
	parse("/a f 9 x 0\n/ok d 755 0 0\nb d 755 0 0\n", &devices, &faults);
	text = buf_text(&faults);
	assert_ptr_equal(strstr(text, "t:1:6: "), text);
	second = strstr(text, "\nt:1:8: ");
	third = strstr(text, "\nt:3:1: ");
	assert_true(second && third && second < third);
	/* The first stays in the list, so that what is in it is not blamed, too. */
	assert_int_equal(devices.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_type_is_read),
	    cmocka_unit_test(an_empty_table_is_one),
	    cmocka_unit_test(each_bad_line_is_blamed_once_and_where_it_is_wrong),
	    cmocka_unit_test(long_paths_are_refused),
	    cmocka_unit_test(a_nul_byte_is_no_end),
	    cmocka_unit_test(a_path_stands_once),
	    cmocka_unit_test(all_faults_come_in_the_order_of_the_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
