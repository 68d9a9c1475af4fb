/*
 * What is said through a connection of a relay worker: TLS, then one message
 * after another, until none waits.  Where TLS is only opportunistic and its
 * handshake fails, the same address is tried again in clear.
 */
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "log.h"
#include "proc.h"
#include "queued/relay_conn.h"
#include "tlsctx.h"

static void	 start_tls(struct conn *);
static void	 tls_done(struct conn *);
static void	 tls_failed(struct conn *, const char *);
static void	 on_io(struct io *, enum io_event, void *);
static void	 set_deadline(struct conn *, int, enum smtpclient_want);
static void	 ready(struct conn *);
static void	 complete(struct conn *, const struct relay_result *);
static const char	*security(const struct conn *);
static int	 other_family(struct conn *);
static void	 say_quit(struct conn *);
static void	 refusal(struct conn *, enum smtpclient_failure,
		    const struct smtpclient_result *);
static void	 failed(struct conn *);
static void	 trace(void *, int, struct span);

static void
trace(void *arg, int sent, struct span line)
{
	struct conn	*c = arg;

	if (log_enabled(LOG_LEVEL_DEBUG))
		log_debug("%s %s %s", c->where, sent ? ">" : "<",
		    log_esc(line));
}

void
conn_session(struct conn *c, int fd)
{
	static const enum smtpclient_tls	 modes[] = {
		[TLS_OFF] = SMTPCLIENT_TLS_OFF,
		[TLS_OPTIONAL] = SMTPCLIENT_TLS_OPTIONAL,
		[TLS_REQUIRED] = SMTPCLIENT_TLS_REQUIRED,
		[TLS_IMPLICIT] = SMTPCLIENT_TLS_IMPLICIT,
	};
	const struct conf_transport	*t = c->dest->t;
	struct smtpclient_settings	 set = { .rcpts = t->recipients,
					    .out_high = RELAY_QUEUE,
					    .trace = trace, .arg = c };

	if (TRANSPORT_LOGIN(t)) {
		set.sasl = login_sasl;
		set.sasl_in_clear = t->tls == TLS_OFF;
	}
	set.lmtp = t->kind == TRANSPORT_LMTP;
	set.hostname = *t->helo != '\0' ? t->helo : c->dest->conf->hostname;
	set.tls = c->clear ? SMTPCLIENT_TLS_OFF : modes[c->policy.mode];
	if ((c->io = io_new(proc_base(), fd, on_io, c)) == NULL ||
	    (c->c = smtpclient_new(&set)) == NULL) {
		conn_dial_failed(c, "no memory");
		conn_next_candidate(c);
		return;
	}
	io_lowat(c->io, RELAY_QUEUE / 2);
	c->state = NULL;
	c->shown = 0;
	if (t->kind == TRANSPORT_SOCKS)
		proxy_begin(c);
	else if (c->policy.mode == TLS_IMPLICIT)
		start_tls(c);
	else
		conn_drive(c);
}

static void
start_tls(struct conn *c)
{
	const char	*name = conn_host(c);
	struct dns_addr	 a;
	struct tls	*tls;

	/* The name that its TLSA records are at, RFC 7671 section 3; where its
	 * own is to be verified too, that one. */
	if (c->policy.dane && !c->policy.verify)
		name = tlsa_base_name(c->place.tlsa,
		    c->place.candidates[c->at].host);
	/* No name to ask for in an address, RFC 6066 section 3. */
	if (dns_addr_parse(span_str(name), &a) == 0 || *name == '[')
		name = NULL;
	if ((tls = tlsctx_client_tls(relay.tls)) == NULL ||
	    io_tls_client(c->io, tls, name) == -1 ||
	    tlsctx_client_present(relay.tls, c->io) == -1) {
		tls_failed(c, "it cannot begin");
		return;
	}
	c->handshake = 1;
	io_deadline(c->io, RELAY_HANDSHAKE);
}

