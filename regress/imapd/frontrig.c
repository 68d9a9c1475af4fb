/*
 * See frontrig.h.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doors.h"
#include "frontrig.h"
#include "imapd/front.h"
#include "log.h"
#include "proc.h"
#include "sasl.h"
#include "tlsctx.h"

#define CALM	3	/* turns without anything new: nothing is left to do */
#define TURNS	20000	/* that is too many */

struct frontrig	 rig;

static struct event_base	*base;
static struct conf		*conf;
static door_fn			 door;
static struct peer		*link_, *end_;	/* the front's end and auth's */
static int			 client = -1, session = -1, deaf;
static int			 links[2];	/* sockets of link_ and end_ */
static struct buf		 tag;

/* The connection's socket, as the front has it. */
static struct io		*io;
static io_fn			 io_fn_;
static void			*io_arg;
static const char		 ctx[1];	/* stands for a TLS context */

struct io	*__real_io_new(struct event_base *, int, io_fn, void *);
void		 __real_io_free(struct io *);
void		 __real_io_finish(struct io *);
int		 __real_io_release(struct io *);
void		 __real_io_set(struct io *, io_fn, void *);
struct io	*__wrap_io_new(struct event_base *, int, io_fn, void *);
void		 __wrap_io_free(struct io *);
void		 __wrap_io_finish(struct io *);
int		 __wrap_io_release(struct io *);
void		 __wrap_io_set(struct io *, io_fn, void *);
int		 __wrap_io_tls_server(struct io *, struct tlsctx *);

/* ---- in place of proc.c and doors.c ------------------------------------------- */

struct event_base *
proc_base(void)
{
	return (base);
}

const struct conf *
proc_conf(void)
{
	return (conf);
}

struct peer *
proc_peer(enum role role, unsigned inst)
{
	return (role == ROLE_AUTH && inst == 0 ? link_ : NULL);
}

uint64_t
proc_now_ms(void)
{
	return (1000000000 + rig.later);	/* it stands still */
}

void
proc_exit(int status)
{
	exit(status);
}

int
doors_prepare(const struct conf *c, unsigned kinds, struct buf *why)
{
	(void)c;
	(void)kinds;
	(void)why;
	return (0);
}

void
doors_cancel(void)
{
}

void
doors_open(door_fn fn)
{
	door = fn;
}

void
doors_close(void)
{
}

/* ---- the connection's socket, and TLS ------------------------------------------- */

/* The first is the client's, the other one that to the store. */
struct io *
__wrap_io_new(struct event_base *b, int fd, io_fn fn, void *arg)
{
	struct io	*new = __real_io_new(b, fd, fn, arg);

	if (io == NULL && !rig.over) {
		io = new;
		io_fn_ = fn;
		io_arg = arg;
	}
	return (new);
}

static void
let_go(const struct io *old)
{
	if (old == NULL || old != io)
		return;
	io = NULL;
	rig.over = 1;
}

void
__wrap_io_free(struct io *old)
{
	let_go(old);
	__real_io_free(old);
}

void
__wrap_io_finish(struct io *old)
{
	let_go(old);
	__real_io_finish(old);
}

int
__wrap_io_release(struct io *old)
{
	int	 fd = __real_io_release(old);

	if (fd != -1)
		let_go(old);
	return (fd);
}

void
__wrap_io_set(struct io *of, io_fn fn, void *arg)
{
	if (of == io) {
		io_fn_ = fn;
		io_arg = arg;
	}
	__real_io_set(of, fn, arg);
}

struct tlsctx *
tlsctx_ref(struct tlsctx *t)
{
	return (t);
}

void
tlsctx_unref(struct tlsctx *t)
{
	(void)t;
}

void
tlsctx_forget(const struct io *of)
{
	(void)of;
}

void
tlsctx_facts(const struct io *of, struct tlsctx_facts *f)
{
	(void)of;
	memset(f, 0, sizeof(*f));
	f->version = "TLSv1.3";
	f->cipher = f->sni = "";
	f->has_key = rig.shows_key;
	f->exporter_n = rig.binds ? 32 : 0;
}

static void
handshake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (io == NULL || io != arg)
		return;
	rig.tls = !rig.broken_tls;
	io_fn_(io, rig.broken_tls ? IO_ERROR : IO_TLS, io_arg);
}

