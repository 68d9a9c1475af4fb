/*
 * The session of sendmail(8) with a submission server, or with the suite on
 * this machine through its socket.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "dns.h"
#include "io.h"
#include "letterctl/sendmail.h"
#include "tlsctx.h"

#define CONNECT_WAIT	30	/* seconds for each address */
#define HANDSHAKE_WAIT	60
#define ADDRESSES	8	/* of a server that are tried */
#define WRITE_WAIT	300	/* for some of the output to leave */
#define OUT_HIGH	65536

struct session {
	struct sendmail_conf		*conf;
	struct smtpclient_message	*m;
	struct event_base		*base;
	struct io			*io;
	struct tlsctx_client		*tls;
	struct smtpclient		*c;
	struct sasl_client		*sasl;
	struct buf			*why;
	const char			*state;	/* that has its deadline */
	int				 verbose, handshake, begun, again;
	int				 told;	/* QUIT was said */
	int				 over;
	int				 rc;	/* of what is not a reply */
};

static void	 drive(struct session *);

static void
give_up(struct session *s, int rc, const char *text)
{
	if (s->why->n == 0)
		buf_addf(s->why, "%s", text);
	if (s->rc == 0)
		s->rc = rc;
	s->over = 1;
}

/* ---- connecting ----------------------------------------------------------- */

static int
connect_to(const struct sockaddr *sa, socklen_t len)
{
	struct pollfd	 p;
	socklen_t	 n = sizeof(int);
	int		 e = 0;

	p.fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (p.fd == -1)
		return (-1);
	p.events = POLLOUT;
	if (connect(p.fd, sa, len) == 0)
		return (p.fd);
	if (errno != EINPROGRESS)
		e = errno;
	else if (poll(&p, 1, CONNECT_WAIT * 1000) != 1)
		e = ETIMEDOUT;
	else if (getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &e, &n) == -1)
		e = errno;
	if (e == 0)
		return (p.fd);
	close(p.fd);
	errno = e;
	return (-1);
}

static int
connect_local(const char *path, struct buf *why)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	int			 fd = -1;

	errno = ENAMETOOLONG;
	if (strlen(path) < sizeof(sun.sun_path)) {
		memcpy(sun.sun_path, path, strlen(path) + 1);
		fd = connect_to((struct sockaddr *)&sun, sizeof(sun));
	}
	if (fd == -1)
		buf_addf(why, "%s: %s", path, strerror(errno));
	return (fd);
}

static int
connect_server(const struct sendmail_conf *c, int *rc, struct buf *why)
{
	struct addrinfo	 hints = { .ai_socktype = SOCK_STREAM }, *all, *a;
	char		 port[8];
	int		 e, n = 0, fd = -1;

	snprintf(port, sizeof(port), "%u", (unsigned)c->port);
	if ((e = getaddrinfo(c->server, port, &hints, &all)) != 0) {
		buf_addf(why, "%s: %s", c->server, gai_strerror(e));
		*rc = e == EAI_NONAME ? EX_NOHOST : EX_TEMPFAIL;
		return (-1);
	}
	for (a = all; a != NULL && fd == -1 && n++ < ADDRESSES;
	    a = a->ai_next)
		fd = connect_to(a->ai_addr, a->ai_addrlen);
	if (fd == -1) {
		buf_addf(why, "%s port %s: %s", c->server, port,
		    strerror(errno));
		*rc = EX_TEMPFAIL;
	}
	freeaddrinfo(all);
	return (fd);
}

/* ---- login ---------------------------------------------------------------- */

static enum smtpclient_sasl_answer
refuse(struct session *s, const char *text)
{
	if (s->why->n == 0)
		buf_addf(s->why, "login: %s", text);
	s->rc = EX_NOPERM;
	return (SMTPCLIENT_SASL_ABORT);
}

/* One step of the mechanism, and the work that it wants done. */
static enum smtpclient_sasl_answer
step(struct session *s, const struct span *challenge, struct buf *out)
{
	struct sasl_reply	 r;
	enum sasl_step		 st = sasl_client_step(s->sasl, challenge, &r);

	while (st == SASL_STEP_WORK) {
		sasl_client_work(s->sasl);
		st = sasl_client_step(s->sasl, NULL, &r);
	}
	if (st != SASL_STEP_MORE)
		return (refuse(s, sasl_client_error(s->sasl)));
	buf_add_span(out, r.data);
	return (challenge == NULL && r.present && r.data.n == 0 ?
	    SMTPCLIENT_SASL_SEND_EMPTY : SMTPCLIENT_SASL_SEND);
}

