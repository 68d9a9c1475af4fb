/*
 * No TLS: sessions of a store are never under TLS themselves.
 */
#include "tlsctx.h"

struct tls *
tlsctx_accept(struct tlsctx *c, int fd)
{
	(void)c;
	(void)fd;
	return (NULL);
}

void *
tlsctx_ssl(struct tls *t)
{
	(void)t;
	return (NULL);
}

struct tlsctx *
tlsctx_ref(struct tlsctx *c)
{
	return (c);
}

void
tlsctx_unref(struct tlsctx *c)
{
	(void)c;
}
