/*
 * "authd: auth" tells nobody who has an account: whoever cannot log in hears
 * the same, in as many steps, after as much arithmetic, whatever the reason.
 * The arithmetic is counted and not timed: libcrypto's functions are replaced
 * by ones that count and call the real ones.
 */
#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/md5.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"
#include "test.h"

static atomic_ulong	 rounds, hmacs, md5s;

/* What a try cost, and what was heard. */
struct cost {
	unsigned long	 rounds, hmacs, md5s;
	unsigned	 steps;
	int		 outcome;
	uint32_t	 delay;
	size_t		 octets;	/* of all that was said */
};

static const struct {
	const char	*name, *user, *password;
} tries[] = {
	{ "wrong password", "alice@d.example", "password-alicf" },
	{ "unknown user", "nobody@d.example", "password-alicf" },
	{ "foreign domain", "alice@x.example", "password-alicf" },
	{ "no address", "alice", "password-alicf" },
	{ "catch-all", "xx@e.example", "password-alicf" },
	{ "disabled", "carol@d.example", "password-alicf" },
	{ "no password", "alice@d.example", "pass\001word-alice" },
	{ "one octet", "alice@d.example", "p" },
	{ "very long", "alice@d.example",
	  "0123456789012345678901234567890123456789012345678901234567890123"
	  "0123456789012345678901234567890123456789012345678901234567890123" },
};

static const char *const	 mechs[] = { "PLAIN", "LOGIN", "", "CRAM-MD5",
				    "SCRAM-SHA-1", "SCRAM-SHA-256" };

static void
real(const char *name, void *at, size_t n)
{
	void	*p = dlsym(RTLD_NEXT, name);

	if (p == NULL)
		abort();
	memcpy(at, &p, n);
}

int
PKCS5_PBKDF2_HMAC(const char *pass, int passlen, const unsigned char *salt,
    int saltlen, int iter, const EVP_MD *md, int keylen, unsigned char *out)
{
	int	 (*f)(const char *, int, const unsigned char *, int, int,
		    const EVP_MD *, int, unsigned char *);

	real("PKCS5_PBKDF2_HMAC", &f, sizeof(f));
	atomic_fetch_add(&rounds, (unsigned long)iter);
	return (f(pass, passlen, salt, saltlen, iter, md, keylen, out));
}

unsigned char *
HMAC(const EVP_MD *md, const void *key, int keylen, const unsigned char *d,
    size_t n, unsigned char *out, unsigned *outlen)
{
	unsigned char	*(*f)(const EVP_MD *, const void *, int,
			    const unsigned char *, size_t, unsigned char *,
			    unsigned *);

	real("HMAC", &f, sizeof(f));
	atomic_fetch_add(&hmacs, 1);
	return (f(md, key, keylen, d, n, out, outlen));
}

int
MD5_Final(unsigned char *out, MD5_CTX *c)
{
	int	 (*f)(unsigned char *, MD5_CTX *);

	real("MD5_Final", &f, sizeof(f));
	atomic_fetch_add(&md5s, 1);
	return (f(out, c));
}

/* ---- one try ------------------------------------------------------------- */

static void
heard(struct cost *c, int outcome)
{
	c->steps++;
	c->octets += said.data.n + said.text.n;
	c->outcome = outcome;
	c->delay = said.delay_ms;
}

static void
try_password(const char *mech, uint64_t n, const char *user,
    const char *password, struct cost *c)
{
	struct buf	 b = { 0 };

	if (strcmp(mech, "LOGIN") == 0) {
		heard(c, start(front, n, mech, span_str(user), 1, NULL));
		heard(c, step(front, n, span_str(password)));
		return;
	}
	if (mech[0] != '\0')
		buf_addc(&b, 0);
	buf_adds(&b, user);
	buf_addc(&b, 0);
	buf_adds(&b, password);
	heard(c, start(front, n, mech, span_buf(&b), 1, NULL));
	buf_free(&b);
}

