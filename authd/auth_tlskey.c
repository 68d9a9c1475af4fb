/*
 * Public keys of client certificates: see auth_tlskey.h.  Databases: "tlskey",
 * fingerprint: the key; "tlsowner", id fingerprint: keys of an account;
 * "tlscert", fingerprint: a certificate.
 */
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/auth_tlskey.h"

struct rec_tlskey {
	uint64_t	 account, created;
	uint8_t		 no_preauth;
	struct span	 type, name, address, spki;
};

static const struct field f_tlskey[] = {
	F_U64(rec_tlskey, account), F_U64(rec_tlskey, created),
	F_U8(rec_tlskey, no_preauth), F_STR(rec_tlskey, type, TLSKEY_TYPE),
	F_STR(rec_tlskey, name, TLSKEY_NAME),
	F_STR(rec_tlskey, address, CANON_MAX),
	F_STR(rec_tlskey, spki, TLSKEY_SPKI),
};
static const struct codec c_rec_tlskey = CODEC(rec_tlskey, f_tlskey);

static int	 type_of(EVP_PKEY *, char *, size_t, const char **);
static int	 curve_of(const EVP_PKEY *, char *, size_t);
static void	 text(char *, struct span);
static int	 to_tlskey(struct span, const struct rec_tlskey *,
		    struct tlskey *);
static struct span	 owner_key(uint8_t [8 + TLSKEY_ID], uint64_t,
		    const uint8_t *);

/* ---- keys from outside ------------------------------------------------------ */

static int
curve_of(const EVP_PKEY *key, char *type, size_t n)
{
	static const struct {
		const char	*group, *type;
	} curves[] = {
		{ SN_X9_62_prime256v1, "ecdsa-p256" },
		{ SN_secp384r1, "ecdsa-p384" },
		{ SN_secp521r1, "ecdsa-p521" },
	};
	const EC_KEY	*ec = EVP_PKEY_get0_EC_KEY((EVP_PKEY *)(uintptr_t)key);
	const EC_GROUP	*g = ec == NULL ? NULL : EC_KEY_get0_group(ec);
	const char	*name;
	size_t		 i;

	/* a curve that is spelled out, not named, is none of these */
	if (g == NULL || EC_GROUP_get_asn1_flag(g) != OPENSSL_EC_NAMED_CURVE ||
	    (name = OBJ_nid2sn(EC_GROUP_get_curve_name(g))) == NULL)
		return (-1);
	for (i = 0; i < nitems(curves); i++)
		if (strcmp(curves[i].group, name) == 0) {
			(void)snprintf(type, n, "%s", curves[i].type);
			return (0);
		}
	return (-1);
}

static int
type_of(EVP_PKEY *key, char *type, size_t n, const char **why)
{
	int	 bits = EVP_PKEY_bits(key);

	switch (EVP_PKEY_base_id(key)) {
	case EVP_PKEY_RSA:
		*why = bits < 2048 ? "an RSA key has at least 2048 bits" :
		    "an RSA key has at most 8192 bits";
		(void)snprintf(type, n, "rsa-%d", bits);
		return (bits < 2048 || bits > 8192 ? -1 : 0);
	case EVP_PKEY_EC:
		*why = "the curve is none of P-256, P-384 and P-521";
		return (curve_of(key, type, n));
	case EVP_PKEY_ED25519:
		(void)snprintf(type, n, "ed25519");
		return (0);
	default:
		*why = "the key is not of RSA, ECDSA or Ed25519";
		return (-1);
	}
}

int
tlskey_read(struct span spki, struct tlskey *k, const char **why)
{
	const unsigned char	*p = spki.p;
	unsigned char		*again = NULL;
	EVP_PKEY		*key;
	unsigned		 n = TLSKEY_ID;
	int			 len, rc = -1;

	*why = "not a public key";
	if (spki.n == 0)
		return (-1);
	if (spki.n > TLSKEY_SPKI) {
		*why = "the key is too large";
		return (-1);
	}
	if ((key = d2i_PUBKEY(NULL, &p, (long)spki.n)) == NULL)
		return (-1);
	len = i2d_PUBKEY(key, &again);
	if (p != spki.p + spki.n || len <= 0 || (size_t)len != spki.n ||
	    memcmp(again, spki.p, spki.n) != 0)
		*why = "the public key is not in its canonical form (DER)";
	else if (type_of(key, k->type, sizeof(k->type), why) == 0 &&
	    EVP_Digest(spki.p, spki.n, k->id, &n, EVP_sha256(), NULL) == 1) {
		memcpy(k->spki, spki.p, spki.n);
		k->nspki = spki.n;
		rc = 0;
	}
	OPENSSL_free(again);
	EVP_PKEY_free(key);
	return (rc);
}

