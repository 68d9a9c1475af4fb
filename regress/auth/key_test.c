/*
 * Clients with a certificate, at auth's links: what a key gives on which
 * listener, what may follow, what letterctl says of keys, what ends.  The proof
 * itself, which is tested elsewhere, is what this test says.
 */
#include <sys/socket.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "authd/auth_proof.h"
#include "authd/roles.h"
#include "clients.h"
#include "test.h"

#define CONN	7		/* the connection of each case */

enum which { NO_KEY, UNKNOWN, KEY, NO_PREAUTH, SECOND, KEYS };

static struct tlskey	 keys[KEYS];
static int		 client = -1;

/* ---- in place of auth_proof.c ---------------------------------------------------- */

int
proof_check(struct span record, struct span spki, uint8_t server[32],
    const char **why)
{
	(void)spki;
	memset(server, 'd', 32);
	*why = "this test says so";
	return (span_eqs(record, "proof") ? 0 : -1);
}

/* ---- words ----------------------------------------------------------------------- */

static void
make_key(struct tlskey *k)
{
	EVP_PKEY_CTX	*c = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
	EVP_PKEY	*key = NULL;
	unsigned char	*der = NULL;
	const char	*why;
	int		 n;

	if (EVP_PKEY_keygen_init(c) != 1 || EVP_PKEY_keygen(c, &key) != 1 ||
	    (n = i2d_PUBKEY(key, &der)) <= 0 ||
	    tlskey_read(span_of(der, (size_t)n), k, &why) == -1)
		abort();
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(c);
}

/* letterctl, with arguments that may hold any octet. */
static int
ctl(const char *verb, size_t n, const struct span *words)
{
	struct msg_ctl_arg	 args[8];
	struct msg_ctl		 m = { .verb = span_str(verb) };

	for (; m.args.n < n && m.args.n < nitems(args); m.args.n++)
		args[m.args.n].arg = words[m.args.n];
	m.args.v = args;
	codec_free(&c_ctl_page, &rig_page);
	if (rig_ask(rig_control(), M_CTL, &c_ctl, &m, -1, &c_ctl_page,
	    &rig_page) == -1)
		return (-1);
	return (rig_page.status);
}

static int
add(const struct tlskey *k, const char *address, const char *name,
    const char *preauth)
{
	struct span	 words[5] = { span_str(address), span_str(name),
			    span_str(preauth), span_of(k->spki, k->nspki),
			    span_str("a certificate") };

	return (ctl("tlspubkey add", 5, words));
}

static const char *
text_of(enum which w)
{
	static char	 text[4][TLSKEY_TEXT + 1];
	static int	 i;

	i = (i + 1) % 4;
	return (tlskey_text(keys[w].id, text[i]));
}

static int
update(enum which w, const char *name, const char *address,
    const char *preauth)
{
	return (RIG_CTL("tlspubkey update", text_of(w), name, address,
	    preauth));
}

static struct conf_listener *
listener(int i)
{
	return ((struct conf_listener *)rig_conf->listeners.v + i);
}

static struct peer **
wire(int i)
{
	return (listener(i)->kind == KIND_IMAP ? &front : &smtpd);
}

static struct msg_conn_identity	 identity;

/* What is made of a key on connection CONN.  -1: the link was closed. */
static int
show(struct peer *p, const uint8_t *key, const char *record)
{
	struct msg_conn_key	 m = { .conn = CONN,
				    .key = span_of(key, TLSKEY_ID),
				    .record = span_str(record) };

	if (rig_ask(p, M_CONN_KEY, &c_conn_key, &m, -1, &c_conn_identity,
	    &identity) == -1)
		return (-1);
	return (identity.conn == CONN ? identity.identity : -2);
}

static void
tls(struct peer *p)
{
	struct msg_conn_tls	 t = { .conn = CONN,
				    .version = span_str("TLSv1.3") };

	(void)peer_put(p, M_CONN_TLS, &c_conn_tls, &t, -1);
}

/* A connection after its handshake, with a key; the identity. */
static int
arrive(int where, enum which w)
{
	client = open_conn(*wire(where), where, CONN);
	tls(*wire(where));
	return (w == NO_KEY ? IDENTITY_NONE : show(*wire(where), keys[w].id,
	    "proof"));
}

static void
leave(int where)
{
	if (rig_linked(listener(where)->kind == KIND_IMAP ? ROLE_FRONT :
	    ROLE_SMTPD, 0))
		close_conn(*wire(where), CONN);
	close(client);
	rig_nsessions = 0;
}

