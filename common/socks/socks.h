/*
 * The client's side of SOCKS version 5, RFC 1928, with user name and password,
 * RFC 1929, as step functions: octets of the proxy in, octets for the proxy out.
 * Only CONNECT.  No socket, no event loop, no clock: the caller has these.
 *
 *	s = socks_new(&target, &login);
 *	at the start, and on input:
 *		switch (socks_step(s, &in, out)) {
 *		case SOCKS_MORE:	send out, wait for input
 *		case SOCKS_DONE:	connected; what is left of in is the
 *					target's
 *		case SOCKS_FAILED:	close; socks_error() says why
 *		}
 */
#ifndef SOCKS_H
#define SOCKS_H

#include <stdint.h>

#include "buf.h"
#include "dns.h"

#define SOCKS_PORT	1080
#define SOCKS_LOGIN_MAX	255	/* octets of a user, of a password */

struct socks;

/* Where to: an address, or a name that the proxy looks up. */
struct socks_target {
	struct dns_addr	 addr;		/* when name is NULL */
	const char	*name;		/* at most 255 octets */
	uint16_t	 port;
};

/* 1 to SOCKS_LOGIN_MAX octets each. */
struct socks_login {
	struct span	 user, password;
};

enum socks_want { SOCKS_MORE, SOCKS_DONE, SOCKS_FAILED };

/* Whose fault a failure is. */
enum socks_failure {
	SOCKS_NO_FAILURE,
	SOCKS_PROTOCOL,		/* the proxy speaks something else */
	SOCKS_LOGIN,		/* it lets us in by no method that we have */
	SOCKS_PROXY,		/* it cannot or may not */
	SOCKS_TARGET		/* the target cannot be reached: RFC 1928
				 * replies 3 to 6 */
};

/*
 * A connection through a proxy; login may be NULL.  Copies both.  NULL: EINVAL
 * (a name or a login that does not fit) or ENOMEM.
 */
struct socks		*socks_new(const struct socks_target *,
			    const struct socks_login *);
/* NULL is fine.  Wipes the password. */
void			 socks_free(struct socks *);
/* Go on: takes octets from the front of in, all of them for MORE; appends to
 * out.  After DONE and FAILED no further step is valid. */
enum socks_want		 socks_step(struct socks *, struct span *in,
			    struct buf *out);
enum socks_failure	 socks_failure(const struct socks *);
/* In words, never NULL. */
const char		*socks_error(const struct socks *);
/* The address from which the proxy connects, as it says; -1: it says none. */
int			 socks_bound(const struct socks *, struct dns_addr *,
			    uint16_t *port);

#endif
