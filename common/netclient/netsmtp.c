/*
 * SMTP over a connection: what the engine wants is done until it has something
 * to say to the caller.
 */
#include "netclient_int.h"

enum smtpclient_want
netclient_smtp(struct netclient *n, struct smtpclient *c)
{
	enum smtpclient_want	 want;
	struct buf		 out = { 0 };
	struct span		 in;
	size_t			 had;
	int			 rc = 0;

	for (;;) {
		in = netclient_in(n);
		had = in.n;
		want = smtpclient_step(c, &in, &out);
		netclient_drain(n, had - in.n);
		if (out.n > 0)
			rc = netclient_send(n, &out, smtpclient_patience(c));
		/* What it had to say about it counts before the break. */
		if ((rc == -1 || want == SMTPCLIENT_WRITE) &&
		    net_hear(n) == 1)
			rc = 0;
		if (rc == 0 && want == SMTPCLIENT_TLS_NOW) {
			if ((rc = netclient_tls(n)) == 0)
				smtpclient_tls_done(c);
		} else if (rc == 0 && want == SMTPCLIENT_READ) {
			rc = netclient_recv(n, smtpclient_patience(c));
			if (rc == 0)
				smtpclient_abort(c, "4.4.2",
				    "the server ended the connection");
			rc = rc == -1 ? -1 : 0;
		} else if (rc == 0 && want == SMTPCLIENT_SASL)
			rc = -1;	/* netlogin never waits */
		if (want == SMTPCLIENT_READY || want == SMTPCLIENT_END ||
		    want == SMTPCLIENT_FAILED)
			break;
		if (rc == -1)
			smtpclient_abort(c, "4.4.2", netclient_error(n));
		rc = 0;
	}
	buf_freezero(&out);
	return (want);
}