/* By the certificate alone. */
static int
bare(int where)
{
	struct msg_sasl_start	 s = { .conn = CONN, .certificate = 1 };
	struct peer		*p = *wire(where);
	int			 fds[2];

	if ((p == smtpd ? imsg_pair(fds) : stream_pair(fds)) == -1)
		abort();
	close(fds[0]);
	if (rig_ask(p, M_SASL_START, &c_sasl_start, &s, fds[1], &c_sasl,
	    &said) == -1)
		return (-1);
	return (said.outcome);
}

static int
external(int where, const char *authzid)
{
	return (start(*wire(where), CONN, "EXTERNAL", span_str(authzid), 1,
	    NULL));
}

/* Is the key in the session that was vouched for? */
static int
keyed(enum which w)
{
	return (w == NO_KEY ? rig_session.key.n == 0 :
	    span_eq(rig_session.key, span_of(keys[w].id, TLSKEY_ID)));
}

/* Is there a row of that kind in the log of logins? */
static int
logged(const char *mech, const char *result)
{
	return (RIG_CTL("logins", "--mechanism", mech, "--result", result) ==
	    0 && rig_page.rows.n > 0);
}

/* ---- what a key gives -------------------------------------------------------------- */

static const struct {
	const char	*name;
	int		 where, strict;
	enum which	 which;
	int		 disabled;
	int		 want;
	int		 bare;		/* outcome of the certificate alone */
	int		 external;
} gives[] = {
	{ "IMAPS, none", RIG_IMAPS, 0, NO_KEY, 0, IDENTITY_NONE,
	  SASL_BAD_CREDENTIALS, SASL_BAD_CREDENTIALS },
	{ "IMAPS, unknown", RIG_IMAPS, 0, UNKNOWN, 0, IDENTITY_NONE,
	  SASL_BAD_CREDENTIALS, SASL_BAD_CREDENTIALS },
	{ "IMAPS, unknown, strict", RIG_IMAPS, 1, UNKNOWN, 0,
	  IDENTITY_REFUSED, SASL_BAD_CREDENTIALS, SASL_BAD_CREDENTIALS },
	{ "IMAPS, known", RIG_IMAPS, 0, KEY, 0, IDENTITY_PREAUTH, SASL_OK,
	  SASL_OK },
	{ "IMAPS, known, strict", RIG_IMAPS, 1, KEY, 0, IDENTITY_PREAUTH,
	  SASL_OK, SASL_OK },
	{ "IMAPS, known, disabled", RIG_IMAPS, 0, KEY, 1, IDENTITY_LATENT,
	  SASL_DISABLED, SASL_DISABLED },
	{ "IMAPS, no PREAUTH", RIG_IMAPS, 0, NO_PREAUTH, 0, IDENTITY_LATENT,
	  SASL_BAD_CREDENTIALS, SASL_OK },
	{ "IMAPS, no PREAUTH, disabled", RIG_IMAPS, 0, NO_PREAUTH, 1,
	  IDENTITY_LATENT, SASL_BAD_CREDENTIALS, SASL_DISABLED },
	{ "STARTTLS, known", RIG_IMAP_TLS, 0, KEY, 0, IDENTITY_LATENT,
	  SASL_BAD_CREDENTIALS, SASL_OK },
	{ "STARTTLS, optional", RIG_IMAP, 0, KEY, 0, IDENTITY_LATENT,
	  SASL_BAD_CREDENTIALS, SASL_OK },
	{ "STARTTLS, disabled", RIG_IMAP_TLS, 0, KEY, 1, IDENTITY_LATENT,
	  SASL_BAD_CREDENTIALS, SASL_DISABLED },
	{ "STARTTLS, unknown", RIG_IMAP_TLS, 0, UNKNOWN, 0, IDENTITY_NONE,
	  SASL_BAD_CREDENTIALS, SASL_BAD_CREDENTIALS },
	{ "STARTTLS, unknown, strict", RIG_IMAP_TLS, 1, UNKNOWN, 0,
	  IDENTITY_REFUSED, SASL_BAD_CREDENTIALS, SASL_BAD_CREDENTIALS },
	{ "submissions, known", RIG_SUBMISSIONS, 0, KEY, 0, IDENTITY_LATENT,
	  SASL_OK, SASL_OK },
	{ "submissions, no PREAUTH", RIG_SUBMISSIONS, 0, NO_PREAUTH, 0,
	  IDENTITY_LATENT, SASL_OK, SASL_OK },
	{ "submission, known", RIG_SUBMISSION, 0, KEY, 0, IDENTITY_LATENT,
	  SASL_OK, SASL_OK },
	{ "submissions, disabled", RIG_SUBMISSIONS, 0, KEY, 1,
	  IDENTITY_LATENT, SASL_DISABLED, SASL_DISABLED },
	{ "submission, no PREAUTH, disabled", RIG_SUBMISSION, 0, NO_PREAUTH,
	  1, IDENTITY_LATENT, SASL_DISABLED, SASL_DISABLED },
	{ "submissions, unknown", RIG_SUBMISSIONS, 0, UNKNOWN, 0,
	  IDENTITY_NONE, SASL_BAD_CREDENTIALS, SASL_BAD_CREDENTIALS },
	{ "submission, unknown, strict", RIG_SUBMISSION, 1, UNKNOWN, 0,
	  IDENTITY_REFUSED, SASL_BAD_CREDENTIALS, SASL_BAD_CREDENTIALS },
};

