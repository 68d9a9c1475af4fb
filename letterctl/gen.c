/*
 * tlspubkey gen: a key for a client, with a certificate that says nothing but
 * which key it is, in the forms that mail programs take.  Asks nobody; nothing
 * that exists is written over.
 */
#include <err.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clientcert.h"
#include "ctl.h"

#define P12_ROUNDS	100000	/* of PBKDF2 over the password */
#define P12_OLD_ROUNDS	2048	/* what old readers take */
#define P12_CHARS	20	/* of a password that is made here */

struct gen {
	enum clientcert_type	 type;
	const char		*stem;
	int			 p12;		/* write that file */
	int			 ask;		/* its password comes from outside */
	int			 legacy;
};

static int	 options(struct gen *, int, char **);
static void	 take_back(void);
static void	 put(const struct gen *, const char *, struct span);
static void	 make_password(struct buf *);
static void	 put_p12(const struct gen *, EVP_PKEY *, X509 *);
static void	 explain(const struct gen *, EVP_PKEY *, const char *);

static char	*made[4];	/* files that were not there before */
static size_t	 nmade;

static int
options(struct gen *g, int argc, char **argv)
{
	int	 i;

	for (i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--type") == 0 && i + 1 < argc) {
			i++;
			if (strcmp(argv[i], "ed25519") == 0)
				g->type = CLIENTCERT_ED25519;
			else if (strcmp(argv[i], "ecdsa-p256") == 0)
				g->type = CLIENTCERT_ECDSA_P256;
			else
				return (-1);
		} else if (strcmp(argv[i], "--pkcs12") == 0)
			g->p12 = 1;
		else if (strcmp(argv[i], "--password") == 0)
			g->p12 = g->ask = 1;
		else if (strcmp(argv[i], "--legacy") == 0)
			g->p12 = g->legacy = 1;
		else if (strncmp(argv[i], "--", 2) == 0 || g->stem != NULL)
			return (-1);
		else
			g->stem = argv[i];
	}
	return (g->stem == NULL || *g->stem == '\0' ? -1 : 0);
}

/* At exit: all files or none. */
static void
take_back(void)
{
	while (nmade > 0)
		(void)unlink(made[--nmade]);
}

