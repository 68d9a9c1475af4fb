/*
 * The rig: see rig.h.  It stands in for common/proc.c.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authd/roles.h"
#include "log.h"
#include "rig.h"

#define INSTANCES	4

struct conf		*rig_conf;
uint64_t		 rig_later;
struct msg_session	 rig_session;
int			 rig_session_fd = -1;
unsigned		 rig_nsessions;
enum result		 rig_answer = RESULT_OK;
int			 rig_silent;
struct msg_end_sessions	 rig_end;
unsigned		 rig_nends;
struct msg_account	 rig_gone;
unsigned		 rig_ngone;
struct msg_limits	 rig_limits;
unsigned		 rig_nlimits, rig_limited, rig_whole;
struct msg_key_claim	 rig_claim;
unsigned		 rig_nclaims;
enum result		 rig_thawed = RESULT_OK;
unsigned		 rig_nthaws;
enum result		 rig_claimed = RESULT_OK;
struct msg_ctl_page	 rig_page;

static struct event_base	*base;
static struct peer		*peers[ROLE_COUNT][INSTANCES];	/* the role's */
static struct peer		*ends[ROLE_COUNT][INSTANCES];	/* ours */
static char			 dir[] = "/tmp/letterlock-auth-XXXXXX";
static int			 listeners[RIG_LISTENERS];
static struct buf		 answer, session_octets, end_octets;
static int			 answered;

/* ---- in place of proc.c ------------------------------------------------------ */

struct event_base *
proc_base(void)
{
	return (base);
}

const struct conf *
proc_conf(void)
{
	return (rig_conf);
}

struct peer *
proc_peer(enum role role, unsigned inst)
{
	return (role < ROLE_COUNT && inst < INSTANCES ? peers[role][inst] :
	    NULL);
}

unsigned
proc_count(enum role role)
{
	return (role == ROLE_STORE ? rig_conf->nstore : 1);
}

int
proc_privileged(void)
{
	return (0);
}

uint64_t
proc_now_ms(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 +
	    rig_later);
}

void
proc_exit(int status)
{
	exit(status);
}

/* ---- the other ends ------------------------------------------------------------- */

static int
on_session(struct peer *p, struct imsg *m)
{
	struct msg_result	 r = { .result = (uint8_t)rig_answer };

	buf_reset(&session_octets);
	buf_add_span(&session_octets, m->data);
	m->data = span_buf(&session_octets);
	if (imsg_get(m, &c_session, &rig_session) == -1)
		return (-1);
	if (rig_session_fd != -1)
		close(rig_session_fd);
	rig_session_fd = m->fd;
	m->fd = -1;
	rig_nsessions++;
	if (!rig_silent)
		(void)peer_reply(p, M_SESSION, m->id, &c_result, &r, -1);
	return (0);
}

static int
on_end_sessions(struct peer *p, struct imsg *m)
{
	struct msg_number	 n = { 0 };

	buf_reset(&end_octets);
	buf_add_span(&end_octets, m->data);
	m->data = span_buf(&end_octets);
	if (imsg_get(m, &c_end_sessions, &rig_end) == -1)
		return (-1);
	rig_nends++;
	(void)peer_reply(p, M_END_SESSIONS, m->id, &c_number, &n, -1);
	return (0);
}

static int
on_account_gone(struct peer *p, struct imsg *m)
{
	struct msg_result	 r = { .result = (uint8_t)rig_answer };

	if (imsg_get(m, &c_account, &rig_gone) == -1)
		return (-1);
	rig_ngone++;
	(void)peer_reply(p, M_ACCOUNT_GONE, m->id, &c_result, &r, -1);
	return (0);
}

static int
on_limits(struct peer *p, struct imsg *m)
{
	struct msg_limits_list	 l;

	(void)p;
	if (imsg_get(m, &c_limits_list, &l) == -1)
		return (-1);
	rig_nlimits++;
	rig_whole = l.whole;
	rig_limited = (unsigned)l.limits.n;
	if (l.limits.n > 0)
		memcpy(&rig_limits, l.limits.v, sizeof(rig_limits));
	codec_free(&c_limits_list, &l);
	return (0);
}

