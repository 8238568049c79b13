#include "plan/nodes.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define NESTING_LIMIT 32 /* of lists and mappings in each other; the files need 4 */

struct parse {
	struct arena *arena;
	struct problems *problems;
	const char *file;
	const char *text;
	size_t length;
	yaml_parser_t parser;
	struct node *top;
	struct node *open[NESTING_LIMIT];  /* lists and mappings, each in the one before */
	struct node **ends[NESTING_LIMIT]; /* where the next node of each goes */
	size_t nesting;
	size_t documents;
	bool has_failed;
	bool has_ended;
};

/* --- Places --- */

static struct mark mark_of(const yaml_mark_t *mark)
{
	return (struct mark){(unsigned)mark->line, (unsigned)mark->column, mark->index};
}

static struct place place_of_mark(const struct parse *p, const yaml_mark_t *mark)
{
	return (struct place){p->file, (unsigned)mark->line + 1, (unsigned)mark->column + 1};
}

struct place node_place(const struct node *node, const char *file)
{
	return (struct place){file, node->start.line + 1, node->start.column + 1};
}

static struct place place_of_byte(const struct parse *p, size_t offset)
{
	struct place at = {p->file, 1, 1};

	for (size_t i = 0; i < offset && i < p->length; i++) {
		unsigned char byte = (unsigned char)p->text[i];

		if (byte == '\n')
			at = (struct place){p->file, at.line + 1, 1};
		else if ((byte & 0xc0) != 0x80) /* not a character's second byte */
			at.column++;
	}
	return at;
}

/* --- What is not taken --- */

static void fail(struct parse *p, const yaml_event_t *event, const char *why)
{
	problem_add(p->problems, place_of_mark(p, &event->start_mark), "%s", why);
	p->has_failed = true;
}

static void fail_syntax(struct parse *p)
{
	const yaml_parser_t *parser = &p->parser;
	struct place at = place_of_mark(p, &parser->problem_mark);

	/* Of bytes that are no text libyaml gives no mark, only the offset. */
	if (parser->error == YAML_READER_ERROR)
		at = place_of_byte(p, parser->problem_offset);
	problem_add(p->problems, at, "this is not YAML: %s%s%s",
	    parser->problem ? parser->problem : "out of memory", parser->context ? ", " : "",
	    parser->context ? parser->context : "");
	p->has_failed = true;
}

static bool has_alias(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return true;
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor;
	default:
		return false;
	}
}

/* --- Nodes --- */

static struct node *add_node(struct parse *p, enum node_type type, const yaml_event_t *event)
{
	struct node *node = arena_alloc(p->arena, 1, sizeof(*node));

	node->type = type;
	node->start = mark_of(&event->start_mark);
	node->end = mark_of(&event->end_mark);
	if (p->nesting) {
		*p->ends[p->nesting - 1] = node;
		p->ends[p->nesting - 1] = &node->next;
		p->open[p->nesting - 1]->count++;
	} else if (!p->top) {
		p->top = node;
	}
	return node;
}

static void add_text(struct parse *p, const yaml_event_t *event)
{
	struct node *node = add_node(p, NODE_TEXT, event);

	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->length = event->data.scalar.length;
	node->text = arena_strndup(p->arena, (const char *)event->data.scalar.value, node->length);
}

/* With every level of nesting libyaml 0.2.5 takes longer for each token, so that a file well below
 * the limit of size would take days. */
static void begin(struct parse *p, enum node_type type, bool is_flow, const yaml_event_t *event)
{
	struct node *node = add_node(p, type, event);

	node->is_flow = is_flow;
	if (p->nesting == NESTING_LIMIT) {
		fail(p, event, "this is nested deeper than 32 levels");
		p->has_ended = true;
		return;
	}
	p->open[p->nesting] = node;
	p->ends[p->nesting++] = &node->first;
}

static void end(struct parse *p, const yaml_event_t *event)
{
	struct node *node = p->open[--p->nesting];

	node->end = mark_of(&event->end_mark);
	if (node->type == NODE_MAPPING)
		node->count /= 2;
}

static void take_event(struct parse *p, const yaml_event_t *event)
{
	if (has_alias(event))
		fail(p, event, "anchors and aliases are not taken; write it out");
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++p->documents == 2)
			problem_add(p->problems, place_of_mark(p, &event->start_mark),
			    "there is a second document; one is all");
		break;
	case YAML_SCALAR_EVENT:
		add_text(p, event);
		break;
	case YAML_SEQUENCE_START_EVENT:
		begin(p, NODE_LIST, event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE,
		    event);
		break;
	case YAML_MAPPING_START_EVENT:
		begin(p, NODE_MAPPING, event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE,
		    event);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		end(p, event);
		break;
	case YAML_STREAM_END_EVENT:
		p->has_ended = true;
		break;
	default:
		break;
	}
}

struct node *nodes_read(struct arena *arena, struct problems *problems, const char *file,
    const char *text, size_t length)
{
	struct parse p = {
	    .arena = arena,
	    .problems = problems,
	    .file = file,
	    .text = text,
	    .length = length,
	};
	yaml_event_t event;

	if (!yaml_parser_initialize(&p.parser))
		abort(); /* out of memory */
	/* Else it could be UTF-16, whose bytes rewrite.c cannot count. */
	yaml_parser_set_encoding(&p.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.parser, (const unsigned char *)text, length);
	while (!p.has_ended) {
		if (!yaml_parser_parse(&p.parser, &event)) {
			fail_syntax(&p);
			break;
		}
		take_event(&p, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&p.parser);
	if (!p.top && !p.has_failed)
		problem_add(problems, (struct place){file, 1, 1}, "the file is empty");
	return p.has_failed ? NULL : p.top;
}

struct node *node_value(struct node *node, const char *key)
{
	if (!node || node->type != NODE_MAPPING)
		return NULL;
	for (struct node *name = node->first; name; name = name->next->next)
		if (name->type == NODE_TEXT && !strcmp(name->text, key))
			return name->next;
	return NULL;
}