static void
put(const struct gen *g, const char *suffix, struct span s)
{
	struct buf	 path = { 0 };
	ssize_t		 n;
	int		 fd;

	buf_addf(&path, "%s%s", g->stem, suffix);
	fd = open(buf_cstr(&path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1)
		err(EXIT_REFUSED, "%s", buf_cstr(&path));
	if (nmade < nitems(made) &&
	    (made[nmade] = strdup(buf_cstr(&path))) != NULL)
		nmade++;
	for (; s.n > 0; s.p += n, s.n -= (size_t)n)
		if ((n = write(fd, s.p, s.n)) == -1)
			err(EXIT_REFUSED, "%s", buf_cstr(&path));
	if (fsync(fd) == -1 || close(fd) == -1)
		err(EXIT_REFUSED, "%s", buf_cstr(&path));
	buf_free(&path);
}

/* To be typed on a telephone: no letters that look alike. */
static void
make_password(struct buf *out)
{
	static const char	 set[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char		 r[P12_CHARS];
	size_t			 i;

	if (RAND_bytes(r, sizeof(r)) != 1)
		errx(EXIT_REFUSED, "no random octets");
	for (i = 0; i < sizeof(r); i++)
		buf_addc(out, set[r[i] % (sizeof(set) - 1)]);
	explicit_bzero(r, sizeof(r));
}

static void
put_p12(const struct gen *g, EVP_PKEY *k, X509 *x)
{
	struct buf	 pass = { 0 }, der = { 0 };
	int		 pbe = g->legacy ?
			    NID_pbe_WithSHA1And3_Key_TripleDES_CBC :
			    NID_aes_256_cbc;
	PKCS12		*p;
	BIO		*b = BIO_new(BIO_s_mem());
	char		*data;
	long		 n;

	if (buf_reserve(&pass, 1024) == NULL)
		err(EXIT_REFUSED, NULL);
	if (!g->ask)
		make_password(&pass);
	else if (read_password(&pass, 1) == -1) {
		buf_freezero(&pass);
		exit(EXIT_USAGE_);
	}
	/* Old readers know SHA-1 alone for the sum over all of it. */
	p = PKCS12_create(buf_cstr(&pass), g->stem, k, x, NULL, pbe, pbe,
	    g->legacy ? P12_OLD_ROUNDS : P12_ROUNDS, -1, 0);
	if (b == NULL || p == NULL || PKCS12_set_mac(p, buf_cstr(&pass), -1,
	    NULL, 0, g->legacy ? P12_OLD_ROUNDS : P12_ROUNDS,
	    g->legacy ? EVP_sha1() : EVP_sha256()) != 1 ||
	    i2d_PKCS12_bio(b, p) != 1)
		errx(EXIT_REFUSED, "the library cannot write PKCS#12%s",
		    g->legacy ? " in its old form" : "");
	n = BIO_get_mem_data(b, &data);
	buf_add(&der, data, (size_t)n);
	put(g, ".p12", span_buf(&der));
	if (!g->ask)
		printf("password of %s.p12: %s\n", g->stem, buf_cstr(&pass));
	buf_free(&der);
	buf_freezero(&pass);
	BIO_free(b);
	PKCS12_free(p);
}

static void
explain(const struct gen *g, EVP_PKEY *k, const char *stem)
{
	char	 fp[CLIENTCERT_FINGERPRINT];

	if (clientcert_fingerprint(k, fp) == -1)
		errx(EXIT_REFUSED, "no memory");
	printf("fingerprint: %s\n\n"
	    "%s.key.pem is the key, %s.cert.pem the certificate, %s.pem both "
	    "in one.\nTo have an account known by it:\n\n"
	    "    letterctl tlspubkey add ADDRESS < %s.cert.pem\n\n", fp, stem,
	    stem, stem, stem);
	printf("These commands do the same, with another key:\n\n");
	if (g->type == CLIENTCERT_ED25519)
		printf("    openssl genpkey -algorithm ed25519 "
		    "-out %s.key.pem\n", stem);
	else
		printf("    openssl genpkey -algorithm ec "
		    "-pkeyopt ec_paramgen_curve:P-256 -out %s.key.pem\n",
		    stem);
	printf("    openssl req -x509 -new -key %s.key.pem -subj /CN=client "
	    "-days 36500 -out %s.cert.pem\n"
	    "    cat %s.key.pem %s.cert.pem > %s.pem\n", stem, stem, stem,
	    stem, stem);
	if (g->p12)
		printf("    openssl pkcs12 -export %s-in %s.pem -out %s.p12\n",
		    g->legacy ? "-legacy " : "", stem, stem);
	printf("    openssl pkey -in %s.key.pem -pubout -outform DER | "
	    "openssl dgst -sha256 -binary | basenc --base64url | tr -d =\n",
	    stem);
}

int
tlspubkey_gen(int argc, char **argv)
{
	struct gen	 g = { .type = CLIENTCERT_ED25519 };
	struct buf	 key = { 0 }, cert = { 0 };
	EVP_PKEY	*k;
	X509		*x;

	if (options(&g, argc, argv) == -1) {
		fprintf(stderr, "usage: letterctl tlspubkey gen "
		    "[--type ed25519|ecdsa-p256] [--pkcs12 [--password] "
		    "[--legacy]] STEM\n");
		return (EXIT_USAGE_);
	}
	(void)atexit(take_back);
	if (buf_reserve(&key, 8192) == NULL ||
	    (k = clientcert_key_new(g.type)) == NULL ||
	    (x = clientcert_make(k, "client")) == NULL ||
	    clientcert_key_pem(&key, k) == -1 ||
	    clientcert_pem(&cert, x) == -1)
		errx(EXIT_REFUSED, "cannot make a key");
	put(&g, ".key.pem", span_buf(&key));
	put(&g, ".cert.pem", span_buf(&cert));
	buf_add_span(&key, span_buf(&cert));
	put(&g, ".pem", span_buf(&key));
	buf_freezero(&key);
	buf_free(&cert);
	if (g.p12)
		put_p12(&g, k, x);
	explain(&g, k, g.stem);
	X509_free(x);
	EVP_PKEY_free(k);
	if (fflush(stdout) == EOF)
		err(EXIT_REFUSED, "standard output");
	nmade = 0;		/* they stay */
	return (EXIT_OK);
}