static void
test_gives(void)
{
	size_t	 i;
	int	 got, rc, imap;

	for (i = 0; i < nitems(gives); i++) {
		imap = listener(gives[i].where)->kind == KIND_IMAP;
		listener(gives[i].where)->ccert = gives[i].strict ?
		    CCERT_STRICT : CCERT_IGNORE_UNKNOWN;
		if (gives[i].disabled)
			(void)RIG_CTL("account disable", "alice", "no more");
		rig_nsessions = 0;
		got = arrive(gives[i].where, gives[i].which);
		CHECK(got == gives[i].want && (got == IDENTITY_REFUSED) ==
		    (identity.text.n > 0 && got != IDENTITY_NONE),
		    "%s: %d", gives[i].name, got);
		rc = bare(gives[i].where);
		CHECK(rc == gives[i].bare && rig_nsessions == (rc == SASL_OK) &&
		    (rc != SASL_DISABLED || span_eqs(said.text, "no more")),
		    "%s: by it alone: %d", gives[i].name, rc);
		if (rc == SASL_OK)
			CHECK(keyed(gives[i].which) && rig_session.preauth ==
			    imap && span_eqs(rig_session.mech,
			    "tlsclientauth") && span_eqs(rig_session.address,
			    "alice@d.example") && rig_session.tls &&
			    rig_session.tag.n == 0, "as whom and by what");
		leave(gives[i].where);
		forgive();
		(void)arrive(gives[i].where, gives[i].which);
		rc = external(gives[i].where, "");
		CHECK(rc == gives[i].external && rig_nsessions == (rc ==
		    SASL_OK) && (rc != SASL_DISABLED ||
		    span_eqs(said.text, "no more")),
		    "%s: EXTERNAL: %d", gives[i].name, rc);
		if (rc == SASL_OK)
			CHECK(keyed(gives[i].which) && !rig_session.preauth &&
			    span_eqs(rig_session.mech, "EXTERNAL") &&
			    span_eqs(rig_session.tag, "a1"), "and says so");
		leave(gives[i].where);
		if (gives[i].disabled)
			(void)RIG_CTL("account enable", "alice");
		listener(gives[i].where)->ccert = CCERT_IGNORE_UNKNOWN;
		forgive();
	}
	CHECK(logged("tlsclientauth", "ok") &&
	    logged("tlsclientauth", "logindisabled") &&
	    logged("tlsclientauth", "badcreds") &&
	    logged("EXTERNAL", "logindisabled"),
	    "the log of logins has each of them");
}

/* ---- what may follow ------------------------------------------------------------------ */

static const struct {
	const char	*name;
	const char	*authzid;	/* EXTERNAL; or NULL */
	const char	*user, *password;	/* PLAIN */
	int		 want;
	const char	*address;	/* of the session */
} follows[] = {
	{ "EXTERNAL", "", NULL, NULL, SASL_OK, "alice@d.example" },
	{ "EXTERNAL, its own", "alice@d.example", NULL, NULL, SASL_OK,
	  "alice@d.example" },
	{ "EXTERNAL, a second address", "al@d.example", NULL, NULL, SASL_OK,
	  "al@d.example" },
	{ "EXTERNAL, a separator", "al+x@d.example", NULL, NULL, SASL_OK,
	  "al+x@d.example" },
	{ "EXTERNAL, another's", "bob@d.example", NULL, NULL,
	  SASL_BAD_CREDENTIALS, NULL },
	{ "EXTERNAL, another's domain", "x@e.example", NULL, NULL,
	  SASL_BAD_CREDENTIALS, NULL },
	{ "EXTERNAL, unknown", "nobody@d.example", NULL, NULL,
	  SASL_BAD_CREDENTIALS, NULL },
	{ "EXTERNAL, no address", "alice", NULL, NULL,
	  SASL_BAD_CREDENTIALS, NULL },
	{ "password", NULL, "alice@d.example", "password-alice", SASL_OK,
	  "alice@d.example" },
	{ "password, second address", NULL, "al@d.example", "password-alice",
	  SASL_OK, "al@d.example" },
	{ "wrong password", NULL, "alice@d.example", "password-bob",
	  SASL_BAD_CREDENTIALS, NULL },
	{ "another's password", NULL, "bob@d.example", "password-bob",
	  SASL_BAD_CREDENTIALS, NULL },
	{ "another's wrong one", NULL, "bob@d.example", "password-alice",
	  SASL_BAD_CREDENTIALS, NULL },
};

