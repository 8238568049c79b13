/* What a sequence of events looks like, plain and as JSON. The terminal's share is in the
 * functional tests. */
#include "cli/progress.h"

#include "base/file.h"
#include "base/human.h"
#include "build/build.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* A build of two stages and the downloads. */
struct scene {
	struct cli cli;
	struct plan plan;
	struct task tasks[3];
	struct stage_result results[2];
	struct build build;
	struct progress progress;
	int saved, captured, stream;
};
enum { FIRST, SECOND, DOWNLOADS };

static void capture(struct scene *s, int stream)
{
	fflush(NULL);
	s->stream = stream;
	s->saved = dup(stream);
	s->captured = memfd_create("captured", 0);
	dup2(s->captured, stream);
}

/* What was printed; to be freed. */
static char *captured(struct scene *s)
{
	struct buf text = {0};
	struct err e;

	fflush(NULL);
	dup2(s->saved, s->stream);
	close(s->saved);
	lseek(s->captured, 0, SEEK_SET);
	assert_int_equal(file_read_fd(s->captured, "it", 64 << 20, &text, &e), 0);
	close(s->captured);
	return text.data ? text.data : strdup("");
}

static void begin(struct scene *s, const struct cli *cli)
{
	*s = (struct scene){
	    .cli = *cli,
	    .plan = {.target = {.name = "here"}},
	    .tasks =
		{
		    {TASK_STAGE, .name = "first", .index = 0},
		    {TASK_STAGE, .name = "second", .index = 1, .expected = 298000},
		    {TASK_DOWNLOAD, .name = "hello"},
		},
	};
	s->build = (struct build){.tasks = s->tasks, .task_count = 3, .results = s->results};
	capture(s, cli->json ? STDOUT_FILENO : STDERR_FILENO);
	progress_begin(&s->progress, &s->cli, &s->plan);
}

static void tell(struct scene *s, const struct event *event)
{
	progress_event(&s->progress, &s->build, event);
}

static void enter(struct scene *s, int task, enum task_state state)
{
	s->tasks[task].state = state;
	if (state == TASK_RUNNING)
		s->tasks[task].begin = clock_milliseconds();
	else
		s->tasks[task].end = s->tasks[task].begin + 9250;
	tell(s, &(struct event){EVENT_TASK, &s->tasks[task], NULL, 0, NULL, NULL});
}

static void says(struct scene *s, int task, const char *text)
{
	tell(s, &(struct event){EVENT_OUTPUT, &s->tasks[task], text, strlen(text), NULL, NULL});
}

static void break_down(struct scene *s, int task)
{
	static const struct err why = {ERR_FAILED, 0, "exit status \xff"};
	struct step_failure failure = {
	    .folder = (char *)"/store/failed/it", .log = (char *)"/store/logs/it"};

	buf_puts(&failure.log_end, "what\x1b went wrong\xff");
	s->tasks[task].state = TASK_FAILED;
	s->tasks[task].end = s->tasks[task].begin + 100;
	tell(s, &(struct event){EVENT_TASK, &s->tasks[task], NULL, 0, &failure, &why});
	buf_free(&failure.log_end);
}

/* As many milliseconds pass for a task. */
static void pass(struct scene *s, int task, uint64_t milliseconds)
{
	s->tasks[task].begin -= milliseconds;
	progress_trace(&s->progress, &s->tasks[task])->told_at -= milliseconds;
	tell(s, &(struct event){.kind = EVENT_TICK});
}

static void finish(struct scene *s, int status, const char *expected)
{
	static const struct err e = {ERR_FAILED, 0, "stage first: exit status 1"};
	const struct progress_outcome outcome = {.status = status, .e = &e};
	char *text;

	assert_int_equal(progress_finish(&s->progress, &outcome), status);
	text = captured(s);
	assert_string_equal(text, expected);
	free(text);
}

static void plain_lines_say_what_begins_and_ends(void **state)
{
	const struct cli cli = {.jobs = 1};
	struct scene s;

	(void)state;
	begin(&s, &cli);
	tell(&s, &(struct event){EVENT_NOTICE, NULL, "unpack \x1b", 8, NULL, NULL});
	enter(&s, DOWNLOADS, TASK_RUNNING);
	says(&s, DOWNLOADS, "1/2 files\n");
	pass(&s, DOWNLOADS, 9000);
	says(&s, DOWNLOADS, "1/2 files still\n");
	pass(&s, DOWNLOADS, 1001);
	says(&s, DOWNLOADS, "2/2 files\n");
	enter(&s, DOWNLOADS, TASK_DONE);
	enter(&s, FIRST, TASK_CACHED);
	enter(&s, SECOND, TASK_RUNNING);
	enter(&s, SECOND, TASK_DONE);
	finish(&s, 0,
	    "unpack \\x1b\n2/2 files\n"
	    "second         building\n"
	    "second         done after 9.2 s\n");
}

