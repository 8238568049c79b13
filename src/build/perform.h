/*
 * From a stage to the step that makes its output: its action, and performing that.
 */
#ifndef BUILD_PERFORM_H
#define BUILD_PERFORM_H

#include "build/build.h"

/* The action that a stage is now. The results of all that it needs have to be there. To be freed
 * with action_free(). */
int perform_open(
    const struct build *b, const struct stage *stage, struct action *ret_action, struct err *e);

/* Run an action's step; see step_run(). What it starts from has to be in the store
 * (inputs_materialize()). `client` gives it its share of the processors; NULL: it may use all that
 * the options name. What it prints goes to `output` too, unless that is NULL. */
int perform_action(const struct build *b, const struct action *action,
    struct jobserver_client *client, const struct step_output *output, struct digest *ret_tree,
    struct step_failure *ret_failure, struct err *e);

/* Does it have a compiler cache then? */
bool perform_has_ccache(const struct build *b, const struct stage *stage);

/* The same for a check: with `jobs` in place of what the options name, never with a compiler cache,
 * and what it leaves is marked "check". */
int perform_again(const struct build *b, const struct action *action, unsigned jobs,
    struct jobserver_client *client, const struct step_output *output, struct digest *ret_tree,
    struct step_failure *ret_failure, struct err *e);

/* Run something else where that step would run; see step_visit(). `of_menu`: with the sources of
 * the stage's menu besides, whose script is in the place of the stage's. */
int perform_visit(const struct build *b, const struct action *action, bool of_menu,
    struct step_visit *visit, struct err *e);

#endif
