/*
 * Public keys of clients: what is taken for one, and the database, also one
 * that was made before there were any.
 */
#include "dbenv/dbtest.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "authd/auth_tlskey.h"

static struct userdb	 db;

static void
reopen(const char *name)
{
	struct dbenv_conf	 dc = dbtest_conf(name);
	struct buf		 why = { 0 };

	if (db.env != NULL)
		userdb_close(&db);
	if (userdb_open(&db, &dc, &why) == -1) {
		printf("Bail out! %s\n", buf_cstr(&why));
		exit(1);
	}
	buf_free(&why);
}

/* ---- what is a key ------------------------------------------------------------ */

static void
spki_of(EVP_PKEY *key, struct buf *out)
{
	unsigned char	*der = NULL;
	int		 n = i2d_PUBKEY(key, &der);

	buf_reset(out);
	buf_add(out, der, n > 0 ? (size_t)n : 0);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
}

/* param: bits, or the curve */
static void
make_key(int type, int param, struct buf *out)
{
	EVP_PKEY_CTX	*c = EVP_PKEY_CTX_new_id(type, NULL);
	EVP_PKEY	*key = NULL;

	(void)EVP_PKEY_keygen_init(c);
	if (type == EVP_PKEY_RSA)
		(void)EVP_PKEY_CTX_set_rsa_keygen_bits(c, param);
	else if (type == EVP_PKEY_EC)
		(void)EVP_PKEY_CTX_set_ec_paramgen_curve_nid(c, param);
	if (EVP_PKEY_keygen(c, &key) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(c);
	spki_of(key, out);
}

static const struct {
	const char	*name;
	int		 type, param;
	const char	*want;		/* NULL: refused */
} kinds[] = {
	{ "RSA 1024", EVP_PKEY_RSA, 1024, NULL },
	{ "RSA 2047", EVP_PKEY_RSA, 2047, NULL },
	{ "RSA 2048", EVP_PKEY_RSA, 2048, "rsa-2048" },
	{ "P-224", EVP_PKEY_EC, NID_secp224r1, NULL },
	{ "P-256", EVP_PKEY_EC, NID_X9_62_prime256v1, "ecdsa-p256" },
	{ "P-384", EVP_PKEY_EC, NID_secp384r1, "ecdsa-p384" },
	{ "P-521", EVP_PKEY_EC, NID_secp521r1, "ecdsa-p521" },
	{ "secp256k1", EVP_PKEY_EC, NID_secp256k1, NULL },
	{ "Ed25519", EVP_PKEY_ED25519, 0, "ed25519" },
	{ "Ed448", EVP_PKEY_ED448, 0, NULL },
	{ "X25519", EVP_PKEY_X25519, 0, NULL },
};

static void
test_kinds(void)
{
	struct buf	 spki = { 0 };
	struct tlskey	 k;
	const char	*why;
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(kinds); i++) {
		make_key(kinds[i].type, kinds[i].param, &spki);
		memset(&k, 0, sizeof(k));
		why = NULL;
		rc = tlskey_read(span_buf(&spki), &k, &why);
		CHECK(spki.n > 0 && (kinds[i].want == NULL ? rc == -1 &&
		    why != NULL : rc == 0 && strcmp(k.type,
		    kinds[i].want) == 0 && k.nspki == spki.n),
		    "%s: %s", kinds[i].name, rc == 0 ? k.type : why);
	}
	buf_free(&spki);
}

static void
test_octets(void)
{
	struct buf	 spki = { 0 }, b = { 0 };
	struct tlskey	 k;
	const char	*why;
	size_t		 i, n = 0;

	make_key(EVP_PKEY_ED25519, 0, &spki);
	for (i = 0; i < spki.n; i++)
		n += tlskey_read(span_of(spki.p, i), &k, &why) == -1;
	CHECK(n == spki.n, "no part of a key is one");
	buf_add_span(&b, span_buf(&spki));
	buf_addc(&b, 0);
	CHECK(tlskey_read(span_buf(&b), &k, &why) == -1,
	    "nor is one with an octet behind it");
	/* BER: the length of the outer sequence in two octets */
	buf_reset(&b);
	buf_addc(&b, 0x30);
	buf_addc(&b, 0x81);
	buf_add(&b, spki.p + 1, spki.n - 1);
	CHECK(tlskey_read(span_buf(&b), &k, &why) == -1, "nor one in BER: %s",
	    why);
	buf_reset(&b);
	for (i = 0; i <= TLSKEY_SPKI; i++)
		buf_addc(&b, 0x30);
	CHECK(tlskey_read(span_buf(&b), &k, &why) == -1, "nor a large one");
	buf_free(&b);
	buf_free(&spki);
}