static void
tls_done(struct conn *c)
{
	struct tlsctx_facts	 f;
	struct buf		 why = { .max = 256 };
	char			 name[DNS_HOST_MAX + 1];
	struct dns_addr		 a;

	c->handshake = 0;
	tlsctx_facts(c->io, &f);
	c->shown = f.shown;
	c->heard = 0;
	snprintf(name, sizeof(name), "%s", conn_host(c));
	if (dns_addr_literal(span_str(name), &a) == 0)
		(void)dns_addr_text(&a, name);
	if ((c->policy.verify &&
	    tlsctx_verify_name(relay.tls, c->io, name, &why) == -1) ||
	    (c->policy.dane && tlsa_verify(c->place.tlsa,
	    c->place.candidates[c->at].host, name, c->dest->name, c->io,
	    &why) == -1)) {
		tls_failed(c, buf_cstr(&why));
		buf_free(&why);
		return;
	}
	buf_free(&why);
	snprintf(c->tls, sizeof(c->tls), "%s %s %s", f.version, f.cipher,
	    c->policy.how);
	c->state = NULL;
	if (c->policy.mode != TLS_IMPLICIT)
		smtpclient_tls_done(c->c);
	conn_drive(c);
}

static void
tls_failed(struct conn *c, const char *why)
{
	relay_result(&c->why, RESULT_TEMP, 0, "4.7.5", "TLS with %s: %s",
	    c->where, why);
	if (!c->policy.fallback || c->clear) {
		conn_next_candidate(c);
		return;
	}
	log_info("%s; again in clear", c->why.text);
	conn_down(c);
	c->clear = 1;
	if (conn_dial(c) == -1)
		conn_next_candidate(c);
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct conn	*c = arg;

	switch (what) {
	case IO_DATA:
	case IO_LOWAT:
		if (!c->handshake)
			conn_drive(c);
		break;
	case IO_TLS:
		tls_done(c);
		break;
	case IO_EOF:
		conn_lost(c, "the server closed the connection");
		break;
	case IO_ERROR:
		conn_lost(c, io_error(io));
		break;
	case IO_TIMEOUT:
		if (conn_idle(c))
			conn_quit(c);
		else
			conn_lost(c, "the server does not answer in time");
		break;
	}
}

/* The connection is no use any more. */
void
conn_lost(struct conn *c, const char *why)
{
	struct buf	 text = { .max = 512 };

	if (c->proxying) {
		proxy_failed(c, why);
		return;
	}
	/* In TLS 1.3 what it thinks of our certificate comes afterwards. */
	if (c->handshake || (c->shown && !c->heard)) {
		if (tlsctx_client_shows(relay.tls))
			log_error("transport %s: %s may not like our "
			    "certificate: %s", c->dest->t->name, c->where,
			    why);
		tls_failed(c, why);
		return;
	}
	buf_addf(&text, "%s: %s (%s)", c->where, why, smtpclient_state(c->c));
	smtpclient_abort(c->c, "4.4.2", buf_cstr(&text));
	buf_free(&text);
	failed(c);
}

static void
set_deadline(struct conn *c, int line, enum smtpclient_want want)
{
	const char	*state = smtpclient_state(c->c);

	if (want == SMTPCLIENT_WRITE)
		io_deadline(c->io, RELAY_QUEUE / RELAY_RATE);
	else if (line || state != c->state)
		io_deadline(c->io, smtpclient_patience(c->c));
	c->state = state;
}

