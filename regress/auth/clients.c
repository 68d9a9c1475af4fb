/*
 * What tests of "authd: auth" say again and again: see clients.h.
 */
#include <sys/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"

struct peer		*front, *smtpd, *queued;
struct msg_conn_opened	 opened;
struct msg_sasl		 said;

static uint64_t		 next_conn;

/* Open connection n at a listener; the client's end, or -1: refused. */
int
open_conn(struct peer *p, int listener, uint64_t n)
{
	struct msg_number	 m = { n };
	int			 fd, client = rig_client(listener, &fd);

	if (rig_ask(p, M_CONN_OPEN, &c_number, &m, fd, &c_conn_opened,
	    &opened) == 0 && opened.allowed && opened.conn == n)
		return (client);
	close(client);
	return (-1);
}

void
close_conn(struct peer *p, uint64_t n)
{
	struct msg_number	 m = { n };

	(void)peer_put(p, M_CONN_CLOSED, &c_number, &m, -1);
	rig_run();
}

/* Begin an exchange; ours is the end of the session's pair that stays. */
int
start(struct peer *p, uint64_t conn, const char *mech, struct span initial,
    int has, int *ours)
{
	struct msg_sasl_start	 s = { .conn = conn, .mech = span_str(mech),
				    .has_initial = (uint8_t)has,
				    .initial = initial,
				    .tag = span_str("a1"),
				    .pending = span_str("x") };
	int			 fds[2];

	s.login_command = strcmp(mech, "") == 0;
	if ((p == smtpd ? imsg_pair(fds) : stream_pair(fds)) == -1)
		abort();
	if (ours != NULL)
		*ours = fds[0];
	else
		close(fds[0]);
	if (rig_ask(p, M_SASL_START, &c_sasl_start, &s, fds[1], &c_sasl,
	    &said) == -1)
		return (-1);
	return (said.outcome);
}

int
step(struct peer *p, uint64_t conn, struct span data)
{
	struct msg_sasl_step	 s = { conn, data };

	if (rig_ask(p, M_SASL_STEP, &c_sasl_step, &s, -1, &c_sasl,
	    &said) == -1)
		return (-1);
	return (said.outcome);
}

int
abort_sasl(struct peer *p, uint64_t conn)
{
	struct msg_number	 n = { conn };

	if (rig_ask(p, M_SASL_ABORT, &c_number, &n, -1, &c_sasl, &said) == -1)
		return (-1);
	return (said.outcome);
}

/* "user NUL user NUL password", or what stands for it in LOGIN. */
int
plain(struct peer *p, uint64_t conn, const char *user, const char *password)
{
	struct buf	 b = { 0 };
	int		 rc;

	buf_addc(&b, '\0');
	buf_adds(&b, user);
	buf_addc(&b, '\0');
	buf_adds(&b, password);
	rc = start(p, conn, "PLAIN", span_buf(&b), 1, NULL);
	buf_free(&b);
	return (rc);
}

/* A connection of its own for one try. */
int
try_plain(const char *user, const char *password)
{
	uint64_t	 n = ++next_conn;
	int		 c = open_conn(front, RIG_IMAP, n), rc;

	if (c == -1)
		return (-2);
	rc = plain(front, n, user, password);
	close_conn(front, n);
	close(c);
	return (rc);
}

void
forgive(void)
{
	rig_later += 86400ull * 1000 * 2;
}

/* The client's side of SCRAM, by the component. */
int
scram(const char *mech, int plus, const struct scram_bindings *b,
    const char *user, const char *password, uint64_t conn)
{
	struct sasl_login	 l = { .user = span_str(user),
				    .password = span_str(password), .tls = 1,
				    .trusted = 1 };
	struct sasl_client	*k;
	struct sasl_reply	 r;
	struct span		 in;
	int			 rc, begun = 0;
	enum sasl_step		 what;

	if (plus)
		l.bindings = *b;
	k = sasl_client_new(sasl_mech_by_name(span_str(mech)), &l, 0);
	what = sasl_client_step(k, NULL, &r);
	for (rc = SASL_MORE; rc == SASL_MORE; ) {
		if (what == SASL_STEP_WORK) {
			sasl_client_work(k);
			what = sasl_client_step(k, NULL, &r);
			continue;
		}
		if (what != SASL_STEP_MORE) {
			rc = abort_sasl(front, conn);
			break;
		}
		rc = begun++ ? step(front, conn, r.data) : start(front, conn,
		    mech, r.data, r.present, NULL);
		in = said.data;
		if (rc == SASL_MORE)
			what = sasl_client_step(k, &in, &r);
	}
	if (rc == SASL_OK && sasl_client_success(k) == -1)
		rc = -4;
	sasl_client_free(k);
	return (rc);
}

/* ---- letterctl ------------------------------------------------------------ */

int
says(const char *what)
{
	struct buf	 b = { 0 };
	int		 rc;

	buf_add_span(&b, rig_page.text);
	rc = strstr(buf_cstr(&b), what) != NULL;
	buf_free(&b);
	return (rc);
}

void
clients_begin(void)
{
	rig_begin();
	front = rig_link(ROLE_FRONT, 0);
	smtpd = rig_link(ROLE_SMTPD, 0);
	queued = rig_link(ROLE_QUEUED, 0);
	rig_link(ROLE_STORE, 0);
	rig_link(ROLE_STORE, 1);
	rig_account("alice", "alice@d.example");
	rig_account("bob", "bob@d.example");
	if (RIG_CTL("address add", "alice", "al@d.example") != 0 ||
	    RIG_CTL("address add", "bob", "@e.example") != 0 ||
	    RIG_CTL("address add", "bob", "\303\274@d.example") != 0)
		abort();
}