/* What is in the socket already is no handshake. */
int
__wrap_io_tls_server(struct io *of, struct tlsctx *t)
{
	static const struct timeval	 soon = { 0, 0 };
	int				 n = 0;

	if (of != io || t == NULL || rig.tls)
		abort();
	if (io_in(io).n > 0)
		return (-1);
	if (ioctl(io_fd(io), FIONREAD, &n) == -1 || n > 0)
		rig.broken_tls = 1;
	rig.starttls = rig.listener->tls != TLS_IMPLICIT;
	return (event_base_once(base, -1, EV_TIMEOUT, handshake, io, &soon));
}

/* ---- auth ------------------------------------------------------------------------- */

static void
keep(struct buf *b, struct span s)
{
	buf_reset(b);
	buf_add_span(b, s);
}

static int
on_open(struct peer *p, struct imsg *m)
{
	struct msg_conn_opened	 r = { .allowed = !rig.unwanted };
	struct msg_number	 n;

	if (imsg_get(m, &c_number, &n) == -1)
		abort();
	close(m->fd);
	m->fd = -1;
	r.conn = n.number + rig.lies;
	r.remote = span_str("192.0.2.1");
	r.text = span_str(rig.unwanted > 1 ? "not\r\nhere" : "");
	rig.opened++;
	if (!rig.silent)
		(void)peer_reply(p, M_CONN_OPEN, m->id, &c_conn_opened, &r,
		    -1);
	return (0);
}

static int
on_tls(struct peer *p, struct imsg *m)
{
	struct msg_conn_tls	 t;

	(void)p;
	if (imsg_get(m, &c_conn_tls, &t) == -1 || !rig.tls)
		abort();
	return (0);
}

static int
on_key(struct peer *p, struct imsg *m)
{
	struct msg_conn_identity	 r = { .identity = rig.identity };
	struct msg_conn_key		 k;

	if (imsg_get(m, &c_conn_key, &k) == -1 || !rig.shows_key)
		abort();
	r.conn = k.conn + rig.lies;
	if (!rig.silent)
		(void)peer_reply(p, M_CONN_KEY, m->id, &c_conn_identity, &r,
		    -1);
	return (0);
}

static int
on_closed(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;

	(void)p;
	if (imsg_get(m, &c_number, &n) == -1)
		abort();
	rig.closed++;
	return (0);
}

/* The store's answer, and whatever it sends later. */
static void
let_in(uint8_t preauth)
{
	struct buf	 b = { 0 };

	rig.in = 1;
	buf_addf(&b, "%s %s\r\n", preauth ? "*" : buf_cstr(&tag), preauth ?
	    "PREAUTH here" : "OK Logged in");
	frontrig_store(b.p, b.n);
	buf_free(&b);
}

/* The next of what it was told to say. */
static void
outcome(struct peer *p, struct imsg *m, uint32_t type, uint64_t conn,
    uint8_t preauth)
{
	struct msg_sasl	 r = { .conn = conn + rig.lies,
			    .outcome = SASL_BAD_CREDENTIALS };
	uint8_t		 o;

	if (rig.silent)
		return;
	if (rig.outcomes.n > 0) {
		o = rig.outcomes.p[0];
		buf_drain(&rig.outcomes, 1);
		r.outcome = (o & 15) % (SASL_TOO_MANY + 1);
		r.delay_ms = (o & 0x10) != 0 && r.outcome != SASL_OK &&
		    r.outcome != SASL_MORE ? 60000 : 0;
	}
	if (r.outcome == SASL_MORE)
		r.data = span_str("a challenge");
	if (r.outcome == SASL_DISABLED && (o & 0x20) != 0)
		r.text = span_str("not\r\ntoday");
	if (r.outcome == SASL_OK) {
		if (session == -1)
			r.outcome = SASL_UNAVAILABLE;
		else
			let_in(preauth);
	} else if (r.outcome != SASL_MORE && session != -1) {
		close(session);
		session = -1;
	}
	(void)peer_reply(p, type, m->id, &c_sasl, &r, -1);
}

