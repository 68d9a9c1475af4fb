/*
 * IMAP over a connection: what the engine wants is done until it has something
 * to say to the caller.
 */
#include "netclient_int.h"

#define PATIENCE	1800	/* seconds, as long as servers wait */

enum imapclient_want
netclient_imap(struct netclient *n, struct imapclient *c)
{
	enum imapclient_want	 want;
	struct buf		 out = { 0 };
	struct span		 in;
	size_t			 had;
	int			 rc = 0;

	for (;;) {
		in = netclient_in(n);
		had = in.n;
		want = imapclient_step(c, &in, &out);
		netclient_drain(n, had - in.n);
		if (out.n > 0)
			rc = netclient_send(n, &out, PATIENCE);
		/* What it had to say about it counts before the break. */
		if ((rc == -1 || want == IMAPCLIENT_WRITE) &&
		    net_hear(n) == 1)
			rc = 0;
		if (rc == 0 && want == IMAPCLIENT_TLS_NOW) {
			if ((rc = netclient_tls(n)) == 0)
				imapclient_tls_done(c);
		} else if (rc == 0 && want == IMAPCLIENT_READ) {
			rc = netclient_recv(n, PATIENCE);
			if (rc == 0)
				imapclient_abort(c,
				    "the server ended the connection");
			rc = rc == -1 ? -1 : 0;
		}
		if (want == IMAPCLIENT_READY || want == IMAPCLIENT_END ||
		    want == IMAPCLIENT_FAILED)
			break;
		if (rc == -1)
			imapclient_abort(c, netclient_error(n));
		rc = 0;
	}
	buf_freezero(&out);
	return (want);
}