static int
follow(int where, size_t i)
{
	return (follows[i].authzid != NULL ? external(where,
	    follows[i].authzid) : plain(*wire(where), CONN, follows[i].user,
	    follows[i].password));
}

static void
test_follows(void)
{
	static const struct {
		int	 where, bare;
	} places[] = { { RIG_IMAP_TLS, 0 }, { RIG_SUBMISSION, 0 },
	    { RIG_SUBMISSION, 1 }, { RIG_SUBMISSIONS, 1 } };
	size_t	 i, k;
	int	 rc;

	for (k = 0; k < nitems(places); k++)
		for (i = 0; i < nitems(follows); i++) {
			(void)arrive(places[k].where, KEY);
			if (places[k].bare)
				CHECK(bare(places[k].where) == SASL_OK,
				    "by key alone, then");
			rig_nsessions = 0;
			rc = follow(places[k].where, i);
			CHECK(rc == follows[i].want && rig_nsessions ==
			    (rc == SASL_OK), "%zu: %s: %d", k,
			    follows[i].name, rc);
			if (rc == SASL_OK)
				CHECK(span_eqs(rig_session.address,
				    follows[i].address) && span_eqs(
				    rig_session.name, "alice") && keyed(
				    follows[i].authzid != NULL ? KEY : NO_KEY),
				    "as %s", follows[i].address);
			else
				CHECK(external(places[k].where, "") ==
				    SASL_OK, "the identity stays");
			CHECK(external(places[k].where, "") == SASL_MALFORMED,
			    "and that was the last");
			CHECK(bare(places[k].where) == SASL_MALFORMED,
			    "also without a command");
			leave(places[k].where);
			forgive();
		}
	CHECK(logged("PLAIN", "badcreds") &&
	    logged("EXTERNAL", "badcreds"),
	    "who wants to be another has bad credentials, says the log");
	(void)arrive(RIG_SUBMISSION, KEY);
	CHECK(bare(RIG_SUBMISSION) == SASL_OK, "by key alone");
	CHECK(bare(RIG_SUBMISSION) == SASL_MALFORMED, "once");
	leave(RIG_SUBMISSION);
}

/* ---- time passes ------------------------------------------------------------------------- */

static void
test_later(void)
{
	struct msg_may_use	 u = { .address = span_str("alice@d.example"),
				    .key = span_of(keys[SECOND].id,
				    TLSKEY_ID) };
	struct msg_result	 r;
	struct tlskey		 k;
	struct span		 none = span_of("", 0);

	/* removed between the handshake and its use */
	CHECK(add(&keys[SECOND], "alice@d.example", "second", "yes") == 0,
	    "a second key");
	(void)arrive(RIG_IMAP_TLS, SECOND);
	CHECK(rig_session.account != 0, "an account");
	u.account = rig_session.account;
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_OK, "its session may send");
	CHECK(start(front, CONN, "EXTERNAL", none, 0, NULL) == SASL_MORE,
	    "EXTERNAL waits for a name");
	rig_nends = 0;
	CHECK(RIG_CTL("tlspubkey remove", text_of(SECOND)) == 0 &&
	    rig_nends == 3 && span_eq(rig_end.key, span_of(keys[SECOND].id,
	    TLSKEY_ID)) && rig_end.account == u.account && rig_end.why.n > 0,
	    "removed: two stores and queued end what it opened: %u",
	    rig_nends);
	CHECK(step(front, CONN, none) == SASL_BAD_CREDENTIALS,
	    "what was begun does not succeed");
	CHECK(external(RIG_IMAP_TLS, "") == SASL_BAD_CREDENTIALS,
	    "nor what is begun then");
	CHECK(plain(front, CONN, "bob@d.example", "password-bob") == SASL_OK,
	    "a key that is gone binds nobody");
	leave(RIG_IMAP_TLS);
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_NO && r.code == 525 &&
	    span_eqs(r.enhanced, "5.7.13"), "its session may not send");
	forgive();

	/* an address that is another's, whoever let that happen */
	(void)add(&keys[SECOND], "al@d.example", "second", "yes");
	(void)arrive(RIG_IMAP_TLS, SECOND);
	(void)tlskey_get(&auth.db, keys[SECOND].id, &k);
	snprintf(k.address, sizeof(k.address), "bob@d.example");
	(void)tlskey_put(&auth.db, &k);
	CHECK(external(RIG_IMAP_TLS, "") == SASL_BAD_CREDENTIALS &&
	    external(RIG_IMAP_TLS, "al@d.example") == SASL_BAD_CREDENTIALS,
	    "a key whose address went elsewhere");
	leave(RIG_IMAP_TLS);
	CHECK(arrive(RIG_IMAPS, SECOND) == IDENTITY_NONE, "is not known");
	leave(RIG_IMAPS);
	listener(RIG_IMAPS)->ccert = CCERT_STRICT;
	CHECK(arrive(RIG_IMAPS, SECOND) == IDENTITY_REFUSED, "or is refused");
	leave(RIG_IMAPS);
	listener(RIG_IMAPS)->ccert = CCERT_IGNORE_UNKNOWN;
	(void)RIG_CTL("tlspubkey remove", text_of(SECOND));
	forgive();

	/* moved, renamed, and PREAUTH or not */
	(void)add(&keys[SECOND], "alice@d.example", "second", "yes");
	rig_nends = 0;
	CHECK(update(SECOND, "third", "", "no") == 0 && rig_nends == 0 &&
	    arrive(RIG_IMAPS, SECOND) == IDENTITY_LATENT,
	    "a name and no PREAUTH");
	leave(RIG_IMAPS);
	CHECK(update(SECOND, "", "al@d.example", "yes") == 0 &&
	    rig_nends == 3, "another address ends its sessions");
	CHECK(arrive(RIG_IMAPS, SECOND) == IDENTITY_PREAUTH &&
	    bare(RIG_IMAPS) == SASL_OK && span_eqs(rig_session.address,
	    "al@d.example"), "and is the address");
	leave(RIG_IMAPS);
	CHECK(update(SECOND, "", "bob@d.example", "") == 1,
	    "a key stays with its account");
	(void)RIG_CTL("tlspubkey remove", text_of(SECOND));
}