static int
on_start(struct peer *p, struct imsg *m)
{
	struct msg_sasl_start	 s;

	if (imsg_get(m, &c_sasl_start, &s) == -1 || m->fd == -1)
		abort();
	/* The rules that keep a password out of a clear connection. */
	if (!rig.tls && (s.login_command || span_caseeqs(s.mech, "PLAIN") ||
	    span_caseeqs(s.mech, "LOGIN")) && (!rig.listener->cleartext_auth ||
	    rig.listener->tls == TLS_REQUIRED))
		abort();
	if (s.plain_socket != !rig.tls || (s.certificate && !rig.tls))
		abort();
	if (session != -1)
		close(session);
	session = m->fd;
	m->fd = -1;
	keep(&tag, s.tag);
	keep(&rig.mech, s.mech);
	keep(&rig.initial, s.initial);
	keep(&rig.agent, s.agent);
	rig.login = s.login_command;
	rig.starts++;
	outcome(p, m, M_SASL_START, s.conn, s.certificate);
	return (0);
}

static int
on_step(struct peer *p, struct imsg *m)
{
	struct msg_sasl_step	 s;

	if (imsg_get(m, &c_sasl_step, &s) == -1)
		abort();
	rig.steps++;
	outcome(p, m, M_SASL_STEP, s.conn, 0);
	return (0);
}

static int
on_abort(struct peer *p, struct imsg *m)
{
	struct msg_sasl		 r = { .outcome = SASL_ABORTED };
	struct msg_number	 n;

	if (imsg_get(m, &c_number, &n) == -1)
		abort();
	rig.aborts++;
	r.conn = n.number;
	if (session != -1)
		close(session);
	session = -1;
	(void)peer_reply(p, M_SASL_ABORT, m->id, &c_sasl, &r, -1);
	return (0);
}

static const struct msg_rule	 auths[] = {
	{ M_CONN_OPEN, PEER(ROLE_FRONT), MSG_BODY | MSG_FD, on_open },
	{ M_CONN_TLS, PEER(ROLE_FRONT), MSG_BODY, on_tls },
	{ M_CONN_KEY, PEER(ROLE_FRONT), MSG_BODY, on_key },
	{ M_CONN_CLOSED, PEER(ROLE_FRONT), MSG_BODY, on_closed },
	{ M_SASL_START, PEER(ROLE_FRONT), MSG_BODY | MSG_FD, on_start },
	{ M_SASL_STEP, PEER(ROLE_FRONT), MSG_BODY, on_step },
	{ M_SASL_ABORT, PEER(ROLE_FRONT), MSG_BODY, on_abort },
};

static void
down(struct peer *p, const char *why)
{
	(void)why;
	if (p == end_)
		end_ = NULL;
	if (p != link_)
		return;
	link_ = NULL;
	front_ops.link_down(p);
}

void
frontrig_auth(int there)
{
	static const struct peer_ops	 theirs = { auths, nitems(auths),
					    down };
	static const struct peer_ops	 ours = { NULL, 0, down };
	struct peer			*was;
	int				 fds[2];

	if (end_ != NULL)
		peer_free(end_);
	end_ = NULL;
	frontrig_run();			/* its link sees that */
	if ((was = link_) != NULL) {
		link_ = NULL;
		front_ops.link_down(was);
		peer_free(was);
	}
	if (there) {
		if (imsg_pair(fds) == -1)
			abort();
		memcpy(links, fds, sizeof(links));
		link_ = peer_new(base, fds[0], ROLE_AUTH, 0, &ours, NULL);
		end_ = peer_new(base, fds[1], ROLE_FRONT, 0, &theirs, NULL);
		front_ops.link_up(link_);
	}
	frontrig_run();
}

/* ---- the client and its store ------------------------------------------------------- */

static void
read_all(void)
{
	uint8_t	 room[16384];
	ssize_t	 n;

	while (client != -1 && !deaf && (n = recv(client, room, sizeof(room),
	    MSG_DONTWAIT)) > 0)
		buf_add(&rig.out, room, (size_t)n);
}

/* The store takes what comes, where it does not share the client's own socket. */
static void
drain(void)
{
	uint8_t	 room[4096];

	while (rig.in && rig.tls && session != -1 && recv(session, room,
	    sizeof(room), MSG_DONTWAIT) > 0)
		continue;
}