static int
on_claim(struct peer *p, struct imsg *m)
{
	struct msg_result	 r = { .result = (uint8_t)rig_claimed };

	if (imsg_get(m, &c_key_claim, &rig_claim) == -1)
		return (-1);
	rig_nclaims++;
	if (!rig_silent)
		(void)peer_reply(p, M_KEY_CLAIM, m->id, &c_result, &r, -1);
	return (0);
}

static int
on_move_off(struct peer *p, struct imsg *m)
{
	struct msg_account	 a;
	struct msg_result	 r = { .result = (uint8_t)rig_thawed };

	if (imsg_get(m, &c_account, &a) == -1)
		return (-1);
	rig_nthaws++;
	(void)peer_reply(p, M_MOVE_OFF, m->id, &c_result, &r, -1);
	return (0);
}

static const struct msg_rule	 their_rules[] = {
	{ M_KEY_CLAIM, PEER(ROLE_AUTH), MSG_BODY, on_claim },
	{ M_SESSION, PEER(ROLE_AUTH), MSG_BODY | MSG_FD, on_session },
	{ M_END_SESSIONS, PEER(ROLE_AUTH), MSG_BODY, on_end_sessions },
	{ M_ACCOUNT_GONE, PEER(ROLE_AUTH), MSG_BODY, on_account_gone },
	{ M_MOVE_OFF, PEER(ROLE_AUTH), MSG_BODY, on_move_off },
	{ M_LIMITS, PEER(ROLE_AUTH), MSG_BODY, on_limits },
};

static void
their_down(struct peer *p, const char *why)
{
	int	 r, i;

	(void)why;
	for (r = 0; r < ROLE_COUNT; r++)
		for (i = 0; i < INSTANCES; i++)
			if (ends[r][i] == p)
				ends[r][i] = NULL;
}

static void
role_down(struct peer *p, const char *why)
{
	(void)why;
	auth_ops.link_down(p);
	peers[peer_role(p)][peer_instance(p)] = NULL;
}

struct peer *
rig_link(enum role role, unsigned inst)
{
	static const struct peer_ops	 theirs = { their_rules,
					    nitems(their_rules), their_down };
	static struct peer_ops		 ours;
	int				 fds[2];

	ours.rules = auth_ops.rules;
	ours.nrules = auth_ops.nrules;
	ours.down = role_down;
	rig_unlink(role, inst);
	if (imsg_pair(fds) == -1)
		abort();
	peers[role][inst] = peer_new(base, fds[0], role, inst, &ours, NULL);
	ends[role][inst] = peer_new(base, fds[1], ROLE_AUTH, 0, &theirs, NULL);
	auth_ops.link_up(peers[role][inst]);
	return (ends[role][inst]);
}

void
rig_unlink(enum role role, unsigned inst)
{
	struct peer	*p = peers[role][inst];

	if (p != NULL) {
		auth_ops.link_down(p);
		peers[role][inst] = NULL;
		peer_free(p);
	}
	if (ends[role][inst] != NULL)
		peer_free(ends[role][inst]);
	ends[role][inst] = NULL;
}

int
rig_linked(enum role role, unsigned inst)
{
	return (peers[role][inst] != NULL);
}

