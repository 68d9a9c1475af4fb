/*
 * A new configuration in two steps: everybody builds its side and says yes or
 * why not; then all take it, or nobody does.
 */
#include <sys/resource.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "msg.h"
#include "parent.h"
#include "sandbox.h"

static struct {
	struct conf	*conf;		/* NULL: no reload is under way */
	struct sockets	 sockets;
	pid_t		 asker;		/* of control; 0: a signal */
	uint32_t	 id;
	unsigned	 waiting;
	struct buf	 why;
	struct event	*timer;
} R;

static void	 answer(pid_t, uint32_t, int, const char *);
static int	 on_prepared(void *, struct peer *, struct imsg *);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 refuse(struct child *, const char *);
static void	 finish(void);
static void	 adjust_limits(const struct child *);
static void	 commit(void);
static void	 cancel(void);
static const char	*needs_restart(const struct conf *,
		    const struct conf *);
static struct conf	*read_conf(struct buf *);
static void	 prepare(struct child *);

static void
answer(pid_t asker, uint32_t id, int ok, const char *text)
{
	struct child		*c = child_find(ROLE_CONTROL, 0);
	struct msg_result	 r = { .result = ok ? RESULT_OK : RESULT_NO };

	if (ok)
		log_info("%s", text);
	else
		log_error("not reloaded: %s", text);
	if (asker == 0 || c == NULL || c->pid != asker)
		return;
	r.text = span_str(text);
	if (r.text.n > MSG_TEXT_MAX)
		r.text.n = MSG_TEXT_MAX;
	(void)peer_reply(c->peer, M_DO_RELOAD, id, &c_result, &r, -1);
}

/* What was settled when the processes were started. */
static const char *
needs_restart(const struct conf *a, const struct conf *b)
{
	int	 i;

	if (strcmp(a->state, b->state) != 0)
		return ("state");
	if (strcmp(a->control, b->control) != 0)
		return ("control");
	if (a->nsmtpd != b->nsmtpd || a->nfront != b->nfront ||
	    a->nstore != b->nstore)
		return ("processes");
	if (a->npartitions != b->npartitions)
		return ("partitions");
	if (strcmp(a->log, b->log) != 0 &&
	    (a->log[0] != '/' || b->log[0] != '/'))
		return ("log");
	if (a->cache != b->cache)
		return ("cache");
	if (a->disk_reserve != b->disk_reserve)
		return ("disk-reserve");
	for (i = ROLE_CONTROL; i <= ROLE_RELAY; i++)
		if (strcmp(a->users[i], b->users[i]) != 0)
			return ("user");
	return (NULL);
}

/* Parsed, checked, with certificates; NULL with the reason. */
static struct conf *
read_conf(struct buf *why)
{
	struct report	 r = { 0 };
	struct conf	*c = parse_conf(parent.conf_path, &r);
	struct span	 text, line;
	const char	*what;

	if (c != NULL)
		load_certificates(c, &r);
	for (text = span_buf(&r.text); text.n > 0 && r.errors == 0;) {
		(void)span_split(&text, '\n', &line);
		log_warn("%s", log_esc(line));
	}
	if (r.errors > 0 && r.text.n > 0)	/* but for the last line's end */
		buf_add_span(why, span_of(r.text.p, r.text.n - 1));
	if (c != NULL && r.errors == 0) {
		conf_settle(c, parent.conf->npartitions);
		c->generation = parent.conf->generation + 1;
		if ((what = needs_restart(parent.conf, c)) != NULL)
			buf_addf(why, "\"%s\" has changed: that needs a "
			    "restart; nothing was changed", what);
	}
	buf_free(&r.text);
	if (r.errors == 0 && why->n == 0)
		return (c);
	conf_free(c);
	return (NULL);
}

static void
refuse(struct child *c, const char *text)
{
	buf_addf(&R.why, "%s%s: %s", R.why.n > 0 ? "; " : "", child_name(c),
	    text);
}

/* Send a child its side. */
static void
prepare(struct child *c)
{
	struct msg_number	 n = { R.conf->generation };

	c->prepared = 0;
	if (c->peer == NULL || c->leaving || c->state == CHILD_STOPPING ||
	    (c->role == ROLE_RELAY && strcmp(c->name, "default") != 0 &&
	    conf_transport(R.conf, c->name) == NULL))
		return;
	c->prepared = -1;
	if (child_send_conf(c, R.conf, &R.sockets) == -1 ||
	    peer_ask(c->peer, M_PREPARE, &c_number, &n, -1, on_prepared,
	    c) == 0)
		refuse(c, "cannot be asked");
	else
		R.waiting++;
}

