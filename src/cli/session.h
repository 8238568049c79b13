/*
 * A person, or a script, in the sandbox of a stage: what that stage starts from is built first.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "build/choice.h"
#include "build/perform.h"
#include "cli/cli.h"
#include "cli/progress.h"

struct session {
	struct cli *cli;
	const struct stage *stage;
	struct action action; /* of the stage as it is now */
	struct build build;
	struct step_visit visit; /* `env`, `kept` and `result` are the caller's to fill in */
	bool has_terminal;	 /* the caller's, too: see relay_open() */
	bool is_menu;		 /* see perform_visit() */
	/* What the above is made with. */
	struct plan *plan;
	struct store *store;
	struct fetch_options fetch;
	struct build_options options;
	struct cli_chooser chooser;
	struct progress progress;
	struct build_watch watch;
};

/* Make a session in the stage of that name, or in its menu, building what it needs. Returns 0, or
 * the exit status after having printed why. To be closed in any case; it must not be moved. */
int session_open(struct session *session, struct cli *cli, const char *stage, bool is_menu);

/* Run a command there: one word of it is a path, or is looked up as the stage's script would look
 * it up. Returns its status; or what kind of failure was printed; or, when a signal was to end it,
 * 128 and that one's number. */
int session_run(struct session *session, const char *const *words, size_t count);

void session_close(struct session *session);

#endif