static enum smtpclient_sasl_answer
offer(struct session *s, struct span data, struct buf *mech, struct buf *out)
{
	const struct sendmail_conf	*c = s->conf;
	const enum sasl_mech		*order = c->nmechs > 0 ? c->mechs : NULL;
	struct sasl_login		 who = { 0 };
	struct tlsctx_facts		 f;
	uint32_t			 offered = sasl_mechs_parse(data);
	enum sasl_mech			 m;

	tlsctx_facts(s->io, &f);
	if (c->user != NULL)
		who.user = span_str(c->user);
	who.password = span_buf(&c->password);
	who.tls = io_tls(s->io) != NULL;
	who.trusted = who.tls && c->verify;
	who.cleartext = !c->verify || c->tls == SMTPCLIENT_TLS_OFF;
	who.key = c->cert.n > 0 && who.tls;
	if (who.key)
		who.authzid = who.user;
	who.bindings.data[SCRAM_TLS_EXPORTER] = span_of(f.exporter,
	    f.exporter_n);
	who.bindings.data[SCRAM_TLS_UNIQUE] = span_of(f.unique, f.unique_n);
	who.bindings.data[SCRAM_TLS_SERVER_END_POINT] = span_of(f.end_point,
	    f.end_point_n);
	m = sasl_choose(&who, offered, order, c->nmechs, SASL_MECHS);
	if (m == SASL_MECHS)
		return (refuse(s, who.key ? "the server does not know the key "
		    "(it offers no EXTERNAL)" : "the server offers no "
		    "mechanism that will do"));
	s->sasl = sasl_client_new(m, &who, sasl_missed_plus(&who, m, offered,
	    order, c->nmechs));
	if (s->sasl == NULL)
		return (refuse(s, "this user or password cannot be sent"));
	buf_adds(mech, sasl_mech_names[m]);
	return (step(s, NULL, out));
}

static enum smtpclient_sasl_answer
on_sasl(void *arg, enum smtpclient_sasl_event what, struct span data,
    struct buf *mech, struct buf *out)
{
	struct session	*s = arg;

	switch (what) {
	case SMTPCLIENT_SASL_OFFER:
		return (offer(s, data, mech, out));
	case SMTPCLIENT_SASL_CHALLENGE:
		return (step(s, &data, out));
	case SMTPCLIENT_SASL_DONE:
		if (data.n > 0 && step(s, &data, out) ==
		    SMTPCLIENT_SASL_ABORT)
			return (SMTPCLIENT_SASL_ABORT);
		buf_reset(out);
		if (sasl_client_success(s->sasl) == -1)
			return (refuse(s, sasl_client_error(s->sasl)));
		break;
	case SMTPCLIENT_SASL_REFUSED:
		s->rc = EX_NOPERM;
		break;
	}
	return (SMTPCLIENT_SASL_SEND);
}

/* ---- the session ------------------------------------------------------------ */

static void
trace(void *arg, int sent, struct span line)
{
	struct session	*s = arg;
	struct buf	 b = { .max = 4096 };

	if (!s->verbose)
		return;
	buf_add_escaped(&b, line);
	fprintf(stderr, "%s %s\n", sent ? ">>>" : "<<<", buf_cstr(&b));
	buf_free(&b);
}

static void
start_tls(struct session *s)
{
	const char	*name = s->conf->server;
	struct dns_addr	 a;
	struct tls	*t = tlsctx_client_tls(s->tls);

	/* No name to ask for in an address, RFC 6066 section 3. */
	if (dns_addr_parse(span_str(name), &a) == 0)
		name = NULL;
	if (t == NULL || io_tls_client(s->io, t, name) == -1) {
		give_up(s, EX_TEMPFAIL, "TLS cannot begin");
		return;
	}
	s->handshake = 1;
	io_deadline(s->io, HANDSHAKE_WAIT);
}