/* ---- fingerprints ------------------------------------------------------------- */

const char *
tlskey_text(const uint8_t id[TLSKEY_ID], char text[TLSKEY_TEXT + 1])
{
	struct buf	 b = { 0 };
	size_t		 i;

	if (buf_add_base64(&b, span_of(id, TLSKEY_ID)) == -1)
		memset(text, '?', TLSKEY_TEXT);
	for (i = 0; i < TLSKEY_TEXT && i < b.n; i++)
		text[i] = b.p[i] == '+' ? '-' : b.p[i] == '/' ? '_' :
		    (char)b.p[i];
	text[TLSKEY_TEXT] = '\0';
	buf_free(&b);
	return (text);
}

int
tlskey_parse(struct span text, uint8_t id[TLSKEY_ID])
{
	struct buf	 b = { 0 };
	char		 c[TLSKEY_TEXT + 1];
	size_t		 i;
	int		 rc = -1;

	if (text.n != TLSKEY_TEXT)
		return (-1);
	for (i = 0; i < TLSKEY_TEXT; i++) {
		if (text.p[i] == '+' || text.p[i] == '/')
			return (-1);
		c[i] = text.p[i] == '-' ? '+' : text.p[i] == '_' ? '/' :
		    (char)text.p[i];
	}
	c[TLSKEY_TEXT] = '=';
	if (buf_add_unbase64(&b, span_of(c, sizeof(c))) == 0 &&
	    b.n == TLSKEY_ID) {
		memcpy(id, b.p, TLSKEY_ID);
		rc = 0;
	}
	buf_free(&b);
	return (rc);
}

int
tlskey_step(uint8_t id[TLSKEY_ID])
{
	int	 i;

	for (i = TLSKEY_ID - 1; i >= 0; i--)
		if (++id[i] != 0)
			return (0);
	return (-1);
}

/* ---- records -------------------------------------------------------------------- */

/* Where there is room, and all zeroes. */
static void
text(char *out, struct span s)
{
	if (s.n > 0)
		memcpy(out, s.p, s.n);
}

static int
to_tlskey(struct span id, const struct rec_tlskey *r, struct tlskey *k)
{
	if (id.n != TLSKEY_ID || r->spki.n == 0) {
		errno = EILSEQ;
		return (-1);
	}
	memmove(k->id, id.p, TLSKEY_ID);	/* may be its own */
	memset(&k->account, 0, sizeof(*k) - offsetof(struct tlskey, account));
	k->account = r->account;
	k->created = r->created;
	k->no_preauth = r->no_preauth;
	text(k->type, r->type);
	text(k->name, r->name);
	text(k->address, r->address);
	memcpy(k->spki, r->spki.p, r->spki.n);
	k->nspki = r->spki.n;
	return (0);
}

static struct span
owner_key(uint8_t b[8 + TLSKEY_ID], uint64_t account, const uint8_t *id)
{
	key64(b, account);
	memcpy(b + 8, id, TLSKEY_ID);
	return (span_of(b, 8 + TLSKEY_ID));
}

int
tlskey_get(struct userdb *u, const uint8_t id[TLSKEY_ID], struct tlskey *k)
{
	struct rec_tlskey	 r;

	if (userdb_read(u->tlskey, span_of(id, TLSKEY_ID), &c_rec_tlskey,
	    &r) == -1)
		return (-1);
	return (to_tlskey(span_of(id, TLSKEY_ID), &r, k));
}

int
tlskey_cert(struct userdb *u, const uint8_t id[TLSKEY_ID], struct buf *out)
{
	struct span	 val;

	if (dbenv_get(u->tlscert, span_of(id, TLSKEY_ID), &val) == -1)
		return (-1);
	return (buf_add_span(out, val));
}

int
tlskey_put(struct userdb *u, const struct tlskey *k)
{
	struct rec_tlskey	 r = { .account = k->account,
				    .created = k->created,
				    .no_preauth = k->no_preauth };

	r.type = span_str(k->type);
	r.name = span_str(k->name);
	r.address = span_str(k->address);
	r.spki = span_of(k->spki, k->nspki);
	return (userdb_write(u->tlskey, span_of(k->id, TLSKEY_ID),
	    &c_rec_tlskey, &r));
}

