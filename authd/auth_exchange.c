/*
 * SASL exchanges and vouching.  The descriptor of the session comes with the
 * first message.  When the client has proven who it is, the descriptor goes to
 * the store or to queued, together with who that is; only when that process
 * took it the client's own process hears that the login succeeded.  Whatever
 * fails looks the same from outside; the log and the log of logins know why.
 */
#include <sys/socket.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authd/auth_exchange.h"
#include "log.h"

#define DELAY_MS	500	/* of a first refusal; doubles */
#define DELAY_MAX_MS	8000

static struct exchange	*exchange_new(struct conn *, struct imsg *,
		    const struct msg_sasl_start *);
static void	 opened(struct exchange *, uint32_t, uint32_t);
static int	 session_fd(const struct exchange *, int);
static int	 facts_of(struct exchange *, enum sasl_mech,
		    struct sasl_facts *, struct buf *);
static int	 tried(const struct exchange *, struct ratelimit_key *);
static uint32_t	 delay_of(const struct exchange *);
static void	 unknown(struct peer *, uint32_t, uint32_t, uint64_t);
static void	 count_failure(const struct exchange *);
static void	 begin(struct exchange *, const struct msg_sasl_start *);
static void	 run(struct exchange *, const struct span *);
static int	 secret_of(struct exchange *, enum scram_hash,
		    struct scram_secret *);
static int	 look_up(struct exchange *);
static int	 verify(struct exchange *);

_Static_assert((int)MECH_EXTERNAL == (int)SASL_MECH_EXTERNAL &&
    (int)MECH_SCRAM_SHA_1 == (int)SASL_MECH_SCRAM_SHA_1 &&
    (int)MECH_LOGIN == (int)SASL_MECH_LOGIN &&
    (int)MECH_COUNT == (int)SASL_MECHS, "one order of mechanisms");

/* ---- answers ---------------------------------------------------------------- */

/* A request came that is to be answered once. */
static void
opened(struct exchange *x, uint32_t type, uint32_t id)
{
	x->type = type;
	x->request = id;
	x->open = 1;
	x->conn->link->nwaiting++;
}

/* Who it wants to be, as far as that is known. */
struct span
exchange_name(const struct exchange *x)
{
	return (x->sasl == NULL ? span_buf(&x->address) :
	    sasl_server_name(x->sasl));
}

/* Who was tried, whether there is such a user or not.  0, or -1: nobody. */
static int
tried(const struct exchange *x, struct ratelimit_key *k)
{
	struct canon	 c;

	if (canon_address(exchange_name(x), 0, &c) == -1)
		return (-1);
	ratelimit_name(k, canon_span(&c));
	return (0);
}

/* The more refusals of this connection, of its address, or of a name that is
 * tried from everywhere, the longer it takes. */
static uint32_t
delay_of(const struct exchange *x)
{
	const struct conn	*c = x->conn;
	struct ratelimit_key	 who;
	uint32_t		 ms = DELAY_MS, i;

	if (tried(x, &who) == 0 &&
	    !ratelimit_check(auth.failures, &who, auth_now(), 1))
		return (DELAY_MAX_MS);
	for (i = 1; i < c->failures && ms < DELAY_MAX_MS; i++)
		ms *= 2;
	if (ratelimit_count(auth.failures, &c->key, auth_now(), 0) >
	    auth.failures_limit / 2)
		ms *= 4;
	return (ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS);
}

void
exchange_answer(struct exchange *x, enum sasl_outcome what, struct span data,
    struct span text)
{
	struct conn	*c = x->conn;
	struct msg_sasl	 r = { .conn = c->number, .outcome = (uint8_t)what,
			    .data = data, .text = text };

	if (!x->open)
		return;
	if (what == SASL_OK) {
		r.account = span_str(x->account.name);
		r.address = exchange_name(x);
	} else if (what != SASL_MORE && what != SASL_ABORTED &&
	    what != SASL_UNAVAILABLE && what != SASL_DISABLED)
		r.delay_ms = delay_of(x);
	x->open = 0;
	c->link->nwaiting--;
	(void)peer_reply(c->link->peer, x->type, x->request, &c_sasl, &r, -1);
}

