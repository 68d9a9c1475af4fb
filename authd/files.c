/*
 * Certificates and private keys.  A certificate is read here; a key file is only
 * opened and looked at from outside, its octets are for "authd: keys" alone.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "parse.h"

#define KEY_MAX		65536		/* octets of a key file */
#define CHAIN_MAX	(1u << 20)	/* of a certificate's */

static int	 read_file(const char *, struct buf *, struct buf *);
static X509	*first_certificate(const struct buf *, STACK_OF(X509) **);
static void	 look_at(X509 *, STACK_OF(X509) *, const char *, struct buf *);

/* Nobody but root and us may put anything into the directory. */
int
safe_directory(const char *path, struct buf *why)
{
	struct stat	 st;

	if (stat(path, &st) == -1) {
		buf_addf(why, "%s: %s", path, strerror(errno));
		return (-1);
	}
	if (!S_ISDIR(st.st_mode))
		buf_addf(why, "%s: not a directory", path);
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		buf_addf(why, "%s: belongs to uid %u, not to root", path,
		    st.st_uid);
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
	    (st.st_mode & S_ISVTX) == 0)
		buf_addf(why, "%s: mode %04o, others may write there", path,
		    st.st_mode & 07777);
	else
		return (0);
	return (-1);
}

int
open_key(const char *path, struct buf *why)
{
	struct stat	 st;
	const char	*wrong = NULL;
	char		*copy;
	int		 fd, safe;

	if ((copy = strdup(path)) == NULL)
		return (-1);
	safe = safe_directory(dirname(copy), why);
	free(copy);
	if (safe == -1)
		return (-1);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
	    O_NOCTTY);
	if (fd == -1 || fstat(fd, &st) == -1) {
		buf_addf(why, "%s: %s", path, errno == ELOOP ?
		    "a symbolic link; name the file itself" : strerror(errno));
		if (fd != -1)
			close(fd);
		return (-1);
	}
	if (!S_ISREG(st.st_mode))
		wrong = "not a regular file";
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		wrong = "must belong to root";
	else if ((st.st_mode & 077) != 0)
		wrong = "others may read it; chmod 600";
	else if (st.st_nlink != 1)
		wrong = "has another name (a hard link)";
	else if (st.st_size == 0)
		wrong = "is empty";
	else if (st.st_size > KEY_MAX)
		wrong = "too large for a key";
	if (wrong == NULL)
		return (fd);
	buf_addf(why, "%s: mode %04o, uid %u: %s", path, st.st_mode & 07777,
	    st.st_uid, wrong);
	close(fd);
	return (-1);
}

static int
read_file(const char *path, struct buf *b, struct buf *why)
{
	struct stat	 st;
	uint8_t		*p;
	ssize_t		 n = 0;
	int		 fd;

	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd == -1 || fstat(fd, &st) == -1) {
		buf_addf(why, "%s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
		return (-1);
	}
	b->max = CHAIN_MAX;
	if (S_ISREG(st.st_mode))
		while ((p = buf_reserve(b, 4096)) != NULL &&
		    (n = read(fd, p, 4096)) > 0)
			buf_commit(b, (size_t)n);
	close(fd);
	if (S_ISREG(st.st_mode) && n == 0 && !buf_failed(b))
		return (0);
	buf_addf(why, "%s: not a regular file of at most %u octets", path,
	    CHAIN_MAX);
	return (-1);
}