void
rig_run(void)
{
	int	 i;

	/* Each turn may make work for the next. */
	for (i = 0; i < 16; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static int
on_answer(void *arg, struct peer *p, struct imsg *m)
{
	(void)arg;
	(void)p;
	answered = m == NULL ? -1 : 1;
	buf_reset(&answer);
	if (m != NULL) {
		buf_add_span(&answer, m->data);
		m->data.n = 0;
	}
	return (0);
}

static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	printf("# no answer\n");
	answered = -1;
}

int
rig_ask(struct peer *p, uint32_t type, const struct codec *c, const void *v,
    int fd, const struct codec *ac, void *av)
{
	static const struct timeval	 patience = { 120, 0 };
	struct event			 timer;
	struct span			 s;

	answered = 0;
	if (peer_ask(p, type, c, v, fd, on_answer, NULL) == 0)
		return (-1);
	event_assign(&timer, base, -1, 0, on_patience, NULL);
	event_add(&timer, &patience);
	while (answered == 0)
		event_base_loop(base, EVLOOP_ONCE);
	event_del(&timer);
	s = span_buf(&answer);
	return (answered == -1 || codec_get(&s, ac, av) == -1 || s.n != 0 ?
	    -1 : 0);
}

/* ---- clients ---------------------------------------------------------------------- */

static void
listen_inet(int i, struct conf_listener *l)
{
	struct sockaddr_in	 in = { .sin_family = AF_INET };
	socklen_t		 n = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listeners[i], (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    listen(listeners[i], 128) == -1 || getsockname(listeners[i],
	    (struct sockaddr *)&in, &n) == -1)
		abort();
	memcpy(&l->addr, &in, sizeof(in));
	l->path = strdup("");
}

static void
listen_unix(int i, struct conf_listener *l)
{
	struct sockaddr_un	 un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/submit", dir);
	listeners[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listeners[i], (struct sockaddr *)&un, sizeof(un)) == -1 ||
	    listen(listeners[i], 128) == -1)
		abort();
	l->path = strdup(un.sun_path);
}

static struct sockaddr_in	 source = { .sin_family = AF_INET };

void
rig_from(const char *address)
{
	source.sin_addr.s_addr = inet_addr(address);
}

int
rig_client(int i, int *fd)
{
	struct conf_listener	*l = rig_conf->listeners.v;
	struct sockaddr_un	 un = { .sun_family = AF_UNIX };
	struct linger		 none = { 1, 0 };	/* no TIME_WAIT */
	int			 s, rc;

	l += i;
	s = socket(l->path[0] != '\0' ? AF_UNIX : AF_INET,
	    SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->path[0] != '\0') {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", l->path);
		rc = connect(s, (struct sockaddr *)&un, sizeof(un));
	} else if ((rc = bind(s, (struct sockaddr *)&source,
	    sizeof(source))) == 0)
		rc = connect(s, (struct sockaddr *)&l->addr,
		    sizeof(struct sockaddr_in));
	if (rc == -1 || (*fd = accept(listeners[i], NULL, NULL)) == -1 ||
	    setsockopt(s, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) == -1) {
		perror("client");
		abort();
	}
	return (s);
}

struct peer *
rig_control(void)
{
	return (ends[ROLE_CONTROL][0]);
}

int
rig_ctl(const char *const *words)
{
	struct msg_ctl_arg	 args[8];
	struct msg_ctl		 m = { .verb = span_str(words[0]), .uid = 0 };

	for (words++; *words != NULL && m.args.n < nitems(args); words++)
		args[m.args.n++].arg = span_str(*words);
	m.args.v = args;
	codec_free(&c_ctl_page, &rig_page);
	if (rig_ask(ends[ROLE_CONTROL][0], M_CTL, &c_ctl, &m, -1, &c_ctl_page,
	    &rig_page) == -1)
		return (-1);
	return (rig_page.status);
}

void
rig_account(const char *name, const char *address)
{
	char	 password[64];

	snprintf(password, sizeof(password), "password-%s", name);
	if (RIG_CTL("account add", name, address, password) != 0) {
		printf("Bail out! account %s: %.*s\n", name,
		    (int)rig_page.text.n, (const char *)rig_page.text.p);
		exit(1);
	}
}

/* ---- begin and end ------------------------------------------------------------------- */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return (remove(path));
}

