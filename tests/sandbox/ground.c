#include "ground.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/memory.h"

#include <string.h>

#define NOBODY 65534

#define SECRET "secret\n"
#define INPUT "input\n"
#define OTHERS "other\n"

static char *outside(const struct ground *g, const char *path)
{
	return xasprintf("%s%s", g->place, path);
}

/* Whatever the umask says. */
static int make_folder(const char *path, mode_t mode, struct err *e)
{
	if (mkdir(path, mode) || chmod(path, mode))
		return err_errno(e, "make the folder %s", path);
	return 0;
}

static int write_file(const char *path, const char *text, mode_t mode, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || fchmod(fd, mode))
		return err_errno(e, "make %s", path);
	return file_write_all(fd, text, strlen(text), path, e);
}

static int copy_self(const char *path, mode_t mode, struct err *e)
{
	_cleanup_close_ int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int copy = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (self < 0 || copy < 0 || fchmod(copy, mode))
		return err_errno(e, "make %s", path);
	return file_copy(self, copy, path, e);
}

/* Put it among what is to be removed, before it is made; what is there already is not ours. */
static int claim(struct ground *g, const char *path, struct err *e)
{
	if (!faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
		return err_kind(e, ERR_ENVIRONMENT,
		    "%s is there already: remove it, or attack elsewhere", path);
	g->made[g->made_count++] = xstrdup(path);
	return 0;
}

static int make_base(struct ground *g, struct err *e)
{
	const char *temporary = getenv("TMPDIR");
	char *base = xasprintf(
	    "%s/minsys-attack.XXXXXX", temporary && *temporary == '/' ? temporary : "/tmp");

	if (!mkdtemp(base)) {
		err_errno(e, "make %s", base);
		free(base);
		return -1;
	}
	g->base = base;
	g->made[g->made_count++] = xstrdup(base);
	return chmod(base, 0711) ? err_errno(e, "open up %s", base) : 0;
}

/* A tools root of nothing but this program, which anybody may write to, so that nothing but the
 * sandbox keeps a step from it. */
static int make_root(struct ground *g, struct err *e)
{
	static const char *const folders[] = {"/store", "/store/tools", "/store/tools/bin",
	    "/store/tools/proc", "/store/tools/dev", "/store/tools/tmp", "/store/tools/minsys",
	    "/minsys"};

	g->root = xasprintf("%s/store/tools", g->base);
	g->place = xstrdup(g->base);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		_cleanup_free_ char *path = outside(g, folders[i]);

		if (make_folder(path, i == 2 ? 0777 : 0755, e))
			return -1;
	}
	return 0;
}

/* In the tools root that is `/` here. */
static int use_root(struct ground *g, struct err *e)
{
	static const char *const places[] = {"/minsys/in", "/minsys/other", "/minsys/out",
	    "/minsys/more", "/minsys/attack", "/bin/minsys-attack"};
	_cleanup_free_ char *store = xasprintf("%s/store", g->base);

	g->root = xstrdup("");
	g->place = xstrdup("");
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (claim(g, places[i], e))
			return -1;
	return make_folder(store, 0755, e);
}

static int make_inputs(struct ground *g, struct err *e)
{
	static const struct {
		const char *folder, *file, *text;
	} inputs[] = {
	    {"/minsys/in", "/minsys/in/file", INPUT},
	    {"/minsys/other", "/minsys/other/file", OTHERS},
	};
	_cleanup_free_ char *tool = xasprintf("%s/bin/minsys-attack", g->root);
	_cleanup_free_ char *attack = outside(g, "/minsys/attack");

	for (size_t i = 0; i < sizeof(inputs) / sizeof(*inputs); i++) {
		_cleanup_free_ char *folder = outside(g, inputs[i].folder);
		_cleanup_free_ char *file = outside(g, inputs[i].file);

		if (make_folder(folder, 0777, e) || write_file(file, inputs[i].text, 0666, e))
			return -1;
	}
	return copy_self(tool, 0777, e) || copy_self(attack, 0777, e) ? -1 : 0;
}

/* Things of the machine, which are the victim's. */
static int make_things(struct ground *g, struct err *e)
{
	static const char *const folders[] = {"/host", "/race"};
	_cleanup_free_ char *file = xasprintf("%s/host/file", g->base);
	_cleanup_free_ char *link = xasprintf("%s/host/link", g->base);

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		_cleanup_free_ char *folder = xasprintf("%s%s", g->base, folders[i]);

		if (make_folder(folder, 0777, e))
			return -1;
		if (chown(folder, g->victim, g->victim) && errno != EPERM)
			return err_errno(e, "give %s away", folder);
	}
	if (write_file(file, SECRET, 0666, e))
		return -1;
	if (chown(file, g->victim, g->victim) && errno != EPERM)
		return err_errno(e, "give %s away", file);
	return symlink("file", link) ? err_errno(e, "make %s", link) : 0;
}