/* Go on with what arrived or drained; c may be gone afterwards. */
void
conn_drive(struct conn *c)
{
	struct span		 in = io_in(c->io);
	size_t			 n = in.n;
	int			 line = span_find(in, '\n') != -1;
	enum smtpclient_want	 want;

	if (c->proxying) {
		proxy_drive(c);
		return;
	}
	c->heard |= line;
	want = smtpclient_step(c->c, &in, io_out(c->io));
	io_drain(c->io, n);
	if (io_outlen(c->io) > 0)
		io_kick(c->io);
	set_deadline(c, line, want);
	switch (want) {
	case SMTPCLIENT_READ:
	case SMTPCLIENT_WRITE:
		break;
	case SMTPCLIENT_AGAIN:
		event_active(c->ev, EV_TIMEOUT, 0);
		break;
	case SMTPCLIENT_TLS_NOW:
		start_tls(c);
		break;
	case SMTPCLIENT_READY:
		ready(c);
		break;
	case SMTPCLIENT_SASL:
		break;
	case SMTPCLIENT_END:
	case SMTPCLIENT_FAILED:
		failed(c);
		break;
	}
}

/* How the session was secured, or why it was not. */
static const char *
security(const struct conn *c)
{
	if (c->tls[0] != '\0')
		return (c->tls);
	if (c->clear)
		return ("clear: TLS failed");
	if (c->policy.mode == TLS_OFF)
		return ("clear: tls off");
	if (c->c == NULL || smtpclient_extensions(c->c) == 0)
		return ("");		/* it did not come to that */
	return ((smtpclient_extensions(c->c) & SMTPCLIENT_STARTTLS) != 0 ?
	    "clear: STARTTLS was refused" : "clear: no STARTTLS offered");
}

/* Results are in the message, or why stands for those that are missing. */
static void
complete(struct conn *c, const struct relay_result *why)
{
	struct relay_facts	 f = { 0 };
	struct delivery		*d = c->d;

	f.host = conn_host(c);
	f.address = c->address;
	f.tls = security(c);
	f.dsn = c->c != NULL &&
	    (smtpclient_extensions(c->c) & SMTPCLIENT_DSN) != 0;
	c->d = NULL;
	c->begun = 0;
	delivery_end(d, why, &f);
}

/*
 * Was everything refused for policy (x.7.x), which may be about the address we
 * come from?  Then the other family is tried, once, before that counts.
 */
static int
other_family(struct conn *c)
{
	const struct smtpclient_result	*r;
	struct delivery			*d = c->d;
	size_t				 i, at = c->at;
	int				 family;

	family = c->place.candidates[at].addr.family;
	for (i = 0; i < d->msg.nrcpts; i++) {
		r = c->begun ? &d->rcpts[i].result : smtpclient_error(c->c);
		if (r->outcome != SMTPCLIENT_PERM || r->code == 0 ||
		    strncmp(r->enhanced, "5.7.", 4) != 0)
			return (0);
	}
	while (++at < c->place.ncandidates &&
	    c->place.candidates[at].addr.family == family)
		continue;
	if (d->family || at >= c->place.ncandidates)
		return (0);
	d->family = 1;
	smtpclient_results_free(&d->msg);
	c->begun = 0;
	c->clear = 0;
	c->at = at;
	if (smtpclient_failure(c->c) == SMTPCLIENT_NO_FAILURE)
		say_quit(c);
	io_finish(c->io);
	c->io = NULL;
	conn_down(c);
	conn_try(c);
	return (1);
}

/* A message is over, or the first one may begin. */
static void
ready(struct conn *c)
{
	if (c->d != NULL && c->begun && other_family(c))
		return;
	if (c->d != NULL && c->begun) {
		complete(c, NULL);
		c->messages++;
		if (relay.stopping || !smtpclient_more(c->c) ||
		    c->dest->conf != proc_conf() ||
		    c->messages >= RELAY_MESSAGES ||
		    proc_now_ms() - c->born > RELAY_REUSE * 1000u) {
			conn_quit(c);
			return;
		}
		c->d = dest_next(c->dest);
	}
	if (c->d == NULL) {
		io_deadline(c->io, RELAY_KEEP);
		dest_idle(c->dest);
		return;
	}
	if (c->dest->requiretls == REQUIRETLS_ALL && (smtpclient_extensions(c->c) &
	    SMTPCLIENT_REQUIRETLS) == 0) {
		say_quit(c);
		io_finish(c->io);
		c->io = NULL;
		conn_weak(c);
		return;
	}
	c->begun = 1;
	smtpclient_send(c->c, &c->d->msg);
	/* In a turn of its own: many refused at once are no recursion. */
	event_active(c->ev, EV_TIMEOUT, 0);
}