static void
tls_done(struct session *s)
{
	struct buf	 why = { .max = 256 };

	s->handshake = 0;
	if (s->conf->verify && tlsctx_verify_name(s->tls, s->io,
	    s->conf->server, &why) == -1) {
		buf_addf(s->why, "the server's certificate: %s",
		    buf_cstr(&why));
		give_up(s, EX_TEMPFAIL, "");
	} else {
		if (s->conf->tls != SMTPCLIENT_TLS_IMPLICIT)
			smtpclient_tls_done(s->c);
		drive(s);
	}
	buf_free(&why);
}

static void
ready(struct session *s)
{
	uint64_t	 max = smtpclient_size_max(s->c);

	if (!s->begun && max > 0 && s->m->size > max) {
		buf_addf(s->why, "the message has %llu octets, and the server "
		    "takes %llu", (unsigned long long)s->m->size,
		    (unsigned long long)max);
		s->rc = EX_DATAERR;
		s->told = 1;
		smtpclient_quit(s->c);
	} else if (!s->begun) {
		s->begun = 1;
		smtpclient_send(s->c, s->m);
	} else {
		s->told = 1;
		smtpclient_quit(s->c);
	}
	s->again = 1;
}

/* One step, and what follows from it. */
static void
drive(struct session *s)
{
	struct span		 in;
	size_t			 n;
	enum smtpclient_want	 want;

	do {
		s->again = 0;
		in = io_in(s->io);
		n = in.n;
		want = smtpclient_step(s->c, &in, io_out(s->io));
		io_drain(s->io, n);
		if (io_outlen(s->io) > 0)
			io_kick(s->io);
		if (want == SMTPCLIENT_READY)
			ready(s);
		else if (want == SMTPCLIENT_AGAIN)
			s->again = 1;
	} while (s->again);
	if (want == SMTPCLIENT_TLS_NOW)
		start_tls(s);
	else if (want == SMTPCLIENT_END || want == SMTPCLIENT_FAILED)
		s->over = 1;
	else if (want == SMTPCLIENT_WRITE)
		io_deadline(s->io, WRITE_WAIT);
	else if (n > 0 || s->state != smtpclient_state(s->c))
		io_deadline(s->io, smtpclient_patience(s->c));
	s->state = smtpclient_state(s->c);
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct session	*s = arg;
	const char	*text = "the server closed the connection";

	switch (what) {
	case IO_DATA:
	case IO_LOWAT:
		if (!s->handshake && !s->over)
			drive(s);
		return;
	case IO_TLS:
		tls_done(s);
		return;
	case IO_EOF:
		break;
	case IO_ERROR:
		text = io_error(io);
		break;
	case IO_TIMEOUT:
		text = "the server does not answer in time";
		break;
	}
	if (s->told) {		/* all was said before */
		s->over = 1;
		return;
	}
	smtpclient_abort(s->c, "4.4.2", text);
	give_up(s, EX_TEMPFAIL, text);
}

/* ---- what became of it ----------------------------------------------------- */

/* A reply in terms of sysexits.h. */
static int
status(const struct smtpclient_result *r)
{
	if (r->outcome == SMTPCLIENT_TEMP)
		return (EX_TEMPFAIL);
	if (strncmp(r->enhanced, "5.1.", 4) == 0)
		return (EX_NOUSER);
	if (strncmp(r->enhanced, "5.7.", 4) == 0)
		return (EX_NOPERM);
	if (strncmp(r->enhanced, "5.6.", 4) == 0 ||
	    strcmp(r->enhanced, "5.3.4") == 0)
		return (EX_DATAERR);
	return (EX_UNAVAILABLE);
}

static void
say(struct buf *why, struct span who, const struct smtpclient_result *r)
{
	if (why->n > 0)
		buf_adds(why, "; ");
	if (who.n > 0) {
		buf_add_escaped(why, who);
		buf_adds(why, ": ");
	}
	if (r->code != 0)
		buf_addf(why, "%u ", r->code);
	buf_addf(why, "%s %s", r->enhanced, r->text == NULL ? "" : r->text);
}