/* Of a connection that came before this process was started nothing is known. */
static void
unknown(struct peer *p, uint32_t type, uint32_t id, uint64_t conn)
{
	struct msg_sasl	 r = { .conn = conn };

	r.outcome = type == M_SASL_ABORT ? SASL_ABORTED : SASL_UNAVAILABLE;
	(void)peer_reply(p, type, id, &c_sasl, &r, -1);
}

void
login_note(const struct conn *c, const char *mech, const struct account *a,
    struct span address, const char *result, const char *why)
{
	char		 key[TLSKEY_TEXT + 1];
	struct login	 l = { .name = "-", .remote = c->remote,
			    .address = address, .mech = mech,
			    .result = result };

	if (a != NULL && a->id != 0) {
		l.account = a->id;
		l.name = a->name;
	}
	l.protocol = kind_name((enum conf_kind)c->listener->kind);
	l.tls = c->version == NULL ? "" : c->version;
	l.local = c->local_address;
	l.key = c->known_key ? tlskey_text(c->client_key, key) : "";
	l.agent = c->agent == NULL ? "" : c->agent;
	logins_note(&l);
	if (why == NULL)
		log_info("login from %s: %s %s account %s as %s%s%s", c->remote,
		    l.protocol, l.mech, log_escs(l.name), log_esc(l.address),
		    c->tls ? " over " : "", log_escs(l.tls));
	else
		log_info("failed login from %s: %s %s user \"%s\" %s: %s",
		    c->remote, l.protocol, l.mech, log_esc(l.address), result,
		    why);
}

void
exchange_note(const struct exchange *x, const char *result, const char *why)
{
	login_note(x->conn, x->mech, &x->account, exchange_name(x), result,
	    why);
}

/* The end of an exchange; x is gone afterwards. */
void
exchange_end(struct exchange *x, enum sasl_outcome what, const char *text)
{
	exchange_answer(x, what, span_of("", 0), span_str(text));
	exchange_free(x);
}

/* One more of its address, unless it is the same again; and of the name, by
 * which nobody is locked out. */
static void
count_failure(const struct exchange *x)
{
	struct ratelimit_key	 who;

	if (x->guessed && verify_guessed(x->guess))
		return;
	ratelimit_force(auth.failures, &x->conn->key, auth_now(), 1);
	if (tried(x, &who) == 0)
		ratelimit_force(auth.failures, &who, auth_now(), 1);
}

void
exchange_refuse(struct exchange *x, enum sasl_outcome what, const char *result,
    const char *why)
{
	struct conn	*c = x->conn;

	exchange_note(x, result, why);
	c->failures++;
	/* Who may know the password and was not asked for it is not guessing. */
	if (!x->unready)
		count_failure(x);
	exchange_end(x, what, what == SASL_DISABLED ? x->account.disabled : "");
}

/* ---- life --------------------------------------------------------------------- */

static struct exchange *
exchange_new(struct conn *c, struct imsg *m, const struct msg_sasl_start *s)
{
	struct exchange	*x;

	if ((x = calloc(1, sizeof(*x))) == NULL)
		return (NULL);
	x->conn = c;
	x->fd = m->fd;
	m->fd = -1;
	x->plain_socket = s->plain_socket;
	x->mech = "(unrecognized)";
	buf_add_span(&x->tag, s->tag);
	buf_add_span(&x->pending, s->pending);
	if (buf_failed(&x->tag) || buf_failed(&x->pending)) {
		m->fd = x->fd;
		buf_free(&x->tag);
		buf_free(&x->pending);
		free(x);
		return (NULL);
	}
	c->exchange = x;
	opened(x, M_SASL_START, m->id);
	return (x);
}

void
exchange_free(struct exchange *x)
{
	if (x == NULL)
		return;
	exchange_answer(x, SASL_ABORTED, span_of("", 0), span_of("", 0));
	verify_cancel(x);
	if (x->ask != 0)
		peer_forget(x->asked, x->ask);
	sasl_server_free(x->sasl);
	if (x->fd != -1)
		close(x->fd);
	buf_free(&x->tag);
	buf_free(&x->address);
	buf_freezero(&x->pending);
	x->conn->exchange = NULL;
	explicit_bzero(x, sizeof(*x));
	free(x);
}

/* Its connection ended.  Who leaves while the password is compared, or on
 * hearing that it was wrong, has tried. */
