/*
 * A connection of a program that waits for it: looked up, connected to, under
 * TLS with the server's name verified, read from and written to, nothing of it
 * without a time limit.  And what leads the engines smtpclient(3) and
 * imapclient(3) over such a connection, logins included.
 *
 * Blocks in poll(2), so it is for tools (sendmail, letterctl), not for daemons.
 * The caller ignores SIGPIPE.
 */
#ifndef NETCLIENT_H
#define NETCLIENT_H

#include "buf.h"
#include "imapclient.h"
#include "sasl.h"
#include "smtpclient.h"
#include "tlsctx.h"

struct netclient;

struct netclient_settings {
	const char	*host;		/* name, address, or the path of a
					 * local socket, with a / before it */
	const char	*port;		/* number or name of a service */
	int		 family;	/* AF_UNSPEC, AF_INET or AF_INET6 */
	unsigned	 lookup;	/* seconds; 0: 30 */
	unsigned	 connect;	/* seconds for each address; 0: 30 */
	unsigned	 handshake;	/* seconds; 0: 60 */
	unsigned	 session;	/* seconds for all of it; 0: no bound */
	struct tlsctx_client	*tls;	/* borrowed; NULL: TLS cannot be had */
	const char	*tlsname;	/* to verify; NULL: host */
	int		 unverified;	/* whoever the server may be */
	int		 tls12;		/* nothing newer than TLS 1.2 */
};

/*
 * Look up and connect: every address in the resolver's order, until one
 * answers.  Strings are copied.  NULL with a reason appended to why, and errno
 * ENOENT when there is no such name or socket.
 */
struct netclient	*netclient_open(const struct netclient_settings *,
			    struct buf *why);
/* The same of a connected socket, which it owns from now on, also when NULL
 * (no memory) is returned. */
struct netclient	*netclient_new(int fd,
			    const struct netclient_settings *);
/* Says goodbye to TLS, closes, wipes.  NULL is fine. */
void			 netclient_free(struct netclient *);
/*
 * Begin TLS and verify the server.  What was received before and not taken is
 * an injection (RFC 3207, section 6) and an error.  0, or -1: close.
 */
int			 netclient_tls(struct netclient *);
/* Send all of it and wipe it. 0, or -1: close. */
int			 netclient_send(struct netclient *, struct buf *,
			    unsigned seconds);
/* Wait for more: 1 when there is, 0 at the end, -1 with an error. */
int			 netclient_recv(struct netclient *, unsigned seconds);
/* What was received and not taken; take some of it. */
struct span		 netclient_in(const struct netclient *);
void			 netclient_drain(struct netclient *, size_t octets);
/* What was wrong, for humans; never NULL. */
const char		*netclient_error(const struct netclient *);
/* Where it is connected to: "192.0.2.1 port 25". */
const char		*netclient_peer(const struct netclient *);
/* TLS, and what is known of it; 0 without TLS. */
int			 netclient_facts(const struct netclient *,
			    struct tlsctx_facts *);
/* Fill in what this connection is: tls, trusted, key, bindings (borrowed). */
void			 netclient_sasl(struct netclient *,
			    struct sasl_login *);

/* ---- login -------------------------------------------------------------- */

/* arg of netlogin_smtp() and netlogin_imap().  All is borrowed. */
struct netlogin {
	struct netclient	*net;
	struct sasl_login	 who;	/* user, authzid, password, cleartext;
					 * the rest is filled in */
	const enum sasl_mech	*order;	/* NULL: all, by strength */
	size_t			 norder;
	/* of the exchange: */
	struct sasl_client	*sasl;
	enum sasl_mech		 used;	/* SASL_MECHS: none yet */
	const char		*error;	/* NULL: nothing was wrong here */
	char			 text[160];
};

/* Begin with: struct netlogin l = { .net = n, .who = ... }. */
/* smtpclient_settings.sasl */
enum smtpclient_sasl_answer	 netlogin_smtp(void *,
				    enum smtpclient_sasl_event, struct span,
				    struct buf *mech, struct buf *out);
/* imapclient_settings.sasl */
enum imapclient_sasl_answer	 netlogin_imap(void *,
				    enum imapclient_sasl_event, struct span,
				    struct buf *mech, struct buf *out);
/* Free what the exchange left behind. */
void				 netlogin_clear(struct netlogin *);

/* ---- engines ------------------------------------------------------------ */

/*
 * Go on until the engine is READY, at its END, or has FAILED; a connection that
 * breaks is FAILED, with its reason in the engine's error.
 */
enum smtpclient_want	 netclient_smtp(struct netclient *,
			    struct smtpclient *);
enum imapclient_want	 netclient_imap(struct netclient *,
			    struct imapclient *);

#endif
