/*
 * In place of common/tlskey.c: the front that the benchmark compares with has
 * the private key itself, as daemons without "authd: keys" do.  It is the file
 * key.pem beside the program.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tlskey.h"

int
tlskey_id(X509 *x, uint8_t id[TLSKEY_ID])
{
	unsigned char	*der = NULL;
	unsigned int	 n = TLSKEY_ID;
	int		 len, rc;

	if ((len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der)) <= 0)
		return (-1);
	rc = EVP_Digest(der, (size_t)len, id, &n, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return (rc == 1 ? 0 : -1);
}

/* When the role opens its files, before the cage. */
EVP_PKEY *
tlskey_new(X509 *x)
{
	char		 path[4096];
	ssize_t		 n = readlink("/proc/self/exe", path, sizeof(path) - 16);
	EVP_PKEY	*key;
	FILE		*fp;
	char		*slash;

	(void)x;
	if (n <= 0)
		return (NULL);
	path[n] = '\0';
	if ((slash = strrchr(path, '/')) == NULL)
		return (NULL);
	memcpy(slash, "/key.pem", sizeof("/key.pem"));
	if ((fp = fopen(path, "r")) == NULL)
		return (NULL);
	key = PEM_read_PrivateKey(fp, NULL, NULL, NULL);
	fclose(fp);
	return (key);
}