/* The leaf; the rest of the chain in *others. */
static X509 *
first_certificate(const struct buf *pem, STACK_OF(X509) **others)
{
	BIO	*bio = BIO_new_mem_buf(pem->p, (int)pem->n);
	X509	*leaf, *x;

	*others = sk_X509_new_null();
	if (bio == NULL || *others == NULL) {
		BIO_free(bio);
		return (NULL);
	}
	leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	while (leaf != NULL &&
	    (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		sk_X509_push(*others, x);
	ERR_clear_error();
	BIO_free(bio);
	return (leaf);
}

/* What is worth a warning, but is served. */
static void
look_at(X509 *leaf, STACK_OF(X509) *chain, const char *path,
    struct buf *warning)
{
	X509	*x = leaf, *up;
	int	 i;

	if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
		buf_addf(warning, "%s: has expired", path);
	else if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0)
		buf_addf(warning, "%s: is not valid yet", path);
	for (i = 0; i < sk_X509_num(chain); i++, x = up) {
		up = sk_X509_value(chain, i);
		if (X509_check_issued(up, x) == X509_V_OK)
			continue;
		buf_addf(warning, "%s%s: certificate %d of the chain did not "
		    "sign the one before it", warning->n > 0 ? "; " : "",
		    path, i + 2);
		return;
	}
}

int
load_certificate(struct conf_cert *c, struct buf *why, struct buf *warning)
{
	STACK_OF(X509)	*chain = NULL;
	struct buf	 pem = { 0 };
	unsigned char	*der = NULL;
	unsigned int	 n = sizeof(c->key);
	X509		*leaf = NULL;
	int		 len, rc = -1;

	if (read_file(c->certfile, &pem, why) == -1)
		goto out;
	if ((leaf = first_certificate(&pem, &chain)) == NULL) {
		buf_addf(why, "%s: holds no certificate in PEM form",
		    c->certfile);
		goto out;
	}
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
	if (len <= 0 || EVP_Digest(der, (size_t)len, c->key, &n, EVP_sha256(),
	    NULL) != 1) {
		buf_addf(why, "%s: its public key cannot be used",
		    c->certfile);
		goto out;
	}
	look_at(leaf, chain, c->certfile, warning);
	free(c->pem);
	if ((c->pem = span_dup(span_buf(&pem))) == NULL) {
		buf_addf(why, "%s: no memory, or a NUL in it", c->certfile);
		goto out;
	}
	rc = 0;
out:
	OPENSSL_free(der);
	X509_free(leaf);
	sk_X509_pop_free(chain, X509_free);
	buf_free(&pem);
	return (rc);
}

int
key_fits(const struct conf_cert *c, struct buf *why)
{
	EVP_PKEY	*key = NULL;
	BIO		*bio;
	X509		*x = NULL;
	FILE		*f = NULL;
	int		 fd, rc = -1;

	if ((fd = open_key(c->keyfile, why)) == -1)
		return (-1);
	bio = BIO_new_mem_buf(c->pem, -1);
	if ((f = fdopen(fd, "r")) == NULL)
		close(fd);
	/* An empty passphrase: an encrypted key is an error, not a question. */
	else
		key = PEM_read_PrivateKey(f, NULL, NULL, (void *)(char[]){ "" });
	if (bio != NULL)
		x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (key == NULL)
		buf_addf(why, "%s: holds no private key in PEM form without a "
		    "passphrase", c->keyfile);
	else if (x == NULL || X509_check_private_key(x, key) != 1)
		buf_addf(why, "%s: does not belong to the certificate %s",
		    c->keyfile, c->certfile);
	else
		rc = 0;
	ERR_clear_error();
	EVP_PKEY_free(key);
	X509_free(x);
	BIO_free(bio);
	if (f != NULL)
		fclose(f);
	return (rc);
}

void
load_certificates(struct conf *c, struct report *r)
{
	struct buf	 why = { 0 }, warning = { 0 };
	int		 fd;

	CONF_EACH(struct conf_cert, k, &c->certs) {
		buf_reset(&why);
		buf_reset(&warning);
		if (load_certificate(k, &why, &warning) == -1)
			report_error(r, k->where, "%s", buf_cstr(&why));
		else if (warning.n > 0)
			report_warning(r, k->where, "%s", buf_cstr(&warning));
		buf_reset(&why);
		if ((fd = open_key(k->keyfile, &why)) == -1)
			report_error(r, k->where, "%s", buf_cstr(&why));
		else
			close(fd);
	}
	buf_free(&why);
	buf_free(&warning);
}