static void
test_limit(void)
{
	char	 word[32];
	int	 i;

	for (i = 0; i < 20; i++) {
		snprintf(word, sizeof(word), "wrong-password-%d", i);
		if (try_plain("alice@d.example", word) == -2)
			break;
	}
	CHECK(i < 20, "so many failures close the door");
	client = open_conn(front, RIG_IMAPS, CONN);
	CHECK(client == -1, "to keys as well");
	forgive();
	client = open_conn(front, RIG_IMAP_TLS, CONN);
	tls(front);
	for (i = 0; i < 20; i++) {
		snprintf(word, sizeof(word), "wrong-again-%d", i);
		if (try_plain("alice@d.example", word) == -2)
			break;
	}
	CHECK(show(front, keys[KEY].id, "proof") == IDENTITY_NONE,
	    "who is there already has no identity");
	CHECK(external(RIG_IMAP_TLS, "") == SASL_TOO_MANY, "nor a try");
	leave(RIG_IMAP_TLS);
	forgive();
	/* strict: an unknown key is a failure */
	listener(RIG_IMAPS)->ccert = CCERT_STRICT;
	for (i = 0; i < 20; i++) {
		if ((client = open_conn(front, RIG_IMAPS, CONN)) == -1)
			break;
		tls(front);
		(void)show(front, keys[UNKNOWN].id, "proof");
		leave(RIG_IMAPS);
	}
	CHECK(i == 10, "strict: an unknown key counts: %d", i);
	listener(RIG_IMAPS)->ccert = CCERT_IGNORE_UNKNOWN;
	forgive();
	for (i = 0; i < 20; i++) {
		if ((client = open_conn(front, RIG_IMAPS, CONN)) == -1)
			break;
		tls(front);
		(void)show(front, keys[UNKNOWN].id, "proof");
		leave(RIG_IMAPS);
	}
	CHECK(i == 20, "else it does not: %d", i);
}

/* ---- letterctl --------------------------------------------------------------------------- */

static int
row_says(const char *words)
{
	const struct msg_ctl_row	*r = rig_page.rows.v;
	char				*s;
	int				 rc;

	if (rig_page.rows.n == 0 || (s = span_dup(r[0].json)) == NULL)
		return (0);
	rc = strstr(s, words) != NULL;
	free(s);
	return (rc);
}