static void
try_cram(uint64_t n, const char *user, struct cost *c)
{
	struct buf	 b = { 0 };

	heard(c, start(front, n, "CRAM-MD5", span_of("", 0), 0, NULL));
	buf_addf(&b, "%s 0123456789abcdef0123456789abcdef", user);
	heard(c, step(front, n, span_buf(&b)));
	buf_free(&b);
}

/* A proof of the right length; the arithmetic of the client is not counted. */
static void
try_scram(const char *mech, uint64_t n, const char *user, struct cost *c)
{
	struct buf	 b = { 0 };
	struct span	 nonce, rest;

	buf_addf(&b, "n,,n=%s,r=0123456789abcdef", user);
	heard(c, start(front, n, mech, span_buf(&b), 1, NULL));
	rest = said.data;
	(void)span_split(&rest, ',', &nonce);
	buf_reset(&b);
	buf_adds(&b, "c=biws,");
	buf_add_span(&b, nonce);
	buf_addf(&b, ",p=%s", strcmp(mech, "SCRAM-SHA-1") == 0 ?
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" :
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	heard(c, step(front, n, span_buf(&b)));
	if (c->outcome == SASL_MORE)		/* "e=" was said */
		heard(c, step(front, n, span_of("", 0)));
	buf_free(&b);
}

static struct cost
cost_of(const char *mech, const char *user, const char *password)
{
	static uint64_t	 next = 100;
	struct cost	 c = { 0 };
	uint64_t	 n = next++;
	int		 fd = open_conn(front, RIG_IMAP, n);

	atomic_store(&rounds, 0);
	atomic_store(&hmacs, 0);
	atomic_store(&md5s, 0);
	if (strcmp(mech, "CRAM-MD5") == 0)
		try_cram(n, user, &c);
	else if (strncmp(mech, "SCRAM", 5) == 0)
		try_scram(mech, n, user, &c);
	else
		try_password(mech, n, user, password, &c);
	c.rounds = atomic_load(&rounds);
	c.hmacs = atomic_load(&hmacs);
	c.md5s = atomic_load(&md5s);
	close_conn(front, n);
	close(fd);
	forgive();
	return (c);
}

static int
same(const struct cost *a, const struct cost *b)
{
	return (a->rounds == b->rounds && a->hmacs == b->hmacs &&
	    a->md5s == b->md5s && a->steps == b->steps &&
	    a->outcome == b->outcome && a->delay == b->delay &&
	    a->octets == b->octets);
}

static void
show(const struct cost *c)
{
	printf("# %lu rounds, %lu HMACs, %lu MD5s, %u steps, outcome %d, "
	    "%u ms, %zu octets\n", c->rounds, c->hmacs, c->md5s, c->steps,
	    c->outcome, c->delay, c->octets);
}

static void
test_costs(void)
{
	struct cost	 want, got;
	size_t		 m, i;
	int		 secret;

	for (m = 0; m < nitems(mechs); m++) {
		secret = strncmp(mechs[m], "SCRAM", 5) != 0 &&
		    strcmp(mechs[m], "CRAM-MD5") != 0;
		want = cost_of(mechs[m], tries[0].user, tries[0].password);
		CHECK(want.outcome == SASL_BAD_CREDENTIALS && want.delay > 0 &&
		    (secret ? want.rounds >= 4096 : want.rounds == 0) &&
		    (want.md5s > 0 || want.hmacs > 0), "%s: %s",
		    mechs[m][0] == '\0' ? "LOGIN command" : mechs[m],
		    tries[0].name);
		show(&want);
		for (i = 1; i < nitems(tries); i++) {
			if (!secret && strcmp(tries[i].user,
			    tries[0].user) == 0)
				continue;	/* no password is sent */
			got = cost_of(mechs[m], tries[i].user,
			    tries[i].password);
			CHECK(same(&got, &want), "%s: %s costs as much",
			    mechs[m], tries[i].name);
			if (!same(&got, &want))
				show(&got);
		}
	}
}

int
main(void)
{
	clients_begin();
	rig_account("carol", "carol@d.example");
	if (RIG_CTL("account disable", "carol", "on leave") != 0)
		return (1);
	test_costs();
	rig_end_all();
	return (test_done());
}