void
reload(struct peer *p, uint32_t id)
{
	static const struct timeval	 limit = { RELOAD_PATIENCE, 0 };
	struct child			*c;
	struct buf			 why = { 0 };
	pid_t				 asker = p == NULL ? 0 :
					    ((struct child *)peer_arg(p))->pid;

	if (parent.stopping || parent.starting || R.conf != NULL) {
		answer(asker, id, 0, R.conf != NULL ?
		    "another reload is under way" :
		    "the service is starting or stopping");
		return;
	}
	if ((R.conf = read_conf(&why)) == NULL ||
	    sockets_open(R.conf, parent.conf, &parent.sockets, &R.sockets,
	    &why) == -1) {
		conf_free(R.conf);
		R.conf = NULL;
		answer(asker, id, 0, buf_cstr(&why));
		buf_free(&why);
		return;
	}
	buf_free(&why);		/* warnings may have been in it */
	R.asker = asker;
	R.id = id;
	R.waiting = 0;
	R.timer = event_new(parent.base, -1, 0, on_timer, NULL);
	if (R.timer != NULL)
		event_add(R.timer, &limit);
	TAILQ_FOREACH(c, &parent.children, entry)
		prepare(c);
	if (R.waiting == 0)
		finish();
}

static int
on_prepared(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_result	 r;
	struct child		*c = arg;

	(void)p;
	if (m != NULL && imsg_get(m, &c_result, &r) == -1)
		return (-1);
	if (R.conf == NULL || c->prepared != -1)
		return (0);		/* too late */
	c->prepared = m != NULL && r.result == RESULT_OK;
	if (m == NULL)
		refuse(c, "ended meanwhile");
	else if (!c->prepared)
		refuse(c, log_esc(r.text));
	if (--R.waiting == 0)
		finish();
	return (0);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct child	*c;

	(void)fd;
	(void)what;
	(void)arg;
	TAILQ_FOREACH(c, &parent.children, entry)
		if (c->prepared == -1)
			refuse(c, "did not answer in time");
	finish();
}

/* It had said yes, and is about to be started again with the former one. */
void
reload_disturbed(struct child *c)
{
	if (R.conf == NULL || c->prepared != 1)
		return;
	c->prepared = 0;
	refuse(c, "ended meanwhile");
}

/* A larger message may be written from now on, or no longer. */
static void
adjust_limits(const struct child *c)
{
	struct rlimit	 r;
	uint64_t	 n = sandbox_file_limit(c->role, parent.conf);

	if (c->role != ROLE_SMTPD || prlimit(c->pid, RLIMIT_FSIZE, NULL,
	    &r) == -1 || r.rlim_cur == RLIM_INFINITY)
		return;
	r.rlim_cur = n;
	if (parent.privileged)
		r.rlim_max = n;
	if (prlimit(c->pid, RLIMIT_FSIZE, &r, NULL) == -1)
		log_warn("%s: file size limit: %s", child_name(c),
		    strerror(errno));
}

static void
commit(void)
{
	struct msg_number	 n = { R.conf->generation }, level;
	struct conf		*old = parent.conf;
	struct child		*c;
	int			 new_level = old->log_level !=
				    R.conf->log_level;
	int			 new_log = strcmp(old->log,
				    R.conf->log) != 0;

	parent.conf = R.conf;
	level.number = R.conf->log_level;
	TAILQ_FOREACH(c, &parent.children, entry) {
		if (c->prepared == 1) {
			c->generation = n.number;
			adjust_limits(c);
			(void)peer_put(c->peer, M_COMMIT, &c_number, &n, -1);
			if (new_level)
				(void)peer_put(c->peer, M_LOG_LEVEL, &c_number,
				    &level, -1);
		} else if (c->pid != 0 && c->generation != n.number)
			child_kill(c);	/* born meanwhile, with the former */
	}
	if (new_level) {
		parent.log_level = (int)level.number;
		log_level((enum log_level)level.number);
	}
	CONF_EACH(struct conf_listener, l, &old->listeners) {
		size_t	 at = (size_t)(l -
			    (struct conf_listener *)old->listeners.v);
		size_t	 k;

		for (k = 0; k < R.sockets.n && R.sockets.v[k].fd !=
		    parent.sockets.v[at].fd; k++)
			;
		if (k == R.sockets.n && l->path[0] != '\0')
			place_unlink_socket(l->path);
	}
	sockets_close(&parent.sockets, &R.sockets);
	parent.sockets = R.sockets;
	workers_adjust(old);
	conf_free(old);
	if (new_log)
		child_log_file();
}

static void
cancel(void)
{
	struct msg_number	 n = { R.conf->generation };
	struct child		*c;

	TAILQ_FOREACH(c, &parent.children, entry)
		if (c->prepared != 0 && c->peer != NULL)
			(void)peer_put(c->peer, M_CANCEL, &c_number, &n, -1);
	sockets_close(&R.sockets, &parent.sockets);
	conf_free(R.conf);
}

static void
finish(void)
{
	struct buf	 text = { 0 };
	struct child	*c;
	int		 ok = R.why.n == 0;

	if (R.timer != NULL)
		event_free(R.timer);
	R.timer = NULL;
	if (ok) {
		commit();
		buf_addf(&text, "reloaded, generation %llu",
		    (unsigned long long)parent.conf->generation);
	} else {
		cancel();
		buf_add_span(&text, span_buf(&R.why));
	}
	R.conf = NULL;
	memset(&R.sockets, 0, sizeof(R.sockets));
	buf_reset(&R.why);
	TAILQ_FOREACH(c, &parent.children, entry)
		c->prepared = 0;
	answer(R.asker, R.id, ok, buf_cstr(&text));
	buf_free(&text);
}