static void
test_ctl(void)
{
	struct span	 words[5] = { span_str("alice@d.example"),
			    span_str("name"), span_str("yes"),
			    span_str("no key"), span_of("", 0) };
	uint8_t		 big[TLSKEY_CERT + 1] = { 0 };
	char		 name[TLSKEY_NAME + 2];

	CHECK(RIG_CTL("tlspubkey list", "alice") == 0 && rig_page.rows.n == 2,
	    "an account's keys");
	CHECK(RIG_CTL("tlspubkey list", "bob") == 0 && rig_page.rows.n == 0,
	    "who has none");
	CHECK(RIG_CTL("tlspubkey list") == 0 && rig_page.rows.n == 2, "all");
	CHECK(RIG_CTL("tlspubkey list", "nobody") == 1, "nobody's");
	CHECK(RIG_CTL("tlspubkey show", text_of(KEY)) == 0 &&
	    row_says("\"type\":\"ed25519\"") && row_says("\"laptop\"") &&
	    row_says("\"account\":\"alice\"") &&
	    row_says("\"imap_preauth\":true") &&
	    row_says("\"certificate\":\"YSBjZXJ0aWZpY2F0ZQ==\"") &&
	    row_says("\"public_key\":\"MCow"), "one, with all about it");
	CHECK(RIG_CTL("tlspubkey show", text_of(UNKNOWN)) == 1 &&
	    says("no key"), "one that is not there");
	CHECK(RIG_CTL("tlspubkey show", "short") == 1 &&
	    RIG_CTL("tlspubkey remove", "short") == 1 &&
	    RIG_CTL("tlspubkey remove", text_of(UNKNOWN)) == 1 &&
	    update(UNKNOWN, "x", "", "") == 1, "nor can be changed");
	CHECK(add(&keys[KEY], "bob@d.example", "x", "yes") == 1 &&
	    says("alice@d.example already"), "a key is one account's");
	CHECK(ctl("tlspubkey add", 5, words) == 1 && says("not a public key"),
	    "what is no key");
	words[3] = span_of(keys[SECOND].spki, keys[SECOND].nspki);
	words[2] = span_str("maybe");
	CHECK(ctl("tlspubkey add", 5, words) == 1, "PREAUTH is yes or no");
	words[2] = span_str("yes");
	words[4] = span_of(big, sizeof(big));
	CHECK(ctl("tlspubkey add", 5, words) == 1 && says("too large"),
	    "a certificate that is too large");
	words[4] = span_of("", 0);
	words[0] = span_str("nobody@d.example");
	CHECK(ctl("tlspubkey add", 5, words) == 1, "nobody's address");
	words[0] = span_str("postmaster@d.example");
	CHECK(ctl("tlspubkey add", 5, words) == 1, "postmaster's");
	words[0] = span_str("alice@d.example");
	memset(name, 'n', sizeof(name));
	words[1] = span_of(name, TLSKEY_NAME + 1);
	CHECK(ctl("tlspubkey add", 5, words) == 1 &&
	    add(&keys[SECOND], "alice@d.example", "", "yes") == 1 &&
	    add(&keys[SECOND], "alice@d.example", "a\nb", "yes") == 1 &&
	    add(&keys[SECOND], "alice@d.example", "\377", "yes") == 1,
	    "what is no name");
	words[1] = span_of(name, TLSKEY_NAME);
	words[0] = span_str("ALICE+x@D.example");
	CHECK(ctl("tlspubkey add", 5, words) == 0 &&
	    says("logs in as alice@d.example"), "a long name, and the address "
	    "in its one form");
	CHECK(RIG_CTL("tlspubkey show", text_of(SECOND)) == 0 &&
	    !row_says("\"certificate\""), "without a certificate");
	(void)RIG_CTL("tlspubkey remove", text_of(SECOND));
}

/* The next configuration leaves a domain out. */
static void
test_domains(void)
{
	struct list	*domains = &rig_conf->domains;
	struct buf	 why = { 0 };
	size_t		 n = domains->n;

	CHECK(auth_ops.prepare(rig_conf, &why) == 0 && why.n == 0,
	    "all domains are there");
	domains->n = 0;
	CHECK(auth_ops.prepare(rig_conf, &why) == -1 && strstr(buf_cstr(&why),
	    "alice@d.example") != NULL, "one is left out: %s", buf_cstr(&why));
	domains->n = n;
	buf_free(&why);
}