void
exchange_dropped(struct exchange *x)
{
	if (x == NULL)
		return;
	if (x->state == EXCHANGE_VERIFY || (x->sasl != NULL &&
	    sasl_server_why(x->sasl) != SASL_WHY_NONE)) {
		exchange_note(x, x->state == EXCHANGE_VERIFY ? "aborted" :
		    sasl_why_names[sasl_server_why(x->sasl)],
		    "connection closed");
		count_failure(x);
	}
	exchange_free(x);
}

/*
 * Is that what a session may come by?  The client's own socket, of this very
 * connection, or one end of a pair.
 */
static int
session_fd(const struct exchange *x, int fd)
{
	struct sockaddr_storage	 ss;
	socklen_t		 n = sizeof(int);
	int			 domain, type;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == -1 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == -1)
		return (-1);
	if (!x->plain_socket)
		return (domain == AF_UNIX && type ==
		    (x->conn->listener->kind == KIND_IMAP ? SOCK_STREAM :
		    SOCK_SEQPACKET) ? 0 : -1);
	n = sizeof(ss);
	return (x->conn->listener->kind != KIND_IMAP || x->conn->tls ||
	    type != SOCK_STREAM || (domain != AF_INET && domain != AF_INET6) ||
	    (getpeername(fd, (struct sockaddr *)&ss, &n) == -1 &&
	    errno != ENOTCONN) ? -1 : 0);
}

/* What is so on this connection; external is room for a name. */
static int
facts_of(struct exchange *x, enum sasl_mech mech, struct sasl_facts *f,
    struct buf *external)
{
	const struct conn		*c = x->conn;
	const struct conf_listener	*l = c->listener;
	size_t				 i;

	memset(f, 0, sizeof(*f));
	f->mechs = l->mechs;
	f->tls = c->tls || c->local;
	f->tls_required = l->tls == TLS_REQUIRED || l->tls == TLS_IMPLICIT;
	f->cleartext = l->cleartext_auth;
	for (i = 0; i < SCRAM_BINDINGS; i++)
		f->bindings.data[i] = span_buf(&c->bindings[i]);
	if (c->local)
		f->mechs |= SASL_BIT(SASL_MECH_EXTERNAL);
	if (mech != SASL_MECH_EXTERNAL)
		return (0);
	if (exchange_owner(x, external) == -1)
		return (-1);
	f->external = span_buf(external);
	return (0);
}

int
exchange_limited(const struct conn *c)
{
	return (c->failures >= c->listener->limits.login_failures ||
	    !ratelimit_check(auth.failures, &c->key, auth_now(), 1));
}

static void
begin(struct exchange *x, const struct msg_sasl_start *s)
{
	struct buf		 external = { 0 };
	struct sasl_facts	 f;
	enum sasl_mech		 mech = s->login_command ? SASL_MECH_LOGIN :
				    sasl_mech_by_name(s->mech);

	if (facts_of(x, mech, &f, &external) == -1) {
		buf_free(&external);
		exchange_end(x, SASL_UNAVAILABLE, "");
		return;
	}
	if (mech != SASL_MECHS)
		x->mech = sasl_mech_names[mech];
	/* The command is as good as both. */
	if (s->login_command && (f.mechs & SASL_BIT(SASL_MECH_PLAIN)) != 0)
		f.mechs |= SASL_BIT(SASL_MECH_LOGIN);
	if (exchange_limited(x->conn)) {
		exchange_note(x, "error", "too many failed logins");
		exchange_end(x, SASL_TOO_MANY, "");
	} else switch (sasl_refuse(&f, mech)) {
	case SASL_NOT_KNOWN:
		exchange_refuse(x, SASL_UNKNOWN_MECH, "badprotocol",
		    "no such mechanism here");
		break;
	case SASL_AFTER_TLS:
		exchange_refuse(x, SASL_NEEDS_TLS, "badprotocol",
		    "not without TLS");
		break;
	case SASL_NO_BINDING:
		exchange_refuse(x, SASL_BAD_CREDENTIALS, "badchanbind",
		    "no channel binding here");
		break;
	case SASL_NO_KEY:
		exchange_refuse(x, SASL_BAD_CREDENTIALS, "badcreds",
		    "no identity to go by");
		break;
	case SASL_MAY:
		x->sasl = s->login_command ? sasl_server_new_command() :
		    sasl_server_new(mech, &f);
		if (x->sasl == NULL)
			exchange_end(x, SASL_UNAVAILABLE, "");
		else
			run(x, s->has_initial ? &s->initial : NULL);
		break;
	}
	buf_free(&external);
}