static const struct {
	const char	*text;
	int		 want;
} fingerprints[] = {
	{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0 },
	{ "-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8", 0 },
	{ "__________________________________________8", 0 },
	{ "__________________________________________9", -1 }, /* bits left */
	{ "+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/8", -1 },
	{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", -1 },
	{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", -1 },
	{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA A", -1 },
	{ "", -1 },
};

static void
test_fingerprints(void)
{
	uint8_t	 id[TLSKEY_ID];
	char	 text[TLSKEY_TEXT + 1];
	size_t	 i;
	int	 rc;

	for (i = 0; i < nitems(fingerprints); i++) {
		rc = tlskey_parse(span_str(fingerprints[i].text), id);
		CHECK(rc == fingerprints[i].want && (rc == -1 ||
		    strcmp(tlskey_text(id, text), fingerprints[i].text) == 0),
		    "fingerprint \"%s\": %d", fingerprints[i].text, rc);
	}
	memset(id, 0xff, sizeof(id));
	CHECK(tlskey_step(id) == -1, "nothing is behind the last one");
	memset(id, 0, sizeof(id));
	id[31] = 0xff;
	CHECK(tlskey_step(id) == 0 && id[31] == 0 && id[30] == 1, "a step");
}

/* ---- the database --------------------------------------------------------------- */

static void
make(struct tlskey *k, uint64_t account, const char *address)
{
	struct buf	 spki = { 0 };
	const char	*why;

	memset(k, 0, sizeof(*k));
	make_key(EVP_PKEY_ED25519, 0, &spki);
	(void)tlskey_read(span_buf(&spki), k, &why);
	buf_free(&spki);
	k->account = account;
	k->created = 1234567;
	snprintf(k->name, sizeof(k->name), "laptop");
	snprintf(k->address, sizeof(k->address), "%s", address);
}

static int
same(const struct tlskey *a, const struct tlskey *b)
{
	return (memcmp(a->id, b->id, TLSKEY_ID) == 0 &&
	    a->account == b->account && a->created == b->created &&
	    a->no_preauth == b->no_preauth && strcmp(a->type, b->type) == 0 &&
	    strcmp(a->name, b->name) == 0 &&
	    strcmp(a->address, b->address) == 0 && a->nspki == b->nspki &&
	    memcmp(a->spki, b->spki, a->nspki) == 0);
}

static void
test_records(void)
{
	static const uint8_t	 first[TLSKEY_ID];
	struct tlskey		 a, b, k;
	struct buf		 cert = { 0 };

	reopen("keys");
	make(&a, 7, "alice@d.example");
	make(&b, 8, "bob@d.example");
	b.no_preauth = 1;
	CHECK(tlskey_add(&db, &a, span_str("certificate")) == 0 &&
	    tlskey_add(&db, &b, span_of("", 0)) == 0, "two keys");
	CHECK(tlskey_add(&db, &a, span_of("", 0)) == -1 && errno == EEXIST,
	    "a key is one account's");
	dbenv_turn_end(db.env);
	reopen("keys");
	CHECK(tlskey_get(&db, a.id, &k) == 0 && same(&a, &k) &&
	    tlskey_get(&db, b.id, &k) == 0 && same(&b, &k),
	    "are there afterwards");
	CHECK(tlskey_cert(&db, a.id, &cert) == 0 &&
	    span_eqs(span_buf(&cert), "certificate") &&
	    tlskey_cert(&db, b.id, &cert) == -1 && errno == ENOENT,
	    "with the certificate that came along");
	CHECK(tlskey_next_of(&db, 7, first, &k) == 0 && same(&a, &k) &&
	    tlskey_step(k.id) == 0 && tlskey_next_of(&db, 7, k.id, &k) == -1 &&
	    errno == ENOENT, "an account's own");
	snprintf(a.name, sizeof(a.name), "phone");
	a.no_preauth = 1;
	CHECK(tlskey_put(&db, &a) == 0 && tlskey_get(&db, a.id, &k) == 0 &&
	    same(&a, &k), "changed");
	CHECK(tlskey_del(&db, &a) == 0 && tlskey_get(&db, a.id, &k) == -1 &&
	    errno == ENOENT && tlskey_next_of(&db, 7, first, &k) == -1 &&
	    tlskey_cert(&db, a.id, &cert) == -1, "and removed with all");
	CHECK(tlskey_next(&db, first, &k) == 0 && same(&b, &k),
	    "the other one stays");
	CHECK(tlskey_del_all(&db, 8) == 0 &&
	    tlskey_next(&db, first, &k) == -1 && errno == ENOENT,
	    "until all of its account go");
	buf_free(&cert);
}

static void
test_account(void)
{
	static const uint8_t	 first[TLSKEY_ID];
	struct account		 acc = { .name = "carol" };
	struct tlskey		 k;
	int			 i, rc = 0;

	if (userdb_add(&db, &acc) == -1)
		abort();
	for (i = 0; rc == 0 && i < TLSKEY_ACCOUNT + 1; i++) {
		make(&k, acc.id, "carol@d.example");
		rc = tlskey_add(&db, &k, span_of("", 0));
	}
	CHECK(rc == -1 && errno == EMLINK && i == TLSKEY_ACCOUNT + 1,
	    "so many keys, no more: %d", i);
	CHECK(tlskey_full(&db, acc.id) == 1 && tlskey_full(&db, 99) == 0,
	    "full is full");
	CHECK(userdb_remove(&db, &acc) == 0 &&
	    tlskey_next(&db, first, &k) == -1,
	    "an account takes its keys along");
	dbenv_turn_end(db.env);
}

/* As the first schema had it: an account, and no databases of keys. */
static void
test_old(void)
{
	static const char *const	 names[] = { "account", "name", "user",
	    "address", "owner", "verifier", "route", "gone", "login", "logins",
	    "meta" };
	struct dbenv_conf		 dc = dbtest_conf("old");
	struct dbenv_db			*at[nitems(names)];
	struct dbenv			*env;
	struct account			 a;
	struct tlskey			 k;
	struct buf			 b = { 0 }, why = { 0 };
	uint8_t				 id[8];
	size_t				 i;

	if (dbenv_open(&dc, &env, &why) == -1)
		abort();
	for (i = 0; i < nitems(names); i++)
		at[i] = dbenv_db(env, names[i], 0);
	CHECK(dbenv_schema(env, 1, NULL, NULL) == 0, "a database of old");
	buf_put_u64(&b, 3);
	(void)dbenv_put(at[1], span_str("old"), span_buf(&b));
	buf_reset(&b);
	buf_put_str(&b, span_str("old"));
	buf_put_str(&b, span_of("", 0));
	buf_put_u32(&b, 2);
	buf_put_u64(&b, 1000);
	buf_put_u64(&b, 1);
	buf_put_u64(&b, 0);
	(void)dbenv_put(at[0], key64(id, 3), span_buf(&b));
	dbenv_turn_end(env);
	dbenv_close(env);
	reopen("old");
	CHECK(userdb_by_name(&db, span_str("old"), &a) == 0 && a.id == 3 &&
	    a.partition == 2, "has its account");
	make(&k, 3, "old@d.example");
	CHECK(tlskey_add(&db, &k, span_of("", 0)) == 0, "and takes a key");
	dbenv_turn_end(db.env);
	userdb_close(&db);
	memset(&db, 0, sizeof(db));
	if (dbenv_open(&dc, &env, &why) == -1)
		abort();
	for (i = 0; i < nitems(names); i++)
		at[i] = dbenv_db(env, names[i], 0);
	CHECK(dbenv_schema(env, 1, NULL, NULL) == -1,
	    "who knows no keys does not open it any more");
	dbenv_close(env);
	buf_free(&b);
	buf_free(&why);
}

int
main(void)
{
	dbtest_begin();
	test_kinds();
	test_octets();
	test_fingerprints();
	test_records();
	test_account();
	test_old();
	return (test_done());
}