static void
test_addresses(void)
{
	CHECK(RIG_CTL("address remove", "alice", "alice@d.example") == 1 &&
	    says("to account alice as alice@d.example"),
	    "an address that a key uses stays");
	CHECK(RIG_CTL("address remove", "alice", "al@d.example") == 0 &&
	    RIG_CTL("address add", "alice", "al@d.example") == 0,
	    "another does not");
	CHECK(add(&keys[SECOND], "any@e.example", "bob's", "yes") == 0,
	    "an address of a whole domain");
	CHECK(arrive(RIG_IMAPS, SECOND) == IDENTITY_PREAUTH &&
	    bare(RIG_IMAPS) == SASL_OK &&
	    span_eqs(rig_session.address, "any@e.example") &&
	    span_eqs(rig_session.name, "bob"), "logs in");
	leave(RIG_IMAPS);
	CHECK(RIG_CTL("address remove", "bob", "@e.example") == 1 &&
	    says("any@e.example"), "then the domain stays");
	CHECK(RIG_CTL("address add", "alice", "any@e.example") == 1 &&
	    says("bob's") && RIG_CTL("account add", "eve", "any@e.example",
	    "password-eve") == 1 && says("bob's"),
	    "nobody else gets that address");
	CHECK(RIG_CTL("address add", "bob", "any@e.example") == 0 &&
	    RIG_CTL("address remove", "bob", "@e.example") == 0,
	    "but its own account, and then the domain may go");
	CHECK(RIG_CTL("address remove", "bob", "any@e.example") == 1,
	    "and it does not");
	CHECK(RIG_CTL("account remove", "bob") == 0 &&
	    arrive(RIG_IMAPS, SECOND) == IDENTITY_NONE,
	    "an account takes its keys along");
	leave(RIG_IMAPS);
	CHECK(RIG_CTL("tlspubkey list") == 0 && rig_page.rows.n == 2,
	    "and no others");
}

/* ---- processes that lie, or go away --------------------------------------------------------- */

static void
test_hostile(void)
{
	struct msg_conn_key	 m = { .conn = 99 };
	struct msg_sasl_start	 s = { .conn = CONN, .certificate = 1,
				    .mech = span_str("PLAIN") };
	int			 fds[2];

	/* a claim that keys does not know */
	rig_claimed = RESULT_NO;
	CHECK(arrive(RIG_IMAPS, KEY) == IDENTITY_NONE &&
	    rig_claim.role == ROLE_FRONT && rig_claim.instance == 0 &&
	    rig_claim.digest[0] == 'd', "keys did not sign that");
	CHECK(bare(RIG_IMAPS) == SASL_BAD_CREDENTIALS &&
	    external(RIG_IMAPS, "") == SASL_BAD_CREDENTIALS,
	    "so it is nobody");
	CHECK(show(front, keys[KEY].id, "proof") == -1 &&
	    !rig_linked(ROLE_FRONT, 0), "and nobody asks twice");
	close(client);
	front = rig_link(ROLE_FRONT, 0);
	listener(RIG_IMAPS)->ccert = CCERT_STRICT;
	CHECK(arrive(RIG_IMAPS, KEY) == IDENTITY_REFUSED, "or refused");
	leave(RIG_IMAPS);
	listener(RIG_IMAPS)->ccert = CCERT_IGNORE_UNKNOWN;
	rig_claimed = RESULT_OK;

	/* a proof that is none */
	client = open_conn(front, RIG_IMAPS, CONN);
	tls(front);
	rig_nclaims = 0;
	CHECK(show(front, keys[KEY].id, "no proof") == IDENTITY_NONE &&
	    rig_linked(ROLE_FRONT, 0) && rig_nclaims == 0,
	    "what does not prove it is no identity");
	CHECK(bare(RIG_IMAPS) == SASL_BAD_CREDENTIALS &&
	    external(RIG_IMAPS, "") == SASL_BAD_CREDENTIALS, "for anything");
	leave(RIG_IMAPS);
	listener(RIG_IMAPS)->ccert = CCERT_STRICT;
	client = open_conn(front, RIG_IMAPS, CONN);
	tls(front);
	CHECK(show(front, keys[KEY].id, "no proof") == IDENTITY_REFUSED,
	    "strict: refused");
	leave(RIG_IMAPS);
	listener(RIG_IMAPS)->ccert = CCERT_IGNORE_UNKNOWN;
	client = open_conn(front, RIG_IMAPS, CONN);
	tls(front);
	CHECK(show(front, keys[KEY].id, "") == IDENTITY_NONE &&
	    rig_nclaims == 0, "without a proof there is no identity");
	leave(RIG_IMAPS);

	/* out of order */
	client = open_conn(front, RIG_IMAPS, CONN);
	CHECK(show(front, keys[KEY].id, "proof") == -1 &&
	    !rig_linked(ROLE_FRONT, 0), "no key before TLS");
	close(client);
	front = rig_link(ROLE_FRONT, 0);
	client = open_conn(smtpd, RIG_SMTP, CONN);
	tls(smtpd);
	CHECK(show(smtpd, keys[KEY].id, "proof") == -1 &&
	    !rig_linked(ROLE_SMTPD, 0), "none on port 25");
	close(client);
	smtpd = rig_link(ROLE_SMTPD, 0);
	m.key = span_of(keys[KEY].id, TLSKEY_ID - 1);
	CHECK(rig_ask(front, M_CONN_KEY, &c_conn_key, &m, -1,
	    &c_conn_identity, &identity) == -1 && !rig_linked(ROLE_FRONT, 0),
	    "a fingerprint has its length");
	front = rig_link(ROLE_FRONT, 0);
	m.key = span_of(keys[KEY].id, TLSKEY_ID);
	CHECK(rig_ask(front, M_CONN_KEY, &c_conn_key, &m, -1,
	    &c_conn_identity, &identity) == 0 && identity.conn == 99 &&
	    identity.identity == IDENTITY_NONE, "a connection that is not");
	(void)arrive(RIG_IMAPS, KEY);
	(void)stream_pair(fds);
	CHECK(rig_ask(front, M_SASL_START, &c_sasl_start, &s, fds[1], &c_sasl,
	    &said) == -1 && !rig_linked(ROLE_FRONT, 0),
	    "by certificate with a mechanism");
	close(fds[0]);
	close(client);
	front = rig_link(ROLE_FRONT, 0);

	/* the listener asks no more, since the configuration was loaded anew */
	listener(RIG_IMAPS)->ccert = CCERT_OFF;
	CHECK(arrive(RIG_IMAPS, KEY) == IDENTITY_NONE, "off is off");
	leave(RIG_IMAPS);
	listener(RIG_IMAPS)->ccert = CCERT_IGNORE_UNKNOWN;
}