/* ---- one exchange ---------------------------------------------------------------- */

static void
run(struct exchange *x, const struct span *in)
{
	struct span	 out;
	int		 rc;

	for (;;) {
		x->state = EXCHANGE_CLIENT;
		out = span_of("", 0);
		switch (sasl_server_step(x->sasl, in, &out)) {
		case SASL_STEP_MORE:
			exchange_answer(x, SASL_MORE, out, span_of("", 0));
			return;
		case SASL_STEP_LOOKUP:
			rc = look_up(x);
			break;
		case SASL_STEP_VERIFY:
			if ((rc = verify(x)) == 1) {
				x->state = EXCHANGE_VERIFY;
				return;
			}
			break;
		case SASL_STEP_DONE:
			exchange_accept(x);
			return;
		case SASL_STEP_FAIL:
			if (x->unready)
				exchange_refuse(x, SASL_BAD_CREDENTIALS,
				    "error", "no verifier for CRAM-MD5 is "
				    "stored: log in once with PLAIN or LOGIN, "
				    "or set the password again");
			else
				exchange_refuse(x, SASL_BAD_CREDENTIALS,
				    sasl_why_names[sasl_server_why(x->sasl)],
				    sasl_server_error(x->sasl));
			return;
		case SASL_STEP_MALFORMED:
			exchange_refuse(x, SASL_MALFORMED,
			    sasl_why_names[sasl_server_why(x->sasl)],
			    sasl_server_error(x->sasl));
			return;
		default:
			rc = -1;
			break;
		}
		if (rc == -1) {
			exchange_note(x, "error",
			    "cannot be looked up or compared now");
			exchange_end(x, SASL_UNAVAILABLE, "");
			return;
		}
		in = NULL;
	}
}

/* Who that is; id 0: nobody.  -1: cannot be said now. */
int
exchange_identify(struct exchange *x)
{
	struct canon	 c;

	memset(&x->account, 0, sizeof(x->account));
	if (canon_address(exchange_name(x), 0, &c) == -1)
		return (0);
	return (account_of(&c, 1, &x->account) == -1 ? -1 : 0);
}

/*
 * What is stored, or an invention that stays the same for that name.  The
 * invention is made for everybody: who has an account takes as long.
 */
static int
secret_of(struct exchange *x, enum scram_hash hash, struct scram_secret *s)
{
	struct canon	 c;
	struct span	 name = sasl_server_name(x->sasl);
	struct buf	 b = { 0 };
	uint32_t	 n;
	int		 rc;

	if (canon_address(name, 0, &c) == 0)
		name = canon_span(&c);
	n = userdb_invented_iterations(&auth.db, name,
	    proc_conf()->iterations);
	/* As with an account, another count comes with another salt. */
	buf_add_span(&b, name);
	buf_put_u32(&b, n);
	rc = buf_failed(&b) ? -1 : scram_secret_invent(s, hash,
	    span_of(auth.db.secret, sizeof(auth.db.secret)), span_buf(&b), n);
	buf_free(&b);
	if (rc == 0 && x->account.id != 0 && userdb_verifier(&auth.db,
	    x->account.id, hash, s) == -1 && errno != ENOENT)
		rc = -1;
	return (rc);
}

static int
look_up(struct exchange *x)
{
	struct sasl_cram_secret	 cram;
	struct scram_secret	 s;
	int			 rc = -1;

	if (exchange_identify(x) == -1)
		return (-1);
	if (sasl_server_wants(x->sasl) == SASL_WANT_CRAM) {
		if (x->account.id == 0 || userdb_cram(&auth.db, x->account.id,
		    &cram) == -1) {
			if (x->account.id != 0 && errno != ENOENT)
				return (-1);
			x->unready = x->account.id != 0;
			sasl_cram_invent(&cram);
		}
		rc = sasl_server_set_cram(x->sasl, &cram);
		explicit_bzero(&cram, sizeof(cram));
		return (rc);
	}
	if (secret_of(x, sasl_server_hash(x->sasl), &s) == 0)
		rc = sasl_server_set_scram(x->sasl, &s);
	explicit_bzero(&s, sizeof(s));
	return (rc);
}

