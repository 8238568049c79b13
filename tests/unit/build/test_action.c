#include "build/action.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A stage with one of everything that decides its output. */
struct sample {
	struct source source;
	const struct source *sources[1];
	struct stage needed;
	const struct stage *needs[1];
	struct pair env[1], facts[1];
	struct stage stage;
	struct plan plan;
	struct digest source_tree, need_tree;
	struct input_file file;
	struct action action;
};

static struct digest digest_of_text(const char *text)
{
	return digest_of(text, strlen(text));
}

static void make_sample(struct sample *s)
{
	*s = (struct sample){
	    .source = {.name = "musl", .version = "1"},
	    .needed = {.name = "headers", .provides = "headers"},
	    .env = {{.key = "NAME", .value = "value"}},
	    .facts = {{.key = "ARCH", .value = "arm64"}},
	    .source_tree = digest_of_text("source"),
	    .need_tree = digest_of_text("need"),
	    .file = {.name = "config", .digest = digest_of_text("file")},
	};
	s->sources[0] = &s->source;
	s->needs[0] = &s->needed;
	s->stage = (struct stage){
	    .name = "sysroot",
	    .sources = s->sources,
	    .source_count = 1,
	    .needs = s->needs,
	    .need_count = 1,
	    .env = {s->env, 1},
	    .run = "make\n",
	};
	s->plan.target.env = (struct pairs){s->facts, 1};
	s->action = (struct action){
	    .stage = &s->stage,
	    .tools = digest_of_text("tools"),
	    .sources = &s->source_tree,
	    .needs = &s->need_tree,
	    .files = &s->file,
	    .file_count = 1,
	};
}

static struct digest key_of(struct sample *s)
{
	buf_free(&s->action.text);
	action_seal(&s->plan, &s->action);
	return s->action.key;
}

static void what_decides_the_output_decides_the_key(void **state)
{
	static const char *const changes[] = {"nothing", "name", "tools", "source", "need", "file",
	    "program", "file name", "target", "env name", "env value", "script"};
	struct digest keys[sizeof(changes) / sizeof(*changes)];
	struct sample s;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		make_sample(&s);
		switch (i) {
		case 1:
			s.stage.name = "sysroot2";
			break;
		case 2:
			s.action.tools = digest_of_text("other");
			break;
		case 3:
			s.source_tree = digest_of_text("other");
			break;
		case 4:
			s.need_tree = digest_of_text("other");
			break;
		case 5:
			s.file.digest = digest_of_text("other");
			break;
		case 6:
			s.file.executable = true;
			break;
		case 7:
			s.file.name = "other";
			break;
		case 8:
			s.facts[0].value = "riscv";
			break;
		case 9:
			s.env[0].key = "OTHER";
			break;
		case 10:
			s.env[0].value = "other";
			break;
		case 11:
			s.stage.run = "make install\n";
			break;
		default:
			break;
		}
		keys[i] = key_of(&s);
		buf_free(&s.action.text);
		for (size_t j = 0; j < i; j++)
			if (digest_equal(&keys[i], &keys[j]))
				fail_msg("%s and %s give one key", changes[i], changes[j]);
	}
}

static void what_does_not_is_not_in_the_key(void **state)
{
	struct sample s;
	struct digest key;

	(void)state;
	make_sample(&s);
	key = key_of(&s);
	s.source.version = "2"; /* the tree counts, not what it is called */
	s.stage.summary = "other";
	s.stage.timeout_seconds = 9;
	s.stage.provides = "other";
	s.plan.project = "/elsewhere";
	s.plan.target.name = "other";
	assert_true(digest_equal(&key, &(struct digest[]){key_of(&s)}[0]));
	buf_free(&s.action.text);
}

static void a_value_cannot_pose_as_another_fact(void **state)
{
	struct sample s;
	struct digest key;

	(void)state;
	make_sample(&s);
	s.env[0].value = "a\nrun sh 5\nmake\n";
	key = key_of(&s);
	s.env[0].value = "a";
	s.stage.run = "make\nrun sh 5\nmake\n";
	assert_false(digest_equal(&key, &(struct digest[]){key_of(&s)}[0]));
	buf_free(&s.action.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_decides_the_output_decides_the_key),
	    cmocka_unit_test(what_does_not_is_not_in_the_key),
	    cmocka_unit_test(a_value_cannot_pose_as_another_fact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
