/*
 * Who a client is by the key of its certificate.  smtpd or front says which key
 * it saw and sends the handshake; auth checks the client's signature in it by
 * the key that is registered, and asks keys whether the server's signature in
 * it is one that it made for that process just now.  What is kept of it is the
 * fingerprint: at every use the key is looked up again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authd/auth.h"
#include "authd/auth_proof.h"
#include "log.h"

static void	 reply(struct conn *, uint32_t, enum conn_identity,
		    const char *);
static void	 settle(struct conn *, enum conn_identity, const char *);
static void	 stranger(struct conn *, uint32_t, const char *);
static void	 later(struct conn *, uint32_t);
static void	 prove(struct conn *, const struct msg_conn_key *, uint32_t);
static int	 on_claimed(void *, struct peer *, struct imsg *);
static void	 establish(struct conn *);

/* ---- answers ---------------------------------------------------------------- */

static void
reply(struct conn *c, uint32_t id, enum conn_identity what, const char *text)
{
	struct msg_conn_identity	 r = { .conn = c->number,
					    .identity = (uint8_t)what,
					    .text = span_str(text) };

	(void)peer_reply(c->link->peer, M_CONN_KEY, id, &c_conn_identity, &r,
	    -1);
}

/* The answer to a request that had to wait for keys. */
static void
settle(struct conn *c, enum conn_identity what, const char *text)
{
	c->claiming = 0;
	c->link->nwaiting--;
	reply(c, c->key_request, what, text);
}

/* A key that means nothing here. */
static void
stranger(struct conn *c, uint32_t id, const char *why)
{
	char	 text[TLSKEY_TEXT + 1];

	tlskey_text(c->client_key, text);
	if (c->listener->ccert != CCERT_STRICT) {
		log_info("connection from %s: client key %s: %s", c->remote,
		    text, why);
		reply(c, id, IDENTITY_NONE, "");
		return;
	}
	login_note(c, TLSCLIENTAUTH, NULL, span_str(text), "badcreds", why);
	ratelimit_force(auth.failures, &c->key, auth_now(), 1);
	reply(c, id, IDENTITY_REFUSED, "the key of your certificate is not "
	    "registered here");
}

/* It cannot be said now. */
static void
later(struct conn *c, uint32_t id)
{
	if (c->listener->ccert == CCERT_STRICT)
		reply(c, id, IDENTITY_REFUSED, "your certificate cannot be "
		    "looked up now, try again later");
	else
		reply(c, id, IDENTITY_NONE, "");
}

/* ---- a claim ---------------------------------------------------------------- */

/*
 * What does not prove the key is a lie of the process, as a rule; but a client
 * may have brought that about, with a TLS that the proof does not reach.  So it
 * costs the identity alone, not the link, which all others have need of.
 */
static void
prove(struct conn *c, const struct msg_conn_key *m, uint32_t id)
{
	struct peer		*p = c->link->peer;
	struct msg_key_claim	 claim = { .role = (uint8_t)peer_role(p),
				    .instance = peer_instance(p) };
	struct tlskey		 k;
	const char		*why = "";
	char			 text[TLSKEY_TEXT + 1];

	if (tlskey_get(&auth.db, c->client_key, &k) == -1) {
		if (errno == ENOENT)
			stranger(c, id, "not registered");
		else
			later(c, id);
		return;
	}
	if (m->record.n == 0) {
		stranger(c, id, "a handshake too long to prove it");
		return;
	}
	if (proof_check(m->record, span_of(k.spki, k.nspki), claim.digest,
	    &why) == -1) {
		log_error("%s sends what does not prove the client key %s, "
		    "for a connection from %s: %s", peer_name(p),
		    tlskey_text(k.id, text), c->remote, why);
		stranger(c, id, "not proven");
		return;
	}
	c->asked = proc_peer(ROLE_KEYS, 0);
	c->ask = peer_ask(c->asked, M_KEY_CLAIM, &c_key_claim, &claim, -1,
	    on_claimed, c);
	if (c->ask == 0) {
		later(c, id);
		return;
	}
	c->claiming = 1;
	c->key_request = id;
	c->link->nwaiting++;
}