/* Octets that have not got where they go: on links, or from the client. */
static int
under_way(void)
{
	struct pollfd	 p[2] = { { .fd = links[0], .events = POLLIN },
			    { .fd = links[1], .events = POLLIN } };
	int		 n = 0;

	if (link_ != NULL && end_ != NULL && poll(p, 2, 0) > 0)
		return (-1);
	if (io != NULL && ioctl(io_fd(io), FIONREAD, &n) == -1)
		return (0);
	return (n);
}

void
frontrig_run(void)
{
	size_t	 got = 0;
	int	 calm = 0, left = 0, was, i;

	for (i = 0; calm < CALM; i++) {
		if (i == TURNS)
			abort();
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (io != NULL && io_outlen(io) > rig.queued)
			rig.queued = io_outlen(io);
		read_all();
		drain();
		was = left;
		left = under_way();
		calm = left == -1 || left != was || rig.out.n != got ? 0 :
		    calm + 1;
		got = rig.out.n;
	}
}

void
frontrig_connect(void)
{
	int	 fds[2], small = 4096;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		abort();
	(void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	client = fds[0];
	door(fds[1], NULL, rig.listener, rig.listener->tls == TLS_OFF ? NULL :
	    (struct tlsctx *)(uintptr_t)ctx);
	frontrig_run();
}

void
frontrig_say(const void *p, size_t n, size_t piece)
{
	const uint8_t	*q = p;
	size_t		 k;
	ssize_t		 sent;
	int		 idle = 0;

	while (n > 0 && client != -1 && idle < 3) {
		k = piece == 0 || piece > n ? n : piece;
		if ((sent = send(client, q, k, MSG_DONTWAIT | MSG_NOSIGNAL)) >
		    0) {
			q += sent;
			n -= (size_t)sent;
			idle = 0;
		} else if (errno == EAGAIN)
			idle++;
		else
			break;
		frontrig_run();
	}
	frontrig_run();
}

void
frontrig_store(const void *p, size_t n)
{
	if (session == -1 || !rig.in)
		return;
	if (send(session, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		return;
	if (n == 0) {
		close(session);
		session = -1;
	}
}

void
frontrig_late(void)
{
	if (io != NULL)
		io_fn_(io, IO_TIMEOUT, io_arg);
	frontrig_run();
}

void
frontrig_half(void)
{
	if (client != -1)
		(void)shutdown(client, SHUT_WR);
	frontrig_run();
}

void
frontrig_deaf(int on)
{
	deaf = on;
	frontrig_run();
}

void
frontrig_gone(void)
{
	if (client != -1)
		close(client);
	client = -1;
	frontrig_run();
}

void
frontrig_begin(enum conf_tls tls)
{
	if (base == NULL) {
		log_init("front");
		log_level(LOG_LEVEL_ERROR);
		if ((base = event_base_new()) == NULL ||
		    (conf = conf_new()) == NULL)
			abort();
		conf->listeners.v = calloc(1, sizeof(struct conf_listener));
		conf->listeners.n = 1;
		if (conf->listeners.v == NULL || front_ops.open() == -1 ||
		    front_ops.start() == -1)
			abort();
	}
	memset(&rig, 0, sizeof(rig));
	rig.listener = conf->listeners.v;
	rig.listener->kind = KIND_IMAP;
	rig.listener->tls = (uint8_t)tls;
	rig.listener->cleartext_auth = tls == TLS_OFF;
	rig.listener->mechs = SASL_ALL;
	rig.listener->limits.login_timeout = 180;
	if (rig.listener->hostname == NULL)
		rig.listener->hostname = strdup("mail.example");
	deaf = 0;
	frontrig_auth(1);
}

/* Who waits for auth or for a refusal's time sees only then that nobody is there. */
int
frontrig_end(void)
{
	int	 rc;

	frontrig_deaf(0);
	frontrig_gone();
	if (session != -1)
		close(session);
	session = -1;
	frontrig_auth(0);
	if (io != NULL)
		frontrig_late();
	rc = io == NULL ? 0 : -1;
	io = NULL;
	buf_free(&rig.outcomes);
	buf_free(&rig.mech);
	buf_free(&rig.initial);
	buf_free(&rig.agent);
	buf_free(&rig.out);
	buf_free(&tag);
	return (rc);
}
