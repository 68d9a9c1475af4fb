/*
 * Stand-ins for the queue's peers.  See standin.h.
 */
#include <sys/stat.h>
#include <fcntl.h>
#include <ftw.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "standin.h"

extern const struct role_ops	 queued_ops;

struct standin	 si;

static struct peer	*parent_here, *parent_there;
static struct peer_ops	 here_ops, there_ops;

/* ---- proc.h for queued ---------------------------------------------------- */

struct event_base *
proc_base(void)
{
	return (si.base);
}

const struct conf *
proc_conf(void)
{
	return (si.conf);
}

struct peer *
proc_peer(enum role r, unsigned inst)
{
	return (inst < 8 ? si.here[r][inst] : NULL);
}

struct peer *
proc_parent(void)
{
	return (parent_here);
}

unsigned
proc_count(enum role r)
{
	return (r == ROLE_STORE ? 2 : 1);
}

unsigned
proc_instance(void)
{
	return (0);
}

int
proc_privileged(void)
{
	return (0);
}

void
proc_exit(int status)
{
	exit(status);
}

uint64_t
proc_now_ms(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

/* ---- the others ------------------------------------------------------------ */

static int
ends_with(struct span s, const char *tail)
{
	size_t	 n = strlen(tail);

	return (s.n >= n && memcmp(s.p + s.n - n, tail, n) == 0);
}

static void
who(struct span name, struct msg_rcpt *r)
{
	static const char	*const names[] = { "alice", "bob", "outbox" };
	size_t			 i;

	r->result = RESULT_NO;
	for (i = 0; i < nitems(names); i++)
		if (span_eqs(name, names[i])) {
			r->result = RESULT_OK;
			r->account = i + 1;
			r->partition = i == 1;
			r->name = span_str(names[i]);
		}
}

static int
auth_rcpt(struct peer *p, struct imsg *m)
{
	struct msg_text	 t;
	struct msg_rcpt	 r = { .result = RESULT_NO };
	struct span	 s, local;

	if (imsg_get(m, &c_text, &t) == -1)
		return (-1);
	s = t.text;
	if (m->type == M_ACCOUNT_NAMED)
		who(s, &r);
	else if (ends_with(s, "@letterlock.test")) {
		r.local = 1;
		span_split(&s, '@', &local);
		who(local, &r);
	}
	return (peer_reply(p, m->type, m->id, &c_rcpt, &r, -1));
}

static int
auth_may_use(struct peer *p, struct imsg *m)
{
	static const char	*const own[] = { "", "alice@letterlock.test",
				    "bob@letterlock.test" };
	struct msg_may_use	 u;
	struct msg_result	 r = { .result = RESULT_NO };

	if (imsg_get(m, &c_may_use, &u) == -1)
		return (-1);
	if (u.account < nitems(own) && span_eqs(u.address, own[u.account]))
		r.result = RESULT_OK;
	return (peer_reply(p, M_MAY_USE, m->id, &c_result, &r, -1));
}

static int
auth_routes(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;
	struct msg_text		 t;

	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	t.text = span_str(n.number == 1 && si.routes != NULL ? si.routes : "");
	return (peer_reply(p, M_ACCOUNT_ROUTES, m->id, &c_text, &t, -1));
}

static struct got *
got_new(int fd)
{
	struct got	*g = calloc(1, sizeof(*g));
	uint8_t		 room[65536];
	ssize_t		 n;
	off_t		 off = 0;

	while ((n = pread(fd, room, sizeof(room), off)) > 0) {
		buf_add(&g->body, room, (size_t)n);
		off += n;
	}
	g->next = si.got;
	si.got = g;
	si.ngot++;
	return (g);
}

static void
keep(char *to, size_t max, struct span s)
{
	size_t	 at = strlen(to);

	snprintf(to + at, max - at, "%s%.*s", at > 0 ? " " : "", (int)s.n,
	    (const char *)s.p);
}

static int
store_answer(struct peer *p, uint32_t id, uint8_t result)
{
	struct msg_stored	 s = { .result = result };

	s.code = result == RESULT_OK ? 250 : result == RESULT_NO ? 550 : 451;
	s.enhanced = span_str(si.store_enhanced != NULL ? si.store_enhanced :
	    result == RESULT_NO ? "5.2.1" : "4.2.1");
	s.text = span_str("the store says");
	return (peer_reply(p, M_DELIVER, id, &c_stored, &s, -1));
}

void
si_stored(uint8_t result)
{
	if (si.store_asked != 0)
		(void)store_answer(si.store_peer, si.store_asked, result);
	si.store_asked = 0;
}

static int
store_deliver(struct peer *p, struct imsg *m)
{
	struct msg_deliver		 d;
	const struct msg_deliver_rcpt	*r;
	struct got			*g;
	size_t				 i;

	if (imsg_get(m, &c_deliver, &d) == -1)
		return (-1);
	if (si.store == RESULT_OK) {
		g = got_new(m->fd);
		r = d.rcpts.v;
		memcpy(g->id, d.id, 16);
		g->inst = d.partition;
		g->account = r[0].account;
		g->nto = d.rcpts.n;
		keep(g->from, sizeof(g->from), d.from);
		for (i = 0; i < d.rcpts.n; i++)
			keep(g->to, sizeof(g->to), r[i].address);
		if (si.told != NULL)
			si.told(g);
	}
	codec_free(&c_deliver, &d);
	if (!si.store_waits)
		return (store_answer(p, m->id, si.store));
	si.store_peer = p;
	si.store_asked = m->id;
	return (0);
}

static int
store_settled(struct peer *p, struct imsg *m)
{
	struct msg_settled_ids	 s;

	(void)p;
	if (imsg_get(m, &c_settled_ids, &s) == -1)
		return (-1);
	si.settled += (unsigned)s.ids.n;
	codec_free(&c_settled_ids, &s);
	return (0);
}

void
si_relayed(void)
{
	struct msg_relay_result	 v = { .result = RESULT_OK, .code = 250 };
	struct msg_relay_done	 done = { .results = { &v, 1 } };
	unsigned		 i;

	v.enhanced = span_str("2.0.0");
	for (i = 0; i < si.nasked; i++) {
		done.id = si.asked[i].id;
		v.id = si.asked[i].rcpt;
		(void)peer_reply(si.there[ROLE_RELAY][0], M_RELAY,
		    si.asked[i].request, &c_relay_done, &done, -1);
	}
	si.nasked = 0;
}

static int
relay_deliver(struct peer *p, struct imsg *m)
{
	struct msg_relay		 d;
	struct msg_relay_done		 done = { 0 };
	struct msg_relay_result		 v[MSG_RCPTS_MAX] = { 0 };
	const struct msg_relay_rcpt	*r;
	struct got			*g;
	size_t				 i;

	if (imsg_get(m, &c_relay, &d) == -1)
		return (-1);
	g = got_new(m->fd);
	g->relay = 1;
	snprintf(g->transport, sizeof(g->transport), "%s",
	    (const char *)peer_arg(p));
	keep(g->from, sizeof(g->from), d.from);
	keep(g->dest, sizeof(g->dest), d.destination);
	g->requiretls = d.requiretls;
	r = d.rcpts.v;
	g->nto = d.rcpts.n;
	for (i = 0; i < d.rcpts.n; i++) {
		keep(g->to, sizeof(g->to), r[i].address);
		v[i].id = r[i].id;
		v[i].result = si.relay;
		v[i].code = si.relay_code;
		v[i].enhanced = span_str(si.relay_enhanced != NULL ?
		    si.relay_enhanced : si.relay == RESULT_OK ? "2.0.0" :
		    si.relay == RESULT_NO ? "5.1.1" : "4.2.0");
		v[i].text = span_str(si.relay_text == NULL ? "the other says" :
		    si.relay_text);
	}
	if (si.told != NULL)
		si.told(g);
	done.id = d.id;
	done.host = span_str("mx.example.org");
	done.address = span_str("192.0.2.1");
	done.dsn = (uint8_t)si.relay_dsn;
	done.results.v = v;
	done.results.n = d.rcpts.n;
	codec_free(&c_relay, &d);
	if (si.relay_dies > 0) {
		si.relay_dies--;
		peer_close(p, "it dies");
		return (0);
	}
	if (si.relay_waits && si.nasked < nitems(si.asked)) {
		si.asked[si.nasked].request = m->id;
		si.asked[si.nasked].id = done.id;
		si.asked[si.nasked++].rcpt = v[0].id;
	}
	if (si.relay_silent || si.relay_waits)
		return (0);
	return (peer_reply(p, M_RELAY, m->id, &c_relay_done, &done, -1));
}

static int
parent_worker(struct peer *p, struct imsg *m)
{
	struct msg_text	 t;
	char		*name;

	(void)p;
	if (imsg_get(m, &c_text, &t) == -1)
		return (-1);
	name = span_dup(t.text);
	if (si.relay_down == NULL || strcmp(name, si.relay_down) != 0)
		si_connect(ROLE_RELAY, strcmp(name, "default") == 0 ? 0 : 1, name);
	free(name);
	return (0);
}

static int
smtpd_slot(struct peer *p, struct imsg *m)
{
	struct msg_slot	 s;

	(void)p;
	if (imsg_get(m, &c_slot, &s) == -1)
		return (-1);
	if (s.slot >= nitems(si.slots))
		return (0);
	memcpy(si.slots[s.slot].id, s.id, 16);
	if (m->type == M_SLOT) {
		si.nslots++;
		si.slots[s.slot].wfd = m->fd;
	} else
		si.slots[s.slot].rfd = m->fd;
	m->fd = -1;
	return (0);
}

static int
smtpd_ids(struct peer *p, struct imsg *m)
{
	struct msg_slots	 r;
	const struct msg_slot	*v;
	size_t			 i;

	(void)p;
	if (imsg_get(m, &c_slots, &r) == -1)
		return (-1);
	for (i = 0, v = r.slots.v; i < r.slots.n; i++)
		if (v[i].slot < nitems(si.slots))
			memcpy(si.slots[v[i].slot].id, v[i].id, 16);
	codec_free(&c_slots, &r);
	return (0);
}

static int
session_end(struct peer *p, struct imsg *m)
{
	struct msg_text	 t;

	(void)p;
	if (imsg_get(m, &c_text, &t) == -1)
		return (-1);
	snprintf(si.text, sizeof(si.text), "%.*s", (int)t.text.n,
	    (const char *)t.text.p);
	si.answered = 421;
	return (0);
}

/* Lookup: about policies of MTA-STS. */
static int
lookup_sts(struct peer *p, struct imsg *m)
{
	struct msg_sts		 s;
	struct msg_sts_answer	 a = { .status = si.sts };

	if (imsg_get(m, &c_sts, &s) == -1)
		return (-1);
	si.sts_asked++;
	snprintf(si.sts_domain, sizeof(si.sts_domain), "%.*s",
	    (int)s.domain.n, (const char *)s.domain.p);
	snprintf(si.sts_known, sizeof(si.sts_known), "%.*s", (int)s.id.n,
	    (const char *)s.id.p);
	a.id = span_str(si.sts_id == NULL ? "" : si.sts_id);
	a.text = span_str(si.sts_text == NULL ? "" : si.sts_text);
	if (si.sts == STS_POLICY && span_eq(a.id, s.id)) {
		a.status = STS_SAME;
		a.id = a.text = span_of("", 0);
	}
	return (peer_reply(p, M_STS, m->id, &c_sts_answer, &a, -1));
}

static const struct msg_rule	 there_rules[] = {
	{ M_STS, ~0u, MSG_BODY, lookup_sts },
	{ M_RCPT, ~0u, MSG_BODY, auth_rcpt },
	{ M_ACCOUNT_NAMED, ~0u, MSG_BODY, auth_rcpt },
	{ M_MAY_USE, ~0u, MSG_BODY, auth_may_use },
	{ M_ACCOUNT_ROUTES, ~0u, MSG_BODY, auth_routes },
	{ M_DELIVER, ~0u, MSG_BODY | MSG_FD, store_deliver },
	{ M_SETTLED, ~0u, MSG_BODY, store_settled },
	{ M_RELAY, ~0u, MSG_BODY | MSG_FD, relay_deliver },
	{ M_WORKER_START, ~0u, MSG_BODY, parent_worker },
	{ M_SLOT, ~0u, MSG_BODY | MSG_FD, smtpd_slot },
	{ M_SLOT_READ, ~0u, MSG_BODY | MSG_FD, smtpd_slot },
	{ M_SLOT_ID, ~0u, MSG_BODY, smtpd_ids },
	{ M_SUB_END, ~0u, MSG_BODY, session_end },
};

/* ---- links ----------------------------------------------------------------- */

static void
here_down(struct peer *p, const char *why)
{
	(void)why;
	queued_ops.link_down(p);
	si.here[peer_role(p)][peer_instance(p)] = NULL;
}

static void
there_down(struct peer *p, const char *why)
{
	enum role	 r;
	unsigned	 i;

	(void)why;
	for (r = 0; r < ROLE_COUNT; r++)
		for (i = 0; i < 8; i++)
			if (si.there[r][i] == p) {
				free(peer_arg(p));
				si.there[r][i] = NULL;
			}
	if (si.session == p)
		si.session = NULL;
}

void
si_connect(enum role r, unsigned inst, const char *name)
{
	int	 fds[2];

	if (imsg_pair(fds) == -1)
		exit(1);
	si.there[r][inst] = peer_new(si.base, fds[1], ROLE_QUEUED, 0,
	    &there_ops, name == NULL ? NULL : strdup(name));
	si.here[r][inst] = peer_new(si.base, fds[0], r, inst, &here_ops,
	    name == NULL ? NULL : strdup(name));
	queued_ops.link_up(si.here[r][inst]);
}

/* The other side is gone. */
void
si_disconnect(enum role r, unsigned inst)
{
	struct peer	*p = si.there[r][inst];

	if (p == NULL)
		return;
	free(peer_arg(p));
	si.there[r][inst] = NULL;
	peer_free(p);
	UNTIL(si.here[r][inst] == NULL, 60);
}

void
si_turn(void)
{
	static const struct timeval	 most = { 0, 10000 };

	event_base_loopexit(si.base, &most);
	event_base_loop(si.base, EVLOOP_ONCE);
}

static int
remove_one(const char *path, const struct stat *sb, int flag, struct FTW *f)
{
	(void)sb;
	(void)flag;
	(void)f;
	return (remove(path));
}

void
si_up(void)
{
	struct db_conf	 dc = { .home = ".", .margin = 1 };
	int		 fds[2];

	if (db_open(&dc) == -1 || imsg_pair(fds) == -1) {
		printf("Bail out! no queue\n");
		exit(1);
	}
	parent_here = peer_new(si.base, fds[0], ROLE_PARENT, 0, &here_ops,
	    NULL);
	parent_there = peer_new(si.base, fds[1], ROLE_QUEUED, 0, &there_ops,
	    NULL);
	si_connect(ROLE_AUTH, 0, NULL);
	si_connect(ROLE_STORE, 0, NULL);
	si_connect(ROLE_STORE, 1, NULL);
	si_connect(ROLE_CONTROL, 0, NULL);
	si_connect(ROLE_LOOKUP, 0, NULL);
	if (queued_ops.start() == -1)
		exit(1);
	si_connect(ROLE_SMTPD, 0, NULL);
}

void
si_open_only(void)
{
	memset(&si, 0, sizeof(si));
	si.fd = -1;
	snprintf(si.dir, sizeof(si.dir), "/tmp/queued-test-XXXXXX");
	if (mkdtemp(si.dir) == NULL || chdir(si.dir) == -1)
		exit(1);
	si.conf = conf_new();
	free(si.conf->hostname);
	si.conf->hostname = strdup("mail.letterlock.test");
	si.relay_code = 250;
	here_ops.rules = queued_ops.rules;
	here_ops.nrules = queued_ops.nrules;
	here_ops.down = here_down;
	there_ops.rules = there_rules;
	there_ops.nrules = nitems(there_rules);
	there_ops.down = there_down;
	log_level(getenv("VERBOSE") == NULL ? LOG_LEVEL_ERROR :
	    LOG_LEVEL_INFO);
}

void
si_base(void)
{
	struct event_config	*ec = event_config_new();

	si.base = event_base_new_with_config(ec);
	event_config_free(ec);
}

void
si_open(void)
{
	si_open_only();
	si_base();
	si_up();
}

const struct got *
si_got_to(const char *to)
{
	const struct got	*g;

	for (g = si.got; g != NULL; g = g->next)
		if (strcmp(g->to, to) == 0)
			return (g);
	return (NULL);
}

void
si_forget(void)
{
	struct got	*g;

	while ((g = si.got) != NULL) {
		si.got = g->next;
		buf_free(&g->body);
		free(g);
	}
	si.ngot = 0;
}

void
si_close(void)
{
	si_forget();
	db_close();
	if (chdir("/") == 0)
		nftw(si.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

size_t
si_count(struct dbenv_db *db)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	size_t			 n = 0;

	dbenv_iter_init(&it, db, span_of(NULL, 0), span_of(NULL, 0));
	while (dbenv_iter_next(&it, &key, &val) == 1)
		n++;
	dbenv_iter_free(&it);
	return (n);
}

/* ---- smtpd ------------------------------------------------------------------ */

static int
on_stored(void *arg, struct peer *p, struct imsg *m)
{
	(void)arg;
	(void)p;
	si.answered = 1;
	memset(&si.stored, 0, sizeof(si.stored));
	if (m == NULL)
		return (0);
	if (imsg_get(m, &c_stored, &si.stored) == -1)
		return (-1);
	snprintf(si.text, sizeof(si.text), "%.*s", (int)si.stored.text.n,
	    (const char *)si.stored.text.p);
	snprintf(si.enhanced, sizeof(si.enhanced), "%.*s",
	    (int)si.stored.enhanced.n, (const char *)si.stored.enhanced.p);
	return (0);
}

void
si_commit(const char *from, const char *const *to, const char *body)
{
	struct msg_commit	 m = { 0 };
	struct msg_commit_rcpt	 v[16] = { 0 };
	struct msg_rcpt		 w = { 0 };
	struct span		 s, local;
	static uint8_t		 used[16];

	/* the one of before is of no use any more */
	UNTIL(si.nslots >= 4 && si.slots[3].rfd > 0 &&
	    memcmp(si.slots[3].id, used, 16) != 0, 60);
	if (ftruncate(si.slots[3].wfd, 0) == -1 || pwrite(si.slots[3].wfd,
	    body, strlen(body), 0) == -1)
		exit(1);
	memcpy(m.id, si.slots[3].id, 16);
	memcpy(used, m.id, 16);
	m.size = strlen(body);
	m.from = span_str(from);
	m.session = span_str("s1");
	m.requiretls = si.requiretls != 0;
	for (; *to != NULL; to++, m.rcpts.n++) {
		v[m.rcpts.n].address = s = span_str(*to);
		span_split(&s, '@', &local);
		memset(&w, 0, sizeof(w));
		who(local, &w);
		v[m.rcpts.n].account = w.account;
		v[m.rcpts.n].partition = w.partition;
		v[m.rcpts.n].name = w.name;
	}
	m.rcpts.v = v;
	si.answered = 0;
	peer_ask(si.there[ROLE_SMTPD][0], M_QUEUE_COMMIT, &c_commit, &m, -1,
	    on_stored, NULL);
	UNTIL(si.answered, 60);
}

static int
on_result(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_result	 r = { 0 };

	(void)p;
	if (m != NULL && imsg_get(m, &c_result, &r) == -1)
		return (-1);
	*(int *)arg = m == NULL ? -1 : (int)r.code == 0 ? 1 : (int)r.code;
	snprintf(si.enhanced, sizeof(si.enhanced), "%.*s", (int)r.enhanced.n,
	    (const char *)r.enhanced.p);
	return (0);
}

void
si_session(uint64_t account, const char *name)
{
	struct msg_session	 m = { .account = account };
	int			 fds[2];
	static int		 rc;

	if (imsg_pair(fds) == -1)
		exit(1);
	m.name = span_str(name);
	m.address = span_str("login@letterlock.test");
	m.mech = span_str("PLAIN");
	m.remote = span_str("192.0.2.9");
	m.password_serial = 7;
	if (si.session != NULL)
		peer_free(si.session);
	si.session = peer_new(si.base, fds[1], ROLE_QUEUED, 0, &there_ops,
	    NULL);
	rc = 0;
	peer_ask(si.there[ROLE_AUTH][0], M_SESSION, &c_session, &m, fds[0],
	    on_result, &rc);
	UNTIL(rc != 0, 60);
}

int
si_mail(const char *from)
{
	struct msg_sub_mail	 m = { .from = span_str(from) };
	static int		 rc;

	m.session = span_str("s2");
	m.hold = si.hold;
	m.future = span_str(si.future == NULL ? "" : si.future);
	m.requiretls = si.requiretls != 0;
	si.hold = 0;
	si.future = NULL;
	si.requiretls = 0;
	rc = 0;
	peer_ask(si.session, M_SUB_MAIL, &c_sub_mail, &m, -1, on_result, &rc);
	UNTIL(rc != 0, 60);
	return (rc);
}

int
si_rcpt(const char *to, uint32_t notify)
{
	struct msg_commit_rcpt	 m = { .address = span_str(to),
				    .notify = notify };
	static int		 rc;

	rc = 0;
	peer_ask(si.session, M_SUB_RCPT, &c_commit_rcpt, &m, -1, on_result,
	    &rc);
	UNTIL(rc != 0, 60);
	return (rc);
}

static int
on_data(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_slot	 s;

	(void)p;
	*(int *)arg = 1;
	if (m == NULL || imsg_get(m, &c_slot, &s) == -1)
		return (m == NULL ? 0 : -1);
	memcpy(si.slot, s.id, 16);
	si.fd = m->fd;
	m->fd = -1;
	return (0);
}

void
si_data_only(const char *body)
{
	static int	 rc;

	if (si.fd != -1)
		close(si.fd);
	si.fd = -1;
	rc = 0;
	peer_ask(si.session, M_SUB_DATA, NULL, NULL, -1, on_data, &rc);
	UNTIL(rc != 0, 60);
	if (si.fd != -1 && write(si.fd, body, strlen(body)) == -1)
		exit(1);
}

int
si_data(const char *body)
{
	struct msg_sub_commit	 m = { 0 };

	si_data_only(body);
	if (si.fd == -1)
		return (-1);
	memcpy(m.id, si.slot, 16);
	m.size = strlen(body);
	m.received = span_str("Received: by test\r\n");
	si.answered = 0;
	peer_ask(si.session, M_SUB_COMMIT, &c_sub_commit, &m, -1, on_stored,
	    NULL);
	UNTIL(si.answered, 60);
	return ((int)si.stored.code);
}

/* ---- letterctl ---------------------------------------------------------------- */

static struct {
	int	 done, status, more;
	char	 cursor[512];
	size_t	 ncursor;
} page;

static int
on_page(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_ctl_page		 pg;
	const struct msg_ctl_row	*r;
	size_t				 i, at = strlen(si.rows);

	(void)arg;
	(void)p;
	page.done = 1;
	page.status = 1;
	page.more = 0;
	if (m == NULL || imsg_get(m, &c_ctl_page, &pg) == -1)
		return (m == NULL ? 0 : -1);
	page.status = pg.status;
	page.more = pg.more;
	page.ncursor = pg.cursor.n < sizeof(page.cursor) ? pg.cursor.n : 0;
	if (page.ncursor > 0)
		memcpy(page.cursor, pg.cursor.p, page.ncursor);
	r = pg.rows.v;
	for (i = 0; i < pg.rows.n; i++, si.nrows++)
		at += (size_t)snprintf(si.rows + at, sizeof(si.rows) - at,
		    "%.*s\n", (int)r[i].json.n, (const char *)r[i].json.p);
	snprintf(si.text, sizeof(si.text), "%.*s", (int)pg.text.n,
	    (const char *)pg.text.p);
	codec_free(&c_ctl_page, &pg);
	return (0);
}

int
si_ctl(const char *verb, const char *args)
{
	struct msg_ctl_arg	 v[32];
	struct msg_ctl		 m = { .verb = span_str(verb) };
	struct span		 s = span_str(args), word;

	si.rows[0] = '\0';
	si.nrows = 0;
	page.ncursor = 0;
	while (s.n > 0 && m.args.n < nitems(v)) {
		span_split(&s, ' ', &word);
		v[m.args.n++].arg = word;
	}
	m.args.v = v;
	do {
		m.cursor = span_of(page.cursor, page.ncursor);
		page.done = 0;
		peer_ask(si.there[ROLE_CONTROL][0], M_CTL, &c_ctl, &m, -1,
		    on_page, NULL);
		UNTIL(page.done, 60);
	} while (page.done && page.more);
	return (page.done ? page.status : -1);
}