/*
 * keys did not sign that handshake for this process, or not just now, or it was
 * claimed before.  An honest process may get there, when keys was started anew
 * meanwhile; so it costs the identity alone.
 */
static int
on_claimed(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_result	 r;
	struct conn		*c = arg;
	char			 text[TLSKEY_TEXT + 1];
	int			 rc = msg_get_result(m, &r);

	(void)p;
	c->ask = 0;
	if (r.result == RESULT_OK) {
		establish(c);
		return (rc);
	}
	if (r.result == RESULT_NO)
		log_error("%s shows a handshake for the client key %s, of a "
		    "connection from %s, that was not made for it just now: "
		    "it lies, or \"authd: keys\" was started anew",
		    peer_name(c->link->peer), tlskey_text(c->client_key, text),
		    c->remote);
	c->claiming = 0;
	c->link->nwaiting--;
	later(c, c->key_request);
	return (rc);
}

static void
establish(struct conn *c)
{
	struct account	 a;
	struct tlskey	 k;
	const char	*why = "";
	int		 rc;

	c->known_key = 1;
	if ((rc = identity_of(c, &k, &a, &why)) != 0) {
		c->known_key = c->claiming = 0;
		c->link->nwaiting--;
		if (rc == 1)
			stranger(c, c->key_request, why);
		else
			later(c, c->key_request);
		return;
	}
	/* Who may not log in is to hear why, which PREAUTH has no way to. */
	settle(c, c->listener->kind == KIND_IMAP &&
	    c->listener->tls == TLS_IMPLICIT && !k.no_preauth &&
	    a.disabled[0] == '\0' ? IDENTITY_PREAUTH : IDENTITY_LATENT, "");
}

int
identity_of(const struct conn *c, struct tlskey *k, struct account *a,
    const char **why)
{
	struct account	 at;
	struct canon	 address;
	int		 rc;

	*why = "not registered any more";
	if (!c->known_key)
		return (1);
	if (tlskey_get(&auth.db, c->client_key, k) == -1 ||
	    userdb_get(&auth.db, k->account, a) == -1)
		return (errno == ENOENT ? 1 : -1);
	*why = "its address is not one of its account";
	if (canon_address(span_str(k->address), 0, &address) == -1)
		return (1);
	if ((rc = account_of(&address, 1, &at)) != 0)
		return (rc);
	return (at.id == a->id ? 0 : 1);
}

void
identity_drop(struct conn *c)
{
	if (!c->claiming)
		return;
	peer_forget(c->asked, c->ask);
	c->ask = 0;
	settle(c, IDENTITY_NONE, "");
}

/* ---- the request ------------------------------------------------------------ */

int
on_conn_key(struct peer *p, struct imsg *m)
{
	struct msg_conn_identity	 none = { .identity = IDENTITY_NONE };
	struct msg_conn_key		 k;
	struct link			*l = peer_arg(p);
	struct conn			*c;

	if (imsg_get(m, &c_conn_key, &k) == -1 || k.key.n != TLSKEY_ID)
		return (-1);
	if (l == NULL || (c = conn_find(l, k.conn)) == NULL) {
		none.conn = k.conn;
		(void)peer_reply(p, M_CONN_KEY, m->id, &c_conn_identity, &none,
		    -1);
		return (0);
	}
	if (!c->tls || c->local || c->key_told || c->in != IN_NOT ||
	    c->exchange != NULL || c->listener->kind == KIND_SMTP ||
	    l->nwaiting >= IMSG_CREDIT)
		return (-1);
	c->key_told = 1;
	memcpy(c->client_key, k.key.p, TLSKEY_ID);
	/* Too many failures: a key does not help either.  Off: it is, since the
	 * configuration was loaded anew. */
	if (c->listener->ccert == CCERT_OFF || !ratelimit_check(auth.failures,
	    &c->key, auth_now(), 1)) {
		reply(c, m->id, IDENTITY_NONE, "");
		return (0);
	}
	prove(c, &k, m->id);
	return (0);
}