static unsigned	 answers;
static int	 last;

static int
on_identity(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_conn_identity	 i;

	(void)arg;
	(void)p;
	answers++;
	last = m == NULL || imsg_get(m, &c_conn_identity, &i) == -1 ? -1 :
	    i.identity;
	return (0);
}

static void
ask(const uint8_t *key)
{
	struct msg_conn_key	 m = { .conn = CONN,
				    .key = span_of(key, TLSKEY_ID),
				    .record = span_str("proof") };

	answers = 0;
	client = open_conn(front, RIG_IMAPS, CONN);
	tls(front);
	(void)peer_ask(front, M_CONN_KEY, &c_conn_key, &m, -1, on_identity,
	    NULL);
	rig_run();
}

/* keys takes its time; each request has one answer nevertheless. */
static void
test_slow(void)
{
	rig_silent = 1;
	ask(keys[KEY].id);
	CHECK(answers == 0, "keys is slow");
	close_conn(front, CONN);
	CHECK(answers == 1 && last == IDENTITY_NONE, "the client leaves");
	close(client);
	ask(keys[KEY].id);
	rig_silent = 0;
	CHECK(plain(front, CONN, "alice@d.example", "password-alice") ==
	    SASL_OK && answers == 1 && last == IDENTITY_NONE,
	    "who does not wait has no identity");
	leave(RIG_IMAPS);
	rig_silent = 1;
	ask(keys[KEY].id);
	rig_unlink(ROLE_KEYS, 0);
	rig_run();
	CHECK(answers == 1 && last == IDENTITY_NONE, "keys goes away");
	leave(RIG_IMAPS);
	rig_silent = 0;
	CHECK(arrive(RIG_IMAPS, KEY) == IDENTITY_NONE, "is away");
	leave(RIG_IMAPS);
	rig_link(ROLE_KEYS, 0);
	CHECK(arrive(RIG_IMAPS, KEY) == IDENTITY_PREAUTH, "and is back");
	leave(RIG_IMAPS);
	rig_silent = 1;
	ask(keys[KEY].id);
	rig_unlink(ROLE_FRONT, 0);
	rig_run();
	CHECK(answers == 1 && last == -1, "the asker goes away");
	rig_silent = 0;
	close(client);
	front = rig_link(ROLE_FRONT, 0);
	/* removed while keys was asked */
	rig_silent = 1;
	(void)add(&keys[SECOND], "alice@d.example", "second", "yes");
	ask(keys[SECOND].id);
	(void)RIG_CTL("tlspubkey remove", text_of(SECOND));
	rig_unlink(ROLE_KEYS, 0);
	rig_run();
	rig_silent = 0;
	rig_link(ROLE_KEYS, 0);
	CHECK(answers == 1 && last == IDENTITY_NONE, "a key that goes away");
	leave(RIG_IMAPS);
}

int
main(void)
{
	size_t	 i;

	clients_begin();
	rig_link(ROLE_KEYS, 0);
	for (i = UNKNOWN; i < KEYS; i++)
		make_key(&keys[i]);
	if (add(&keys[KEY], "alice@d.example", "laptop", "yes") != 0 ||
	    add(&keys[NO_PREAUTH], "alice@d.example", "phone", "no") != 0)
		return (1);
	test_gives();
	test_follows();
	test_later();
	test_limit();
	test_ctl();
	test_domains();
	test_hostile();
	test_slow();
	test_addresses();
	rig_end_all();
	return (test_done());
}
