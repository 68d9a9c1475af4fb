/*
 * What runs, for "letterctl status": a JSON object a line.  What a process has
 * given up is read from the kernel, not believed.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parent.h"

static const char *const states[] = { "down", "starting", "ready",
    "stopping" };

static void	 cage(struct buf *, pid_t);
static void	 row(struct buf *, const char *, unsigned, const char *, pid_t,
		    const char *, unsigned, const char *);

/* What /proc says about a process. */
static void
cage(struct buf *b, pid_t pid)
{
	char	 path[64], line[256], root[256];
	FILE	*f;
	int	 v;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	if (readlink(path, root, sizeof(root)) > 1)
		buf_adds(b, "chroot ");
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "NoNewPrivs: %d", &v) == 1 && v == 1)
			buf_adds(b, "no-new-privs ");
		if (sscanf(line, "Seccomp: %d", &v) == 1 && v == 2)
			buf_adds(b, "seccomp ");
	}
	fclose(f);
	if (b->n > 0)
		buf_truncate(b, b->n - 1);
}

static void
row(struct buf *b, const char *role, unsigned inst, const char *name,
    pid_t pid, const char *state, unsigned restarts, const char *user)
{
	struct json_object	*o = json_object_new_object();
	struct buf		 how = { 0 };

	if (pid != 0)
		cage(&how, pid);
	json_object_object_add(o, "role", json_object_new_string(role));
	json_object_object_add(o, "instance",
	    json_object_new_int64((int64_t)inst));
	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(o, "pid", json_object_new_int64(pid));
	json_object_object_add(o, "state", json_object_new_string(state));
	json_object_object_add(o, "restarts",
	    json_object_new_int64((int64_t)restarts));
	json_object_object_add(o, "user", json_object_new_string(user));
	json_object_object_add(o, "cage",
	    json_object_new_string(buf_cstr(&how)));
	buf_addf(b, "%s\n", json_object_to_json_string_ext(o,
	    JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	buf_free(&how);
}

void
status(struct buf *b)
{
	struct child	*c;
	size_t		 before;

	row(b, "parent", 0, "", getpid(), parent.stopping ? "stopping" :
	    parent.starting ? "starting" : "ready", 0,
	    parent.privileged ? "root" : "");
	TAILQ_FOREACH(c, &parent.children, entry) {
		before = b->n;
		row(b, role_name(c->role), c->inst, c->name, c->pid,
		    states[c->state], c->restarts, parent.privileged ?
		    parent.conf->users[c->role] : "");
		if (buf_failed(b)) {	/* as many as fit */
			buf_truncate(b, before);
			return;
		}
	}
}