/* The worst that happened; one that may pass over others that may not. */
static int
judge(struct session *s)
{
	static const int	 failures[] = {
		[SMTPCLIENT_FAIL_TLS] = EX_TEMPFAIL,
		[SMTPCLIENT_FAIL_AUTH] = EX_NOPERM,
		[SMTPCLIENT_FAIL_PROTOCOL] = EX_PROTOCOL,
		[SMTPCLIENT_FAIL_LOCAL] = EX_OSERR,
	};
	const struct smtpclient_result	*r;
	enum smtpclient_failure		 f = smtpclient_failure(s->c);
	size_t				 i, bad = 0;
	int				 rc = s->rc;

	for (i = 0; i < s->m->nrcpts; i++) {
		r = &s->m->rcpts[i].result;
		if (r->outcome == SMTPCLIENT_OK)
			continue;
		if (r->outcome == SMTPCLIENT_PENDING || bad++ >= 3)
			continue;
		say(s->why, s->m->rcpts[i].address, r);
		if (rc == 0)
			rc = status(r);
	}
	for (i = 0; i < s->m->nrcpts; i++)
		if (s->m->rcpts[i].result.outcome != SMTPCLIENT_OK)
			break;
	if (i == s->m->nrcpts)
		return (0);	/* whatever happened afterwards */
	if (f != SMTPCLIENT_NO_FAILURE && bad == 0) {
		r = smtpclient_error(s->c);
		if (s->why->n == 0 || r->code != 0)
			say(s->why, span_str(""), r);
		if (rc == 0 && (size_t)f < nitems(failures))
			rc = failures[f];
		if (rc == 0)
			rc = status(r);
	}
	return (rc != 0 ? rc : EX_TEMPFAIL);
}

static int
prepare(struct session *s)
{
	struct smtpclient_settings	 set = { .out_high = OUT_HIGH,
					    .trace = trace, .arg = s };
	struct buf			 none = { .max = 256 };
	int				 fd, rc = EX_TEMPFAIL;

	set.hostname = s->conf->hostname;
	set.tls = SMTPCLIENT_TLS_OFF;
	if (s->conf->server != NULL) {
		set.tls = s->conf->tls;
		set.sasl = on_sasl;
		set.sasl_in_clear = s->conf->tls == SMTPCLIENT_TLS_OFF;
		s->tls = tlsctx_client_new(s->conf->ca, &none);
		buf_free(&none);
		if (s->tls != NULL && s->conf->cert.n > 0 &&
		    tlsctx_client_key(s->tls, span_buf(&s->conf->cert),
		    span_buf(&s->conf->key), s->why) == -1)
			return (EX_CONFIG);
		fd = connect_server(s->conf, &rc, s->why);
	} else
		fd = connect_local(s->conf->socket, s->why);
	if (fd == -1)
		return (rc);
	s->base = event_base_new();
	if (s->base == NULL || (s->io = io_new(s->base, fd, on_io, s)) == NULL ||
	    (s->c = smtpclient_new(&set)) == NULL ||
	    (s->conf->server != NULL && s->tls == NULL)) {
		if (s->io == NULL)
			close(fd);
		buf_adds(s->why, "no memory");
		return (EX_OSERR);
	}
	io_lowat(s->io, OUT_HIGH / 2);
	return (0);
}

int
sendmail_send(struct sendmail_conf *conf, struct smtpclient_message *m,
    int verbose, struct buf *why)
{
	struct session	 s = { .conf = conf, .m = m, .why = why,
			    .verbose = verbose };
	int		 rc;

	if ((rc = prepare(&s)) == 0) {
		if (conf->server != NULL &&
		    conf->tls == SMTPCLIENT_TLS_IMPLICIT)
			start_tls(&s);
		else
			drive(&s);
		while (!s.over && event_base_loop(s.base, EVLOOP_ONCE) == 0)
			continue;
		rc = judge(&s);
	}
	if (s.io != NULL) {
		/* Let the QUIT out; it sees to its end by itself. */
		io_finish(s.io);
		(void)event_base_dispatch(s.base);
	}
	sasl_client_free(s.sasl);
	smtpclient_free(s.c);
	tlsctx_client_free(s.tls);
	if (s.base != NULL)
		event_base_free(s.base);
	return (rc);
}
