/*
 * Certificate and key out of a text in PEM form.  The blocks are told apart
 * here, since libcrypto skips what it does not look for.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

#include "tlscert.h"

#define CHAIN_MAX	16

static int	 blank(struct span);
static int	 next_block(struct span *, struct span *label,
		    struct span *block);
static int	 sort_blocks(struct tlscert *, struct span, struct buf *);
static int	 no_password(char *, int, int, void *);
static EVP_PKEY	*read_key(const struct buf *);
static int	 matches(const struct buf *, EVP_PKEY *);
static int	 read_all(int, struct buf *);

static int
blank(struct span s)
{
	return (span_trim(s).n == 0 || span_eqs(span_trim(s), "\r"));
}

/* 1: a block; 0: there is none left; -1: something else stands there. */
static int
next_block(struct span *s, struct span *label, struct span *block)
{
	struct span	 line;
	const uint8_t	*start;
	size_t		 n;

	do {
		if (s->n == 0)
			return (0);
		start = s->p;
		(void)span_split(s, '\n', &line);
	} while (blank(line));
	line = span_trim(line);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (line.n < 16 || memcmp(line.p, "-----BEGIN ", 11) != 0 ||
	    memcmp(line.p + line.n - 5, "-----", 5) != 0)
		return (-1);
	*label = span_of(line.p + 11, line.n - 16);
	while (s->n > 0) {
		(void)span_split(s, '\n', &line);
		if (line.n < 9 || memcmp(line.p, "-----END ", 9) != 0)
			continue;
		n = (size_t)(line.p - start) + line.n;
		*block = span_of(start, n);
		return (1);
	}
	return (-1);
}

static int
sort_blocks(struct tlscert *t, struct span pem, struct buf *why)
{
	struct span	 label, block;
	int		 rc, certs = 0, keys = 0;

	/* in one piece: growing would leave the key behind */
	(void)buf_reserve(&t->key, pem.n + 1);
	while ((rc = next_block(&pem, &label, &block)) == 1) {
		if (span_eqs(label, "CERTIFICATE") && certs++ < CHAIN_MAX) {
			buf_add_span(&t->cert, block);
			buf_addc(&t->cert, '\n');
		} else if (span_eqs(label, "PRIVATE KEY") && keys++ == 0) {
			buf_add_span(&t->key, block);
			buf_addc(&t->key, '\n');
		} else {
			buf_adds(why, span_eqs(label, "CERTIFICATE") ?
			    "too many certificates" :
			    span_eqs(label, "PRIVATE KEY") ?
			    "more than one private key" :
			    span_eqs(label, "ENCRYPTED PRIVATE KEY") ?
			    "the private key is encrypted" :
			    "neither CERTIFICATE nor PRIVATE KEY (PKCS#8)");
			return (-1);
		}
	}
	if (rc == -1)
		buf_adds(why, "something that is no PEM block");
	else if (keys == 0)
		buf_adds(why, "no private key");
	else if (buf_failed(&t->cert) || buf_failed(&t->key))
		buf_adds(why, "no memory");
	else
		return (0);
	return (-1);
}

/* Nobody is asked on the terminal. */
static int
no_password(char *p, int n, int rw, void *arg)
{
	(void)p;
	(void)n;
	(void)rw;
	(void)arg;
	return (-1);
}

static EVP_PKEY *
read_key(const struct buf *b)
{
	BIO		*bio = BIO_new_mem_buf(b->p, (int)b->n);
	EVP_PKEY	*key = NULL;

	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	return (key);
}

static int
matches(const struct buf *b, EVP_PKEY *key)
{
	BIO	*bio = BIO_new_mem_buf(b->p, (int)b->n);
	X509	*x = NULL;
	int	 ok;

	if (bio != NULL)
		x = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	ok = x != NULL && X509_check_private_key(x, key) == 1;
	X509_free(x);
	BIO_free(bio);
	return (ok);
}

int
tlscert_parse(struct tlscert *t, struct span pem, const char *cn,
    struct buf *why)
{
	EVP_PKEY	*key = NULL;
	int		 rc = -1;

	memset(t, 0, sizeof(*t));
	if (pem.n > TLSCERT_FILE) {
		buf_adds(why, "too long");
		return (-1);
	}
	if (sort_blocks(t, pem, why) == -1)
		goto out;
	if ((key = read_key(&t->key)) == NULL) {
		buf_adds(why, "the private key cannot be read");
		goto out;
	}
	if (t->cert.n == 0) {
		tlscert_free(t);
		if ((rc = tlscert_make(t, key, cn)) == -1)
			buf_adds(why, "no certificate can be made for the key");
	} else if (!matches(&t->cert, key))
		buf_adds(why, "the first certificate is not of this key, or "
		    "cannot be read");
	else
		rc = 0;
out:
	ERR_clear_error();
	EVP_PKEY_free(key);
	if (rc == -1)
		tlscert_free(t);
	return (rc);
}

static int
read_all(int fd, struct buf *b)
{
	uint8_t	*p;
	ssize_t	 n;

	do {
		if ((p = buf_reserve(b, TLSCERT_FILE + 1 - b->n)) == NULL)
			return (-1);
		n = read(fd, p, TLSCERT_FILE + 1 - b->n);
		if (n > 0)
			buf_commit(b, (size_t)n);
	} while (n > 0 && b->n <= TLSCERT_FILE);
	return (n == -1 ? -1 : 0);
}

int
tlscert_load(struct tlscert *t, const char *path, const char *cn,
    struct buf *why)
{
	struct stat	 st;
	struct buf	 b = { 0 };
	int		 fd, rc = -1;

	memset(t, 0, sizeof(*t));
	buf_addf(why, "%s: ", path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1)
		buf_adds(why, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		buf_adds(why, "not a regular file");
	else if (read_all(fd, &b) == -1)
		buf_adds(why, "cannot be read");
	else
		rc = tlscert_parse(t, span_buf(&b), cn, why);
	if (fd != -1)
		close(fd);
	buf_freezero(&b);
	return (rc);
}