static void plain_lines_show_that_it_is_alive(void **state)
{
	const struct cli cli = {.jobs = 1};
	struct scene s;

	(void)state;
	begin(&s, &cli);
	enter(&s, FIRST, TASK_RUNNING);
	pass(&s, FIRST, 59000);
	pass(&s, FIRST, 1001);
	pass(&s, FIRST, 100);
	enter(&s, SECOND, TASK_RUNNING);
	pass(&s, SECOND, 120000);
	pass(&s, FIRST, 60000);
	enter(&s, FIRST, TASK_STOPPED);
	enter(&s, SECOND, TASK_SKIPPED);
	finish(&s, 0,
	    "first          building\n"
	    "first          still building after 1:00\n"
	    "second         building\n"
	    "second         still building after 2:00 (last time 4:58)\n"
	    "first          still building after 2:00\n"
	    "first          stopped after 9.2 s\n"
	    "second         skipped: it needs what failed\n");
}

static void quiet_ones_say_nothing(void **state)
{
	const struct cli cli = {.jobs = 1, .quiet = true};
	struct scene s;

	(void)state;
	begin(&s, &cli);
	tell(&s, &(struct event){EVENT_NOTICE, NULL, "unpack", 6, NULL, NULL});
	enter(&s, FIRST, TASK_RUNNING);
	pass(&s, FIRST, 120000);
	enter(&s, FIRST, TASK_DONE);
	finish(&s, 0, "");
}

static void lines_of_several_stages_are_whole_and_named(void **state)
{
	const struct cli cli = {.jobs = 1, .verbose = true};
	struct scene s;

	(void)state;
	begin(&s, &cli);
	enter(&s, FIRST, TASK_RUNNING);
	says(&s, FIRST, "alone\nbegun ");
	enter(&s, SECOND, TASK_RUNNING);
	says(&s, SECOND, "other\nrest");
	says(&s, FIRST, "ended\nnext\n\nlast");
	enter(&s, SECOND, TASK_DONE);
	enter(&s, FIRST, TASK_DONE);
	finish(&s, 0,
	    "first          building\n"
	    "alone\n"
	    "second         building\n"
	    "second: other\n"
	    "first: begun ended\nfirst: next\nfirst: \n"
	    "second: rest\n"
	    "second         done after 9.2 s\n"
	    "last\n"
	    "first          done after 9.2 s\n");
}

static void a_failure_is_the_last_that_is_said(void **state)
{
	const struct cli cli = {.jobs = 1};
	struct scene s;

	(void)state;
	begin(&s, &cli);
	enter(&s, FIRST, TASK_RUNNING);
	enter(&s, SECOND, TASK_RUNNING);
	break_down(&s, FIRST);
	enter(&s, SECOND, TASK_DONE);
	finish(&s, 1,
	    "first          building\n"
	    "second         building\n"
	    "first          failed after 0.1 s\n"
	    "second         done after 9.2 s\n"
	    "--- the end of the log of first ---\n"
	    "what\\x1b went wrong\xff\n---\n"
	    "its build tree is kept: /store/failed/it\n"
	    "its whole log: /store/logs/it\n"
	    "minsys: stage first: exit status 1\n");
}

static void of_several_failures_each_says_why(void **state)
{
	const struct cli cli = {.jobs = 1, .quiet = true};
	struct scene s;

	(void)state;
	begin(&s, &cli);
	enter(&s, FIRST, TASK_RUNNING);
	break_down(&s, FIRST);
	enter(&s, SECOND, TASK_RUNNING);
	break_down(&s, SECOND);
	finish(&s, 1,
	    "--- the end of the log of first ---\n"
	    "what\\x1b went wrong\xff\n---\n"
	    "its build tree is kept: /store/failed/it\n"
	    "its whole log: /store/logs/it\n"
	    "--- the end of the log of second ---\n"
	    "what\\x1b went wrong\xff\n---\n"
	    "its build tree is kept: /store/failed/it\n"
	    "its whole log: /store/logs/it\n"
	    "exit status \xff\n"
	    "minsys: stage first: exit status 1\n");
}

