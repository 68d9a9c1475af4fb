/*
 * TLS contexts: certificates of a listener with private keys that live in
 * "authd: keys", and contexts of clients.
 */
#ifndef TLSCTX_H
#define TLSCTX_H

#include "buf.h"
#include "conf.h"

struct tls;
struct tlsctx;

/*
 * The server context of a listener.  Needs the role's keys link only at
 * handshakes.  NULL with a reason appended to why.  One reference.
 */
struct tlsctx	*tlsctx_server(const struct conf *,
		    const struct conf_listener *, struct buf *why);
/* NULL is fine for both.  A context lives until its last handshake is done. */
struct tlsctx	*tlsctx_ref(struct tlsctx *);
void		 tlsctx_unref(struct tlsctx *);
/* A server connection on fd (not owned); NULL without memory. */
struct tls	*tlsctx_accept(struct tlsctx *, int fd);
/* The SSL * that libtls made in the last tlsctx_accept() or
 * tls_connect_socket() for this struct tls; NULL if it is another's. */
void		*tlsctx_ssl(struct tls *);

#endif
