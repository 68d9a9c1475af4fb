/*
 * A connection of a relay worker, between its two halves: relay_dial.c gets it
 * made, relay_conn.c speaks through it.
 */
#ifndef RELAY_CONN_H
#define RELAY_CONN_H

#include <event2/event.h>

#include "queued/relay.h"

struct conn {
	TAILQ_ENTRY(conn)	 entry;
	struct dest		*dest;
	struct delivery		*d;		/* NULL: idle */
	int			 begun;		/* the session has it */
	struct place		 place;		/* as it was at the start */
	size_t			 at;		/* candidate */
	size_t			 last;		/* the one tried last */
	int			 clear;		/* no TLS with this one */
	struct relay_tls	 policy;	/* of this candidate */
	unsigned		 failures;	/* candidates that did not do */
	unsigned		 weak;		/* of these for want of REQUIRETLS */
	int			 fd;		/* while it is being made */
	struct event		*ev;		/* connected; again */
	struct event		*life;
	struct io		*io;
	struct smtpclient	*c;
	int			 handshake;
	int			 shown;		/* our certificate, in TLS */
	int			 heard;		/* the server, since then */
	const char		*state;		/* when the deadline was set */
	unsigned		 messages;
	uint64_t		 born;
	struct relay_result	 why;		/* of the last candidate */
	char			 address[DNS_ADDR_TEXT];
	char			 where[DNS_HOST_MAX + DNS_ADDR_TEXT + 3];
	char			 tls[128];
	int			 proxying;	/* the way is being made */
	struct socks		*socks;
	uint64_t		 number;	/* towards auth */
	uint32_t		 login_ask;	/* of auth, 0: nothing is open */
	int			 login_open;	/* auth has it */
	char			 mech[32];
	char			 login_why[256]; /* it cannot be */
};

/* relay_dial.c; all but conn_host may free the connection. */
const char	*conn_host(const struct conn *);
/* The candidate at hand, or the next that gets as far as waiting. */
void	 conn_try(struct conn *);
void	 conn_next_candidate(struct conn *);
/* This candidate; -1 when it fails at once. */
int	 conn_dial(struct conn *);
void	 conn_dial_failed(struct conn *, const char *);
/* It cannot keep what REQUIRETLS asks for. */
void	 conn_weak(struct conn *);
/* Close what is open; it may be dialled again. */
void	 conn_down(struct conn *);
void	 conn_free(struct conn *);

/* relay_conn.c */
/* It is made, on fd: begin. */
void	 conn_session(struct conn *, int fd);
/* Go on with what arrived or drained. */
void	 conn_drive(struct conn *);
/* The connection is no use any more. */
void	 conn_lost(struct conn *, const char *why);

/* relay_proxy.c; all may free the connection. */
void	 proxy_begin(struct conn *);
void	 proxy_drive(struct conn *);
void	 proxy_failed(struct conn *, const char *why);
/* The way is there, or not wanted any more. */
void	 proxy_end(struct conn *);

/* relay_login.c */
enum smtpclient_sasl_answer	 login_sasl(void *, enum smtpclient_sasl_event,
		    struct span, struct buf *, struct buf *);
/* No login goes on. */
void	 login_left(struct conn *);

#endif
