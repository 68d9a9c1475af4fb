/*
 * Who may log in here, once it is proven who that is, by a password or by the
 * key of a certificate; and vouching for it.  The descriptor of the session
 * goes to the store or to queued, with the account, the address and what proved
 * it.
 */
#include <errno.h>
#include <string.h>

#include "authd/auth_exchange.h"
#include "log.h"

static int	 fits(struct exchange *, const char **);
static void	 vouch(struct exchange *);
static int	 on_taken(void *, struct peer *, struct imsg *);

/* Whose the connection is without any password, and the address by which that
 * one logs in; none: nobody's.  0, -1. */
int
exchange_owner(struct exchange *x, struct buf *address)
{
	const struct conn	*c = x->conn;
	struct account		 a;
	struct tlskey		 k;
	const char		*why;
	int			 rc;

	if (c->local) {
		if (userdb_by_user(&auth.db, c->uid, &x->account) == -1)
			return (errno == ENOENT ? 0 : -1);
		(void)userdb_first_address(&auth.db, x->account.id, address);
		return (0);
	}
	if ((rc = identity_of(c, &k, &a, &why)) != 0)
		return (rc == 1 ? 0 : -1);
	x->account = a;
	x->by_key = 1;
	return (buf_adds(address, k.address));
}

/* By the key of its certificate, of which the wire process knows. */
void
exchange_certificate(struct exchange *x)
{
	const struct conn	*c = x->conn;
	struct tlskey		 k;
	const char		*why;
	int			 rc;

	x->mech = TLSCLIENTAUTH;
	x->certificate = x->by_key = 1;
	if (exchange_limited(c)) {
		exchange_note(x, "error", "too many failed logins");
		exchange_end(x, SASL_TOO_MANY, "");
		return;
	}
	rc = identity_of(c, &k, &x->account, &why);
	if (rc == 0 && buf_adds(&x->address, k.address) == -1)
		rc = -1;
	if (rc == -1) {
		exchange_note(x, "error", "the key cannot be looked up now");
		exchange_end(x, SASL_UNAVAILABLE, "");
	} else if (rc == 1) {
		memset(&x->account, 0, sizeof(x->account));
		exchange_refuse(x, SASL_BAD_CREDENTIALS, "badcreds", why);
	} else if (c->listener->kind == KIND_IMAP && (k.no_preauth ||
	    c->listener->tls != TLS_IMPLICIT))
		exchange_refuse(x, SASL_BAD_CREDENTIALS, "badcreds",
		    "a key that is not for PREAUTH");
	else
		exchange_accept(x);
}

/*
 * Are that account and that address what this connection may log in to?  Who
 * came by a key, or from this machine, may choose among the addresses of its
 * account; who showed a key logs in to that one's account, however.  0; 1: no,
 * *why; -1.
 */
static int
fits(struct exchange *x, const char **why)
{
	struct account	 proven = x->account, a;
	struct tlskey	 k;
	int		 rc, other;

	if (x->conn->local || x->by_key) {
		if (exchange_identify(x) == -1)
			return (-1);
		other = x->account.id != proven.id;
		x->account = proven;
		*why = "an address of another account";
		if (other || proven.id == 0)
			return (1);
	}
	if (!x->conn->known_key)
		return (0);
	rc = identity_of(x->conn, &k, &a, why);
	if (rc == 1 && !x->by_key)	/* a key that is gone binds nobody */
		return (0);
	if (rc == 0 && a.id != x->account.id) {
		*why = "another account than that of the client's key";
		return (1);
	}
	return (rc);
}

/* The client has proven who it is; may that account log in, still? */
void
exchange_accept(struct exchange *x)
{
	uint64_t	 serial = x->account.serial;
	const char	*why;
	int		 rc;

	if ((rc = fits(x, &why)) == -1) {
		exchange_note(x, "error", "cannot be looked up now");
		exchange_end(x, SASL_UNAVAILABLE, "");
	} else if (rc == 1) {
		exchange_refuse(x, SASL_BAD_CREDENTIALS, "badcreds", why);
	} else if (userdb_get(&auth.db, x->account.id, &x->account) == -1) {
		if (errno != ENOENT)
			exchange_end(x, SASL_UNAVAILABLE, "");
		else
			exchange_refuse(x, SASL_BAD_CREDENTIALS, "baduser",
			    "removed");
	} else if (!x->by_key && x->account.serial != serial) {
		exchange_refuse(x, SASL_BAD_CREDENTIALS, "badpassword",
		    "changed meanwhile");
	} else if (x->account.disabled[0] != '\0') {
		exchange_refuse(x, SASL_DISABLED, "logindisabled",
		    "login is disabled");
	} else if (x->account.id == auth_moving()) {
		exchange_note(x, "error", "the account is being moved");
		exchange_end(x, SASL_UNAVAILABLE, "");
	} else
		vouch(x);
}

static void
vouch(struct exchange *x)
{
	struct conn		*c = x->conn;
	int			 imap = c->listener->kind == KIND_IMAP, fd;
	struct msg_session	 s = { .account = x->account.id,
				    .partition = x->account.partition,
				    .conn = c->number, .tls = c->tls,
				    .admin = c->local, .listener = c->index,
				    .instance = peer_instance(c->link->peer) };

	s.name = span_str(x->account.name);
	s.address = exchange_name(x);
	s.mech = span_str(x->mech);
	if (x->by_key)
		s.key = span_of(c->client_key, sizeof(c->client_key));
	s.preauth = x->certificate && imap;
	s.remote = span_str(c->remote);
	s.proto = imap ? SASL_IMAP : SASL_SUBMISSION;
	s.tag = span_buf(&x->tag);
	s.pending = span_buf(&x->pending);
	s.password_serial = x->account.serial;
	fd = x->fd;
	x->fd = -1;
	x->state = EXCHANGE_VOUCH;
	x->asked = imap ? proc_peer(ROLE_STORE, x->account.partition %
	    proc_count(ROLE_STORE)) : proc_peer(ROLE_QUEUED, 0);
	x->ask = peer_ask(x->asked, M_SESSION, &c_session, &s, fd, on_taken,
	    x);
	if (x->ask == 0) {
		exchange_note(x, "error", imap ? "the store is away" :
		    "the queue is away");
		exchange_end(x, SASL_UNAVAILABLE, "");
	}
}

/* The descriptor is theirs now, or was not wanted. */
static int
on_taken(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_result	 r = { .result = RESULT_TEMP };
	struct exchange		*x = arg;
	struct conn		*c = x->conn;
	int			 rc = 0;

	(void)p;
	x->ask = 0;
	if (m != NULL && (rc = imsg_get(m, &c_result, &r)) == -1)
		r.result = RESULT_TEMP;
	if (r.result == RESULT_OK) {
		c->in = x->certificate && c->listener->kind ==
		    KIND_SUBMISSION ? IN_BY_KEY : IN_FOR_GOOD;
		c->failures = 0;
		ratelimit_reset(auth.failures, &c->key, auth_now());
		exchange_note(x, "ok", NULL);
		exchange_end(x, SASL_OK, "");
	} else {
		exchange_note(x, "error", r.text.n == 0 ?
		    "the session was not taken" : log_esc(r.text));
		exchange_answer(x, SASL_UNAVAILABLE, span_of("", 0), r.text);
		exchange_free(x);
	}
	return (rc);
}
