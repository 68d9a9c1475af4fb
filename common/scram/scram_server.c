/*
 * The server's side of a SCRAM exchange.  Holds StoredKey and ServerKey for as
 * long as the exchange lasts, and never a password.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "precis.h"
#include "scram_int.h"

enum state { S_FIRST, S_LOOKUP, S_FOUND, S_FINAL, S_OVER };

struct scram_server {
	enum state		 state;
	enum scram_hash		 hash;
	int			 plus, announced;
	uint8_t			 data[SCRAM_BINDINGS][SCRAM_BINDING_MAX];
	size_t			 datalen[SCRAM_BINDINGS];
	int			 binding;	/* proven or claimed; -1 none */
	char			 ours[SCRAM_OURS_TEXT];
	struct buf		 gs2;		/* header as it came */
	struct buf		 nonce;		/* theirs and ours */
	struct buf		 auth;		/* AuthMessage, as it grows */
	struct buf		 name, authzid;
	struct buf		 out;
	struct scram_secret	 secret;
	enum scram_why		 why;
	const char		*error;
};

static enum scram_status over(struct scram_server *, enum scram_status);
static enum scram_status malformed(struct scram_server *, const char *);
static enum scram_status no_memory(struct scram_server *);
static enum scram_status refuse(struct scram_server *, enum scram_why,
		    const char *value, const char *text);
static enum scram_status extension(struct scram_server *, enum scram_why,
		    const char *text);
static enum scram_status flag_bound(struct scram_server *, struct span);
static enum scram_status flag(struct scram_server *, struct span);
static enum scram_status who(struct scram_server *, struct span authzid,
		    struct span name);
static enum scram_status client_first(struct scram_server *, struct span);
static enum scram_status server_first(struct scram_server *);
static enum scram_status client_final(struct scram_server *, struct span);
static int		 binding_same(struct scram_server *, struct span);
static enum scram_status prove(struct scram_server *, struct span proof);

struct scram_server *
scram_server_new(enum scram_hash hash, int plus, int announced,
    const struct scram_bindings *b)
{
	struct scram_server	*s;
	size_t			 i;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	if (scram_random_nonce(s->ours, sizeof(s->ours)) == -1) {
		free(s);
		return (NULL);
	}
	s->hash = hash;
	s->plus = plus;
	s->announced = announced;
	s->binding = -1;
	s->error = "nothing wrong";
	for (i = 0; b != NULL && i < SCRAM_BINDINGS; i++)
		if (b->data[i].n > 0 && b->data[i].n <= SCRAM_BINDING_MAX) {
			memcpy(s->data[i], b->data[i].p, b->data[i].n);
			s->datalen[i] = b->data[i].n;
		}
	return (s);
}

