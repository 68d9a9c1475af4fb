/*
 * TLS contexts: certificates of a listener with private keys that live in
 * "authd: keys", contexts of clients, and what is to be known of a connection
 * once its handshake is done.
 */
#ifndef TLSCTX_H
#define TLSCTX_H

#include "buf.h"
#include "conf.h"

#define TLSCTX_BINDING	64	/* octets of a channel binding at most */

struct io;
struct tls;
struct tlsctx;
struct tlsctx_client;

/* ---- servers ------------------------------------------------------------ */

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

/* ---- clients ------------------------------------------------------------ */

/* Where this system has the certificates of authorities; NULL: nowhere known. */
const char	*tlsctx_cafile(void);
/*
 * What a client needs for all its connections: the certificates of
 * authorities, read once.  Call before the cage.  cafile is a file in PEM form,
 * NULL for the system's.  Without any authority nothing can be verified, and
 * why says so, but clients can be made.  NULL without memory.
 */
struct tlsctx_client	*tlsctx_client_new(const char *cafile,
			    struct buf *why);
void			 tlsctx_client_free(struct tlsctx_client *);
/*
 * Show this certificate (a chain in PEM form) with this private key (PEM; the
 * copy is wiped by tlsctx_client_free()) to servers that ask for one.  0, or -1
 * with the reason appended to why.
 */
int			 tlsctx_client_key(struct tlsctx_client *,
			    struct span cert, struct span key,
			    struct buf *why);
/*
 * The same with a key in "authd: keys", from now on: a relay worker's.  NULL:
 * none any more.  Before the handshake of each connection tlsctx_client_present()
 * is to be called.
 */
int			 tlsctx_client_cert(struct tlsctx_client *,
			    const struct conf_cert *, struct buf *why);
/* After io_tls_client(); 0 or -1. */
int			 tlsctx_client_present(struct tlsctx_client *,
			    const struct io *);
/* Is there one to show? */
int			 tlsctx_client_shows(const struct tlsctx_client *);
/*
 * A client for io_tls_client(), which owns it.  Its handshake judges nothing of
 * the peer: after IO_TLS, and before anything is sent, ask tlsctx_verify_name()
 * where it matters.  NULL without memory.
 */
struct tls	*tlsctx_client_tls(struct tlsctx_client *);
/*
 * Is the peer's certificate valid now, by an authority we know, and for this
 * name (or IPv4 or IPv6 address)?  0, or -1 with a reason appended to why.
 */
int		 tlsctx_verify_name(struct tlsctx_client *, const struct io *,
		    const char *name, struct buf *why);
/* The same without a struct io: the SSL * of tlsctx_ssl(). */
int		 tlsctx_verify_ssl(struct tlsctx_client *, void *ssl,
		    const char *name, struct buf *why);

/* ---- connections -------------------------------------------------------- */

/*
 * What is known after the handshake, on either side.  Strings live as long as
 * the connection and are never NULL.  A channel binding that does not exist, or
 * is not sound on this connection, has no octets: tls-exporter (RFC 9266) is
 * there with TLS 1.3, or with the extended master secret; tls-unique (RFC 5929)
 * with TLS 1.2 and the extended master secret where the library knows it;
 * tls-server-end-point unless the certificate's signature names no hash.
 */
struct tlsctx_facts {
	const char	*version;	/* "TLSv1.3" */
	const char	*cipher;
	const char	*sni;		/* server: asked by the client, or "" */
	uint8_t		 exporter[TLSCTX_BINDING];
	uint8_t		 unique[TLSCTX_BINDING];
	uint8_t		 end_point[TLSCTX_BINDING];
	size_t		 exporter_n, unique_n, end_point_n;
	/* Client: the server asked for our certificate, and we proved that its
	 * key is ours.  With tlsctx_client_cert() alone. */
	uint8_t		 shown;
	/*
	 * Server of a listener that asks for client certificates: SHA-256 of
	 * the SubjectPublicKeyInfo of the one that was shown, has_key 0 without
	 * one or with a key that is too weak; and the handshake messages up to
	 * and with the client's CertificateVerify, empty when they are longer
	 * than MSG_RECORD_MAX.  They live until tlsctx_forget().
	 */
	uint8_t		 has_key;
	uint8_t		 key[32];
	struct span	 record;
};

/* The record of the handshake is not needed any more. */
void		 tlsctx_forget(const struct io *);

void		 tlsctx_facts(const struct io *, struct tlsctx_facts *);
/* The same without a struct io; ssl is what tlsctx_ssl() gave. */
void		 tlsctx_facts_ssl(struct tls *, void *ssl,
		    struct tlsctx_facts *);

#endif