static void
clean(void)
{
	if (chdir("/") == 0)
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct conf *
make_conf(void)
{
	static const struct {
		uint8_t	 kind, tls, cleartext;
	} kinds[RIG_LISTENERS] = {
		[RIG_SMTP] = { KIND_SMTP, TLS_OPTIONAL, 0 },
		[RIG_SUBMISSION] = { KIND_SUBMISSION, TLS_OPTIONAL, 0 },
		[RIG_IMAP] = { KIND_IMAP, TLS_OPTIONAL, 1 },
		[RIG_IMAP_TLS] = { KIND_IMAP, TLS_REQUIRED, 0 },
		[RIG_LOCAL] = { KIND_SUBMISSION, TLS_OFF, 0 },
		[RIG_IMAPS] = { KIND_IMAP, TLS_IMPLICIT, 0 },
		[RIG_SUBMISSIONS] = { KIND_SUBMISSION, TLS_IMPLICIT, 0 },
	};
	static const struct conf_limits	 limits = {
		.connections = 100, .connections_address = 10,
		.connections_prefix = 50, .login_failures = 3,
		.login_failures_address = 10,
	};
	static const struct {
		const char	*name;
		uint8_t		 exact;
	} names[] = { { "d.example", 0 }, { "e.example", 1 } };
	struct conf		*c = conf_new();
	struct conf_listener	*l = calloc(RIG_LISTENERS, sizeof(*l));
	struct conf_domain	*d = calloc(nitems(names), sizeof(*d));
	size_t			 i;

	free(c->state);
	c->state = strdup(dir);
	free(c->hostname);
	c->hostname = strdup("mail.d.example");
	c->nstore = 2;
	c->iterations = 4096;
	c->disk_reserve = 1 << 20;
	c->listeners.v = l;
	c->listeners.n = RIG_LISTENERS;
	for (i = 0; i < RIG_LISTENERS; i++) {
		l[i].kind = kinds[i].kind;
		l[i].tls = kinds[i].tls;
		l[i].cleartext_auth = kinds[i].cleartext;
		l[i].limits = limits;
		if (l[i].kind != KIND_SMTP)
			l[i].mechs = SASL_ALL & ~(l[i].tls == TLS_OFF ?
			    SASL_BIT(SASL_MECH_EXTERNAL) : 0);
		if (l[i].kind != KIND_SMTP && l[i].tls != TLS_OFF)
			l[i].ccert = CCERT_IGNORE_UNKNOWN;
		l[i].hostname = strdup("");
		l[i].where = strdup("");
		if (i == RIG_LOCAL)
			listen_unix((int)i, &l[i]);
		else
			listen_inet((int)i, &l[i]);
	}
	c->domains.v = d;
	c->domains.n = nitems(names);
	for (i = 0; i < nitems(names); i++) {
		d[i].name = strdup(names[i].name);
		d[i].text = strdup(names[i].name);
		d[i].separators = strdup("+");
		d[i].case_sensitive = names[i].exact;
		d[i].where = strdup("");
	}
	return (c);
}

void
rig_begin(void)
{
	char	 path[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	log_level(LOG_LEVEL_ERROR);
	base = event_base_new();
	if (mkdtemp(dir) == NULL || base == NULL)
		abort();
	atexit(clean);
	snprintf(path, sizeof(path), "%s/auth", dir);
	if (mkdir(path, 0700) == -1)
		abort();
	rig_conf = make_conf();
	/* without a change of directory: others may read files by name */
	if (auth_init(path, 0, 0) == -1 || auth_ops.start() == -1)
		abort();
	rig_link(ROLE_CONTROL, 0);
}

void
rig_end_all(void)
{
	int	 r, i;

	for (r = 0; r < ROLE_COUNT; r++)
		for (i = 0; i < INSTANCES; i++)
			rig_unlink((enum role)r, (unsigned)i);
	codec_free(&c_ctl_page, &rig_page);
	buf_free(&answer);
	buf_free(&session_octets);
	buf_free(&end_octets);
	if (rig_session_fd != -1)
		close(rig_session_fd);
	userdb_close(&auth.db);
}