int
tlskey_full(struct userdb *u, uint64_t account)
{
	struct dbenv_iter	 it;
	struct span		 none = { 0 }, key, val;
	uint8_t			 k[8];
	int			 n = 0, rc;

	dbenv_iter_init(&it, u->tlsowner, none, key64(k, account));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1 &&
	    n < TLSKEY_ACCOUNT)
		n++;
	dbenv_iter_free(&it);
	return (rc == -1 ? -1 : n >= TLSKEY_ACCOUNT);
}

int
tlskey_add(struct userdb *u, const struct tlskey *k, struct span cert)
{
	uint8_t	 b[8 + TLSKEY_ID];
	int	 rc;

	if (dbenv_has(u->tlskey, span_of(k->id, TLSKEY_ID)) != 0) {
		errno = EEXIST;
		return (-1);
	}
	if ((rc = tlskey_full(u, k->account)) != 0) {
		if (rc == 1)
			errno = EMLINK;
		return (-1);
	}
	if (tlskey_put(u, k) == -1 || dbenv_put(u->tlsowner, owner_key(b,
	    k->account, k->id), span_of("", 0)) == -1)
		return (-1);
	return (cert.n == 0 ? 0 : dbenv_put(u->tlscert, span_of(k->id,
	    TLSKEY_ID), cert));
}

int
tlskey_del(struct userdb *u, const struct tlskey *k)
{
	struct span	 id = span_of(k->id, TLSKEY_ID);
	uint8_t		 b[8 + TLSKEY_ID];

	if (dbenv_del(u->tlskey, id) == -1 ||
	    dbenv_del(u->tlsowner, owner_key(b, k->account, k->id)) == -1)
		return (-1);
	return (dbenv_del(u->tlscert, id) == -1 && errno != ENOENT ? -1 : 0);
}

int
tlskey_del_all(struct userdb *u, uint64_t account)
{
	static const uint8_t	 first[TLSKEY_ID];
	struct tlskey		 k;

	while (tlskey_next_of(u, account, first, &k) == 0)
		if (tlskey_del(u, &k) == -1)
			return (-1);
	return (errno == ENOENT ? 0 : -1);
}

int
tlskey_next(struct userdb *u, const uint8_t id[TLSKEY_ID], struct tlskey *k)
{
	struct rec_tlskey	 r;
	struct span		 found, val;

	if (dbenv_next(u->tlskey, span_of(id, TLSKEY_ID), &found, &val) == -1)
		return (-1);
	if (codec_get(&val, &c_rec_tlskey, &r) == -1 || val.n != 0) {
		errno = EILSEQ;
		return (-1);
	}
	return (to_tlskey(found, &r, k));
}

int
tlskey_next_of(struct userdb *u, uint64_t account,
    const uint8_t id[TLSKEY_ID], struct tlskey *k)
{
	struct span	 found, val;
	uint8_t		 b[8 + TLSKEY_ID];

	if (dbenv_next(u->tlsowner, owner_key(b, account, id), &found,
	    &val) == -1)
		return (-1);
	if (found.n != sizeof(b) || memcmp(found.p, b, 8) != 0) {
		errno = ENOENT;
		return (-1);
	}
	memcpy(b, found.p, sizeof(b));
	return (tlskey_get(u, b + 8, k));
}

int
tlskey_domains(struct userdb *u, const struct conf *c, struct buf *why)
{
	struct tlskey	 k;
	uint8_t		 id[TLSKEY_ID] = { 0 };
	const char	*host;
	char		 text[TLSKEY_TEXT + 1];

	while (tlskey_next(u, id, &k) == 0) {
		host = strrchr(k.address, '@');
		if (host != NULL && conf_domain(c, span_str(host + 1)) ==
		    NULL) {
			buf_addf(why, "domain \"%s\" is left out, and the key "
			    "%s logs in as %s: remove it, or give it another "
			    "address, first", host + 1, tlskey_text(k.id,
			    text), k.address);
			return (-1);
		}
		memcpy(id, k.id, sizeof(id));
		if (tlskey_step(id) == -1)
			return (0);
	}
	if (errno == ENOENT)
		return (0);
	buf_adds(why, "keys of clients cannot be read");
	return (-1);
}