/* 0: said at once, 1: later, -1. */
static int
verify(struct exchange *x)
{
	struct scram_secret	 s;
	int			 rc = -1;

	x->guessed = verify_guess(x->conn, sasl_server_name(x->sasl),
	    sasl_server_password(x->sasl), x->guess) == 0;
	if (exchange_identify(x) == 0 && secret_of(x, SCRAM_SHA_256, &s) == 0)
		rc = verify_begin(x, &s, sasl_server_password(x->sasl));
	explicit_bzero(&s, sizeof(s));
	if (rc == 1)
		return (sasl_server_set_verdict(x->sasl, 1, 1));
	return (rc == 0 ? 1 : -1);
}

void
exchange_verdict(struct exchange *x, int ok)
{
	(void)sasl_server_set_verdict(x->sasl, ok, x->account.id != 0);
	run(x, NULL);
}

/* ---- requests ----------------------------------------------------------------------- */

int
on_sasl_start(struct peer *p, struct imsg *m)
{
	struct msg_sasl_start	 s;
	struct exchange		*x;
	struct link		*l = peer_arg(p);
	struct conn		*c;

	if (imsg_get(m, &c_sasl_start, &s) == -1)
		return (-1);
	if (l == NULL || (c = conn_find(l, s.conn)) == NULL) {
		unknown(p, M_SASL_START, m->id, s.conn);
		return (0);
	}
	if (c->exchange != NULL || c->listener->kind == KIND_SMTP ||
	    l->nwaiting >= IMSG_CREDIT || (s.certificate && (s.mech.n > 0 ||
	    s.has_initial || s.login_command || s.tag.n > 0)))
		return (-1);
	identity_drop(c);	/* who does not wait for it gets none */
	if (s.agent.n > 0) {
		free(c->agent);
		c->agent = span_dup(s.agent);
	}
	if (m->fd == -1 || (x = exchange_new(c, m, &s)) == NULL) {
		unknown(p, M_SASL_START, m->id, s.conn);
		return (0);
	}
	if (session_fd(x, x->fd) == -1) {
		x->open = 0;		/* the link ends instead */
		exchange_free(x);
		return (-1);
	}
	if (c->in == IN_FOR_GOOD || (c->in == IN_BY_KEY && s.certificate))
		exchange_end(x, SASL_MALFORMED, "logged in already");
	else if (s.certificate)
		exchange_certificate(x);
	else
		begin(x, &s);
	return (0);
}

int
on_sasl_step(struct peer *p, struct imsg *m)
{
	struct msg_sasl_step	 s;
	struct link		*l = peer_arg(p);
	struct conn		*c;

	if (imsg_get(m, &c_sasl_step, &s) == -1)
		return (-1);
	/* One that was begun before this process was started, also of a
	 * connection that it was told of since. */
	if (l == NULL || (c = conn_find(l, s.conn)) == NULL ||
	    c->exchange == NULL) {
		unknown(p, M_SASL_STEP, m->id, s.conn);
		return (0);
	}
	if (c->exchange->open || l->nwaiting >= IMSG_CREDIT)
		return (-1);
	opened(c->exchange, M_SASL_STEP, m->id);
	run(c->exchange, &s.data);
	return (0);
}

int
on_sasl_abort(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;
	struct exchange		*x;
	struct link		*l = peer_arg(p);
	struct conn		*c;

	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	if (l == NULL || (c = conn_find(l, n.number)) == NULL ||
	    (x = c->exchange) == NULL) {
		unknown(p, M_SASL_ABORT, m->id, n.number);
		return (0);
	}
	/* It could not wait for what was under way: that counts as a try. */
	if (x->open) {
		unknown(p, M_SASL_ABORT, m->id, n.number);
		exchange_dropped(x);
		return (0);
	}
	opened(x, M_SASL_ABORT, m->id);
	if (sasl_server_abort(x->sasl) == SASL_STEP_FAIL)
		exchange_refuse(x, SASL_BAD_CREDENTIALS,
		    sasl_why_names[sasl_server_why(x->sasl)],
		    sasl_server_error(x->sasl));
	else {
		/* No guess, but no way to make lines in the log for ever. */
		exchange_note(x, "aborted", "by the client");
		c->failures++;
		count_failure(x);
		exchange_end(x, SASL_ABORTED, "");
	}
	return (0);
}