/* One line of JSON, without its time, which has to be there. */
static char *next_event(const char **text)
{
	const char *end = strchr(*text, '\n');
	json_t *event;
	char *dump;

	assert_non_null(end);
	event =
	    json_loadb(*text, (size_t)(end - *text), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	assert_non_null(event);
	assert_true(json_integer_value(json_object_get(event, "time")) > 1700000000000);
	json_object_del(event, "time");
	if (!strcmp(json_string_value(json_object_get(event, "event")), "end"))
		json_object_del(event, "milliseconds");
	dump = json_dumps(event, JSON_COMPACT);
	json_decref(event);
	*text = end + 1;
	return dump;
}

static void json_has_an_event_a_line(void **state)
{
	static const char *const expected[] = {
	    "{\"event\":\"begin\",\"format\":\"minsys events 1\",\"project\":\"/project\","
	    "\"target\":\"here\",\"stages\":[],\"jobs\":3}",
	    "{\"event\":\"notice\",\"text\":\"unpack \xef\xbf\xbd\"}",
	    "{\"event\":\"tasks\",\"tasks\":[{\"kind\":\"stage\",\"name\":\"first\",\"state\":"
	    "\"running\",\"needs\":[]},"
	    "{\"kind\":\"stage\",\"name\":\"second\",\"state\":\"waiting\",\"needs\":[\"stage "
	    "first\"],"
	    "\"expected\":298000},{\"kind\":\"download\",\"name\":\"hello\",\"state\":\"waiting\","
	    "\"needs\":[]}]}",
	    "{\"event\":\"task\",\"kind\":\"stage\",\"name\":\"first\",\"state\":\"running\"}",
	    "{\"event\":\"output\",\"kind\":\"stage\",\"name\":\"first\","
	    "\"text\":\"one\xc3\xa4\\u0000\\u001B\xef\xbf\xbd\\n\"}",
	    "{\"event\":\"output\",\"kind\":\"stage\",\"name\":\"first\",\"text\":\"rest\\n\"}",
	    "{\"event\":\"failure\",\"kind\":\"stage\",\"name\":\"first\","
	    "\"error\":\"exit status \xef\xbf\xbd\",\"log_end\":\"what\\u001B went "
	    "wrong\xef\xbf\xbd\",\"log\":\"/store/logs/it\","
	    "\"folder\":\"/store/failed/it\"}",
	    "{\"event\":\"task\",\"kind\":\"stage\",\"name\":\"first\",\"state\":\"failed\","
	    "\"milliseconds\":100}",
	    "{\"event\":\"task\",\"kind\":\"stage\",\"name\":\"second\",\"state\":\"skipped\"}",
	    "{\"event\":\"end\",\"outcome\":\"done\",\"status\":0,\"out\":\"/out\","
	    "\"result\":\"written\"}",
	};
	const struct cli cli = {.jobs = 3, .json = true, .verbose = true, .project = "/project"};
	const struct progress_outcome outcome = {.out = "/out", .result = "written"};
	struct task *needs[1];
	const char *line;
	struct scene s;
	char *text;

	(void)state;
	begin(&s, &cli);
	needs[0] = &s.tasks[FIRST];
	s.tasks[SECOND].needs = needs;
	s.tasks[SECOND].need_count = 1;
	tell(&s, &(struct event){EVENT_NOTICE, NULL, "unpack \xff", 8, NULL, NULL});
	enter(&s, FIRST, TASK_RUNNING);
	says(&s, FIRST, "one\xc3");
	tell(&s,
	    &(struct event){EVENT_OUTPUT, &s.tasks[FIRST], "\xa4\0\x1b\xff\nrest", 9, NULL, NULL});
	tell(&s, &(struct event){.kind = EVENT_TICK});
	break_down(&s, FIRST);
	s.tasks[SECOND].state = TASK_SKIPPED;
	tell(&s, &(struct event){EVENT_TASK, &s.tasks[SECOND], NULL, 0, NULL, NULL});
	assert_int_equal(progress_finish(&s.progress, &outcome), 0);
	line = text = captured(&s);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		char *event = next_event(&line);

		assert_string_equal(event, expected[i]);
		free(event);
	}
	assert_string_equal(line, "");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_lines_say_what_begins_and_ends),
	    cmocka_unit_test(plain_lines_show_that_it_is_alive),
	    cmocka_unit_test(quiet_ones_say_nothing),
	    cmocka_unit_test(lines_of_several_stages_are_whole_and_named),
	    cmocka_unit_test(a_failure_is_the_last_that_is_said),
	    cmocka_unit_test(of_several_failures_each_says_why),
	    cmocka_unit_test(json_has_an_event_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