static void add_host(struct ground *g, char *owned)
{
	g->hosts[g->host_count++] = owned;
}

static void name_hosts(struct ground *g)
{
	const struct server *s = &g->server;
	char name[65] = "";

	gethostname(name, sizeof(name) - 1);
	add_host(g, xasprintf("HOST_FILE=%s/host/file", g->base));
	add_host(g, xasprintf("HOST_FOLDER=%s/host", g->base));
	add_host(g, xasprintf("HOST_LINK=%s/host/link", g->base));
	add_host(g, xasprintf("HOST_NEW=%s/host/new", g->base));
	add_host(g, xasprintf("HOST_STORE=%s/store", g->base));
	add_host(g, xasprintf("HOST_RACE=%s/race", g->base));
	add_host(g, xasprintf("HOST_PID=%d", (int)s->pid));
	add_host(g, xasprintf("HOST_PORT=%u", s->port));
	add_host(g, xasprintf("HOST_MEMORY=%d", s->memory));
	add_host(g, xasprintf("HOST_SOCKET=%s", s->stream));
	add_host(g, xasprintf("HOST_DGRAM_SOCKET=%s", s->datagram));
	add_host(g, xasprintf("HOST_PATH_SOCKET=%s/minsys/in/socket", g->place));
	add_host(g, xasprintf("HOST_QUEUE=%s", s->queue));
	add_host(g, xasprintf("HOST_NAME=%s", name));
}

int ground_make(struct ground *ret_ground, enum column column, struct err *e)
{
	struct ground *g = ret_ground;
	bool in_place = column == LANDLOCK || column == LANDLOCK_OWN;
	_cleanup_free_ char *socket = NULL;

	/* Root's things could not be an ordinary attacker's, so that nothing would be shown. */
	g->victim = geteuid() || in_place ? geteuid() : NOBODY;
	g->column = column;
	if (make_base(g, e) || (in_place ? use_root(g, e) : make_root(g, e)) || make_inputs(g, e) ||
	    make_things(g, e))
		return -1;
	socket = outside(g, "/minsys/in/socket");
	/* What mkdtemp(3) drew stands behind the last dot. */
	if (server_start(&g->server, g->victim, socket, strrchr(g->base, '.') + 1, e))
		return -1;
	g->is_served = true;
	name_hosts(g);
	return 0;
}

static int empty(const char *path, mode_t mode, struct err *e)
{
	return tree_remove(AT_FDCWD, path, e) || make_folder(path, mode, e) ? -1 : 0;
}

int ground_renew(struct ground *g, struct err *e)
{
	_cleanup_free_ char *out = outside(g, "/minsys/out"), *more = outside(g, "/minsys/more");
	_cleanup_free_ char *host = xasprintf("%s/host", g->base);
	_cleanup_free_ char *race = xasprintf("%s/race", g->base);

	if (empty(out, 0755, e) || empty(more, 0755, e))
		return -1;
	/* Without a sandbox attacks go through. */
	if (g->column == NONE &&
	    (tree_remove(AT_FDCWD, host, e) || tree_remove(AT_FDCWD, race, e) || make_things(g, e)))
		return -1;
	return 0;
}

static bool holds(const char *path, const char *text)
{
	_cleanup_buf_ struct buf content = {0};
	struct err ignored;

	return !file_read(AT_FDCWD, path, 4096, &content, &ignored) &&
	       !strcmp(buf_text(&content), text);
}

static int count_in(const char *path)
{
	_cleanup_closedir_ DIR *folder = opendir(path);
	int count = 0;

	while (folder && readdir(folder))
		count++;
	return count - 2; /* `.` and `..` */
}

const char *ground_harm(struct ground *g)
{
	_cleanup_free_ char *host = xasprintf("%s/host", g->base);
	_cleanup_free_ char *secret = xasprintf("%s/host/file", g->base);
	_cleanup_free_ char *input = outside(g, "/minsys/in/file");
	_cleanup_free_ char *folder = outside(g, "/minsys/in");
	_cleanup_free_ char *other = outside(g, "/minsys/other/file");

	g->is_served = false;
	if (server_end(&g->server))
		return "a process outside was reached";
	if (!holds(secret, SECRET) || !holds(other, OTHERS))
		return "a file outside was changed";
	if (!holds(input, INPUT))
		return "an input was changed";
	if (count_in(host) != 2 || count_in(folder) != 2)
		return "a file was made outside";
	return NULL;
}

int ground_remove(struct ground *g, struct err *e)
{
	int result = 0;

	if (g->is_served)
		server_end(&g->server);
	for (int i = g->made_count; i-- > 0;) {
		result = tree_remove(AT_FDCWD, g->made[i], e) ? -1 : result;
		free(g->made[i]);
	}
	for (int i = 0; i < g->host_count; i++)
		free(g->hosts[i]);
	free(g->base);
	free(g->root);
	free(g->place);
	return result;
}