void
conn_give(struct conn *c, struct delivery *d)
{
	c->d = d;
	ready(c);
}

static void
say_quit(struct conn *c)
{
	struct span	 none = span_of(NULL, 0);

	smtpclient_quit(c->c);
	(void)smtpclient_step(c->c, &none, io_out(c->io));
}

void
conn_quit(struct conn *c)
{
	say_quit(c);
	io_finish(c->io);
	c->io = NULL;
	conn_free(c);
}

/* Why a server took no session.  That TLS is missing, or that a login is wrong,
 * may change: never for good, whatever code it says so with. */
static void
refusal(struct conn *c, enum smtpclient_failure f,
    const struct smtpclient_result *r)
{
	const char	*text = r->text == NULL ? "" : r->text;

	if (f == SMTPCLIENT_FAIL_AUTH) {
		relay_result(&c->why, RESULT_TEMP, r->code, "4.7.8",
		    "login to %s: %s", c->where, c->login_why[0] != '\0' ?
		    c->login_why : text);
		log_error("transport %s: login to %s refused%s%s: %s",
		    c->dest->t->name, c->where, *c->mech == '\0' ? "" :
		    " by ", c->mech, c->login_why[0] != '\0' ? c->login_why :
		    log_escs(text));
	} else if (c->login_open) {	/* in the middle of it */
		relay_result(&c->why, RESULT_TEMP, r->code, r->enhanced, "%s",
		    text);
		log_error("transport %s: login to %s by %s came to no end: %s",
		    c->dest->t->name, c->where, c->mech, log_escs(text));
	} else if (f == SMTPCLIENT_FAIL_TLS && r->code != 0)
		relay_result(&c->why, RESULT_TEMP, 0, "4.7.5",
		    "TLS with %s is refused: %u %s", c->where, r->code, text);
	else if (c->shown && strncmp(r->enhanced + 1, ".7.", 3) == 0) {
		relay_result(&c->why, RESULT_TEMP, r->code, "4.7.8", "%s",
		    text);
		log_error("transport %s: %s does not like our certificate: "
		    "%u %s", c->dest->t->name, c->where, r->code,
		    log_escs(text));
	} else
		relay_result(&c->why, r->outcome == SMTPCLIENT_PERM ?
		    RESULT_NO : RESULT_TEMP, r->code, r->enhanced, "%s", text);
}

/* The session failed; its message may still have another chance. */
static void
failed(struct conn *c)
{
	const struct smtpclient_result	*r = smtpclient_error(c->c);
	enum smtpclient_failure		 f = smtpclient_failure(c->c);
	struct delivery			*d = c->d;

	if (d == NULL) {
		conn_free(c);
		return;
	}
	if (c->begun) {
		/* Kept, and closed at the very moment: a new one. */
		if (c->messages > 0 && d->again == 0 &&
		    f == SMTPCLIENT_FAIL_CLOSED &&
		    !smtpclient_answered(c->c)) {
			d->again = 1;
			smtpclient_results_free(&d->msg);
			TAILQ_INSERT_HEAD(&c->dest->waiting, d, entry);
			c->d = NULL;
		} else
			complete(c, NULL);
		conn_free(c);
		return;
	}
	refusal(c, f, r);
	if (f == SMTPCLIENT_FAIL_AUTH)	/* elsewhere it would be the same */
		c->at = c->place.ncandidates;
	if (c->why.result == RESULT_NO && other_family(c))
		return;
	/* Let the QUIT out. */
	io_finish(c->io);
	c->io = NULL;
	if (c->why.result == RESULT_NO) {
		complete(c, &c->why);
		conn_free(c);
	} else
		conn_next_candidate(c);
}
