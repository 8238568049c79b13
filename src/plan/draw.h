/*
 * A plan as text for people: `minsys list` and `minsys graph`.
 */
#ifndef PLAN_DRAW_H
#define PLAN_DRAW_H

#include "base/buf.h"
#include "plan/plan.h"

/* An aligned table: stage, what it provides, what it needs, its summary. */
void plan_list(const struct plan *plan, struct buf *ret_text);
/* A tree from the stages that nothing needs down to what they need; a stage's own needs are
 * drawn the first time only. */
void plan_draw_tree(const struct plan *plan, struct buf *ret_text);
/* A digraph in Graphviz's language, an arrow from each stage to what needs it. */
void plan_draw_dot(const struct plan *plan, struct buf *ret_text);

#endif