void
scram_server_free(struct scram_server *s)
{
	if (s == NULL)
		return;
	buf_freezero(&s->gs2);
	buf_freezero(&s->nonce);
	buf_freezero(&s->auth);
	buf_freezero(&s->name);
	buf_freezero(&s->authzid);
	buf_freezero(&s->out);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

int
scram_server_set_nonce(struct scram_server *s, const char *nonce)
{
	if (s->state != S_FIRST || strlen(nonce) >= sizeof(s->ours) ||
	    *nonce == '\0' || !scram_nonce_valid(span_str(nonce))) {
		errno = EINVAL;
		return (-1);
	}
	strcpy(s->ours, nonce);
	return (0);
}

struct span
scram_server_name(const struct scram_server *s)
{
	return (span_buf(&s->name));
}

struct span
scram_server_authzid(const struct scram_server *s)
{
	return (span_buf(&s->authzid));
}

const char *
scram_server_binding(const struct scram_server *s)
{
	return (s->binding == -1 || s->state != S_OVER || s->why !=
	    SCRAM_WHY_NONE ? NULL : scram_binding_names[s->binding]);
}

enum scram_why
scram_server_why(const struct scram_server *s)
{
	return (s->why);
}

const char *
scram_server_error(const struct scram_server *s)
{
	return (s->error);
}

/* The end: nothing secret is needed any more. */
static enum scram_status
over(struct scram_server *s, enum scram_status st)
{
	s->state = S_OVER;
	explicit_bzero(&s->secret, sizeof(s->secret));
	explicit_bzero(s->data, sizeof(s->data));
	return (st);
}

static enum scram_status
malformed(struct scram_server *s, const char *text)
{
	buf_reset(&s->out);
	s->why = SCRAM_WHY_SYNTAX;
	s->error = text;
	return (over(s, SCRAM_ERROR));
}

static enum scram_status
no_memory(struct scram_server *s)
{
	buf_reset(&s->out);
	s->why = SCRAM_WHY_MEMORY;
	s->error = "no memory";
	return (over(s, SCRAM_ERROR));
}

/* Say no with "e=" (server-error-value, section 7). */
static enum scram_status
refuse(struct scram_server *s, enum scram_why why, const char *value,
    const char *text)
{
	buf_reset(&s->out);
	buf_adds(&s->out, "e=");
	if (buf_adds(&s->out, value) == -1)
		return (no_memory(s));
	s->why = why;
	s->error = text;
	return (over(s, SCRAM_FAIL));
}

static enum scram_status
extension(struct scram_server *s, enum scram_why why, const char *text)
{
	if (why == SCRAM_WHY_EXTENSION)
		return (refuse(s, why, "extensions-not-supported",
		    "mandatory extension m= (RFC 5802 5.1)"));
	return (malformed(s, text));
}

/* "p=": the binding must be one that is to be had on this connection. */
static enum scram_status
flag_bound(struct scram_server *s, struct span name)
{
	int	 i, any = 0;

	for (i = 0; i < SCRAM_BINDINGS; i++) {
		any |= s->datalen[i] != 0;
		if (span_eqs(name, scram_binding_names[i]))
			s->binding = i;
	}
	if (!any)
		return (refuse(s, SCRAM_WHY_BINDING,
		    "channel-binding-not-supported",
		    "channel binding on a connection that has none"));
	if (s->binding == -1)
		return (refuse(s, SCRAM_WHY_BINDING,
		    "unsupported-channel-binding-type",
		    "unknown channel binding type (RFC 5802 6)"));
	if (s->datalen[s->binding] == 0)
		return (refuse(s, SCRAM_WHY_BINDING,
		    "channel-bindings-dont-match",
		    "channel binding type that this TLS version has not"));
	return (SCRAM_MORE);
}

/*
 * gs2-cbind-flag.  "p=" under the bare name is accepted: clients do that.
 * SCRAM_MORE is yes.
 */
static enum scram_status
flag(struct scram_server *s, struct span f)
{
	size_t	 i;

	if (f.n > 2 && f.p[0] == 'p' && f.p[1] == '=') {
		f.p += 2;
		f.n -= 2;
		for (i = 0; i < f.n; i++)
			if (strchr("abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-",
			    f.p[i]) == NULL || f.p[i] == 0)
				return (malformed(s,
				    "malformed cb-name (RFC 5802 7)"));
		return (flag_bound(s, f));
	}
	if (!span_eqs(f, "n") && !span_eqs(f, "y"))
		return (malformed(s, "malformed gs2-cbind-flag (RFC 5802 7)"));
	if (s->plus)
		return (refuse(s, SCRAM_WHY_BINDING,
		    "channel-bindings-dont-match",
		    "-PLUS without channel binding (RFC 5802 6)"));
	if (f.p[0] == 'y' && s->announced)
		return (refuse(s, SCRAM_WHY_BINDING,
		    "server-does-support-channel-binding",
		    "client did not see the -PLUS that we announced: "
		    "somebody removed it (RFC 5802 6)"));
	return (SCRAM_MORE);
}

/* Names; SCRAM_MORE is yes. */
static enum scram_status
who(struct scram_server *s, struct span authzid, struct span name)
{
	enum precis	 rc;

	if (scram_unescape(&s->name, name) == -1 || (authzid.p != NULL &&
	    scram_unescape(&s->authzid, authzid) == -1)) {
		if (buf_failed(&s->name) || buf_failed(&s->authzid))
			return (no_memory(s));
		return (malformed(s, "malformed saslname (RFC 5802 5.1)"));
	}
	rc = precis_name_check(span_buf(&s->name));
	if (rc == PRECIS_OK && s->authzid.n != 0)
		rc = precis_name_check(span_buf(&s->authzid));
	if (rc == PRECIS_NOMEM)
		return (no_memory(s));
	if (rc != PRECIS_OK)
		return (refuse(s, SCRAM_WHY_SYNTAX,
		    "invalid-username-encoding", precis_text(rc)));
	if (s->authzid.n != 0 &&
	    !span_eq(span_buf(&s->authzid), span_buf(&s->name)))
		return (refuse(s, SCRAM_WHY_AUTHZID, "other-error",
		    "authorization identity is another user's"));
	return (SCRAM_MORE);
}

/*
 * client-first-message: gs2-cbind-flag "," [authzid] "," [mext ","]
 * username "," nonce ["," extensions]
 */
static enum scram_status
client_first(struct scram_server *s, struct span in)
{
	struct span		 all = in, f, authzid = { NULL, 0 };
	struct span		 bare, name, nonce, m;
	enum scram_status	 st;
	enum scram_why		 why;

	if (in.n > SCRAM_MSG_MAX)
		return (malformed(s, "client-first-message too long"));
	if (!span_split(&in, ',', &f))
		return (malformed(s, "no gs2-header (RFC 5802 7)"));
	if (scram_comma(&in) == -1 && (scram_attr(&in, 'a', &authzid) == -1 ||
	    scram_comma(&in) == -1))
		return (malformed(s, "malformed authzid (RFC 5802 7)"));
	buf_add(&s->gs2, all.p, (size_t)(in.p - all.p));
	bare = in;
	if ((st = flag(s, f)) != SCRAM_MORE)
		return (st);
	if (scram_attr(&in, 'm', &m) == 0)
		return (extension(s, SCRAM_WHY_EXTENSION, ""));
	if (scram_attr(&in, 'n', &name) == -1 || scram_comma(&in) == -1)
		return (malformed(s, "no username (RFC 5802 7)"));
	if (scram_attr(&in, 'r', &nonce) == -1)
		return (malformed(s, "no nonce (RFC 5802 7)"));
	if (nonce.n < SCRAM_NONCE_MIN || !scram_nonce_valid(nonce))
		return (malformed(s, "nonce too short, too long or with "
		    "impossible characters (RFC 5802 5.1)"));
	if ((why = scram_extensions(&in)) != SCRAM_WHY_NONE || in.n != 0)
		return (extension(s, why,
		    "malformed extension in client-first-message"));
	if ((st = who(s, authzid, name)) != SCRAM_MORE)
		return (st);
	buf_add_span(&s->nonce, nonce);
	buf_adds(&s->nonce, s->ours);
	buf_add_span(&s->auth, bare);
	if (buf_failed(&s->gs2) || buf_failed(&s->nonce) ||
	    buf_failed(&s->auth))
		return (no_memory(s));
	s->state = S_LOOKUP;
	return (SCRAM_LOOKUP);
}

int
scram_server_set_secret(struct scram_server *s, const struct scram_secret *x)
{
	if ((s->state != S_LOOKUP && s->state != S_FOUND) ||
	    x->hash != s->hash || x->saltlen == 0 ||
	    x->saltlen > SCRAM_SALT_MAX || x->iterations == 0) {
		errno = EINVAL;
		return (-1);
	}
	s->secret = *x;
	s->state = S_FOUND;
	return (0);
}

/* server-first-message: nonce "," salt "," iteration-count */
static enum scram_status
server_first(struct scram_server *s)
{
	buf_reset(&s->out);
	buf_adds(&s->out, "r=");
	buf_add_span(&s->out, span_buf(&s->nonce));
	buf_adds(&s->out, ",s=");
	buf_add_base64(&s->out, span_of(s->secret.salt, s->secret.saltlen));
	buf_addf(&s->out, ",i=%u", s->secret.iterations);
	buf_addc(&s->auth, ',');
	buf_add_span(&s->auth, span_buf(&s->out));
	if (buf_failed(&s->out) || buf_failed(&s->auth))
		return (no_memory(s));
	s->state = S_FINAL;
	return (SCRAM_MORE);
}

/*
 * Is "c=" what it must be: gs2-header and data, octet for octet?  Compared as
 * base64, of which there is one form only.
 */
static int
binding_same(struct scram_server *s, struct span c)
{
	struct buf	 raw = { 0 }, b64 = { 0 };
	int		 same;

	buf_add_span(&raw, span_buf(&s->gs2));
	if (s->binding != -1)
		buf_add(&raw, s->data[s->binding], s->datalen[s->binding]);
	buf_add_base64(&b64, span_buf(&raw));
	same = buf_failed(&raw) || buf_failed(&b64) ? -1 :
	    b64.n == c.n && CRYPTO_memcmp(b64.p, c.p, c.n) == 0;
	buf_freezero(&raw);
	buf_freezero(&b64);
	return (same);
}

/*
 * ClientProof XOR HMAC(StoredKey, AuthMessage) is the ClientKey whose hash is
 * StoredKey.  Runs to its end for invented secrets and odd lengths alike.
 */
static enum scram_status
prove(struct scram_server *s, struct span proof)
{
	uint8_t		 sig[SCRAM_KEY_MAX], key[SCRAM_KEY_MAX];
	uint8_t		 got[SCRAM_KEY_MAX], final[SCRAM_KEY_MAX];
	size_t		 i, n = scram_key_size(s->hash);
	int		 ok, bad;

	memset(key, 0, sizeof(key));
	bad = scram_hmac(s->hash, s->secret.stored_key, n, span_buf(&s->auth),
	    sig) == -1;
	for (i = 0; i < n && !bad; i++)
		key[i] = (i < proof.n ? proof.p[i] : 0) ^ sig[i];
	bad = bad || scram_digest(s->hash, key, got) == -1 ||
	    scram_hmac(s->hash, s->secret.server_key, n, span_buf(&s->auth),
	    final) == -1;
	ok = !bad && CRYPTO_memcmp(got, s->secret.stored_key, n) == 0;
	ok &= proof.n == n;
	ok &= !s->secret.invented;
	buf_reset(&s->out);
	if (ok) {
		buf_adds(&s->out, "v=");
		buf_add_base64(&s->out, span_of(final, n));
	}
	explicit_bzero(sig, sizeof(sig));
	explicit_bzero(key, sizeof(key));
	explicit_bzero(got, sizeof(got));
	explicit_bzero(final, sizeof(final));
	if (bad || buf_failed(&s->out))
		return (no_memory(s));
	if (ok)
		return (over(s, SCRAM_DONE));
	if (s->secret.invented)
		return (refuse(s, SCRAM_WHY_UNKNOWN, "invalid-proof",
		    "unknown user, or one without such a verifier"));
	return (refuse(s, SCRAM_WHY_PROOF, "invalid-proof",
	    "wrong password"));
}

/*
 * client-final-message: channel-binding "," nonce ["," extensions] ","
 * proof
 */
static enum scram_status
client_final(struct scram_server *s, struct span in)
{
	struct span		 all = in, c, nonce, p, without;
	struct buf		 proof = { 0 };
	enum scram_status	 st;
	enum scram_why		 why;
	int			 same;

	if (in.n > SCRAM_MSG_MAX)
		return (malformed(s, "client-final-message too long"));
	if (scram_attr(&in, 'c', &c) == -1 || scram_comma(&in) == -1)
		return (malformed(s, "no channel-binding (RFC 5802 7)"));
	if (scram_attr(&in, 'r', &nonce) == -1)
		return (malformed(s, "no nonce (RFC 5802 7)"));
	if ((why = scram_extensions(&in)) != SCRAM_WHY_NONE)
		return (extension(s, why,
		    "malformed extension in client-final-message"));
	without = span_of(all.p, (size_t)(in.p - all.p));
	if (scram_comma(&in) == -1 || scram_attr(&in, 'p', &p) == -1 ||
	    in.n != 0 || buf_add_unbase64(&proof, p) == -1) {
		buf_freezero(&proof);
		return (malformed(s, "malformed proof (RFC 5802 7)"));
	}
	if (!span_eq(nonce, span_buf(&s->nonce)))
		st = refuse(s, SCRAM_WHY_NONCE, "invalid-proof",
		    "nonce of another exchange (RFC 5802 5.1)");
	else if ((same = binding_same(s, c)) == -1)
		st = no_memory(s);
	else if (!same)
		st = refuse(s, SCRAM_WHY_BINDING, "channel-bindings-dont-match",
		    "channel binding of another connection (RFC 5802 6)");
	else if (buf_addc(&s->auth, ',') == -1 ||
	    buf_add_span(&s->auth, without) == -1)
		st = no_memory(s);
	else
		st = prove(s, span_buf(&proof));
	buf_freezero(&proof);
	return (st);
}

enum scram_status
scram_server_step(struct scram_server *s, struct span in, struct span *out)
{
	enum scram_status	 st;

	switch (s->state) {
	case S_FIRST:
		st = client_first(s, in);
		break;
	case S_FOUND:
		st = in.n != 0 ? malformed(s, "message out of order") :
		    server_first(s);
		break;
	case S_FINAL:
		st = client_final(s, in);
		break;
	default:
		st = malformed(s, "message out of order");
		break;
	}
	*out = span_buf(&s->out);
	return (st);
}
