/*
 * What smtpd and front let auth know of a connection before anybody logs in: its
 * socket, what TLS is, and the key of the client's certificate.
 */
#ifndef AUTHCONN_H
#define AUTHCONN_H

#include "imsg.h"
#include "msg.h"
#include "tlsctx.h"

#define AUTHCONN_LOGINS	256	/* logins that wait for their turn at auth:
				 * one more is told to come again */
#define AUTHCONN_ADDRESS	128	/* of one address */
#define AUTHCONN_KEY_WAIT	10	/* seconds for auth's word on a key */

/* NULL: it is away. */
struct peer	*authconn_peer(void);
/*
 * M_CONN_OPEN with a duplicate of the socket.  The request, or 0: auth is
 * away.
 */
uint32_t	 authconn_open(uint64_t conn, int fd, reply_fn, void *arg);
/*
 * Whose turn a login of this address takes (of IPv6, of its /64), in
 * peer_ask_behind(); and have too many been waiting, in all or of that one?
 */
uint32_t	 authconn_who(struct span remote);
int		 authconn_crowded(uint32_t who);
/* M_CONN_CLOSED. */
void		 authconn_closed(uint64_t conn);
/* M_CONN_TLS. */
void		 authconn_tls(uint64_t conn, const struct tlsctx_facts *);
/* M_CONN_KEY.  The request, or 0: auth is away. */
uint32_t	 authconn_key(uint64_t conn, const struct tlsctx_facts *,
		    reply_fn, void *arg);
/*
 * The answer to that; IDENTITY_NONE when it says something else, -1 when it is
 * malformed.
 */
int		 authconn_identity(struct imsg *, uint64_t conn,
		    struct msg_conn_identity *);
/* Is there any channel binding? */
int		 authconn_binding(const struct tlsctx_facts *);

#endif
