/*
 * "authd: auth": what a hostile peer may try.
 */
#include <sys/socket.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients.h"
#include "test.h"

static void
test_hostile(void)
{
	struct msg_sasl_start	 s = { .conn = 1, .mech = span_str("PLAIN") };
	struct msg_conn_tls	 t = { .conn = 1 };
	struct msg_number	 n = { 1 };
	struct buf		 junk = { 0 };
	uint32_t		 type;
	int			 c, c2, fds[2], bad = 0;

	/* octets that are no message, under every type */
	buf_adds(&junk, "\377\377\377\377 junk");
	for (type = 1; type < 800; type++) {
		front = rig_link(ROLE_FRONT, 0);
		(void)peer_send(front, type, &junk, -1);
		rig_run();
		bad += rig_linked(ROLE_FRONT, 0);
	}
	CHECK(bad == 0, "junk closes the link");
	buf_free(&junk);
	front = rig_link(ROLE_FRONT, 0);
	CHECK(try_plain("alice@d.example", "password-alice") == SASL_OK,
	    "and nothing else");
	CHECK(rig_linked(ROLE_SMTPD, 0) && rig_linked(ROLE_QUEUED, 0),
	    "other links stay");

	/* a number twice */
	c = open_conn(front, RIG_IMAP, 1);
	c2 = open_conn(front, RIG_IMAP, 1);
	CHECK(c2 == -1 && !rig_linked(ROLE_FRONT, 0), "a number twice");
	close(c);
	front = rig_link(ROLE_FRONT, 0);

	/* TLS twice */
	c = open_conn(front, RIG_IMAP, 1);
	(void)peer_put(front, M_CONN_TLS, &c_conn_tls, &t, -1);
	rig_run();
	CHECK(rig_linked(ROLE_FRONT, 0), "TLS once");
	(void)peer_put(front, M_CONN_TLS, &c_conn_tls, &t, -1);
	rig_run();
	CHECK(!rig_linked(ROLE_FRONT, 0), "TLS twice");
	close(c);
	front = rig_link(ROLE_FRONT, 0);

	/* another's connection */
	c = open_conn(smtpd, RIG_SUBMISSION, 77);
	CHECK(plain(front, 77, "alice@d.example", "password-alice") ==
	    SASL_UNAVAILABLE, "another's connection is not there");
	(void)peer_put(front, M_CONN_CLOSED, &c_number,
	    &(struct msg_number){ 77 }, -1);
	rig_run();
	CHECK(start(smtpd, 77, "SCRAM-SHA-1", span_of("", 0), 0, NULL) ==
	    SASL_MORE, "and cannot be closed");
	close_conn(smtpd, 77);
	close(c);

	/* an exchange in an exchange; a step of one that is not known */
	c = open_conn(front, RIG_IMAP, 1);
	CHECK(start(front, 1, "PLAIN", span_of("", 0), 0, NULL) ==
	    SASL_MORE, "an exchange");
	CHECK(start(front, 1, "LOGIN", span_of("", 0), 0, NULL) == -1 &&
	    !rig_linked(ROLE_FRONT, 0), "an exchange in an exchange");
	close(c);
	front = rig_link(ROLE_FRONT, 0);
	c = open_conn(front, RIG_IMAP, 1);
	CHECK(step(front, 1, span_str("x")) == SASL_UNAVAILABLE &&
	    rig_linked(ROLE_FRONT, 0), "a step of one begun before we were");
	close_conn(front, 1);
	close(c);

	/* descriptors that are no sessions */
	c = open_conn(front, RIG_IMAP, 1);
	if (pipe(fds) == -1)
		abort();
	CHECK(rig_ask(front, M_SASL_START, &c_sasl_start, &s, fds[0], &c_sasl,
	    &said) == -1 && !rig_linked(ROLE_FRONT, 0), "a pipe for a session");
	close(fds[1]);
	close(c);
	front = rig_link(ROLE_FRONT, 0);
	c = open_conn(front, RIG_IMAP, 1);
	CHECK(rig_ask(front, M_SASL_START, &c_sasl_start, &s, -1, &c_sasl,
	    &said) == 0 && said.outcome == SASL_UNAVAILABLE,
	    "none at all is unavailable");
	close(c);
	close_conn(front, 1);

	/* SMTP has no logins */
	c = open_conn(smtpd, RIG_SMTP, 1);
	CHECK(plain(smtpd, 1, "alice@d.example", "password-alice") == -1 &&
	    !rig_linked(ROLE_SMTPD, 0), "no login on port 25");
	close(c);
	smtpd = rig_link(ROLE_SMTPD, 0);

	/* who may not ask */
	CHECK(rig_ask(front, M_MAY_USE, &c_number, &n, -1, &c_sasl, &said) ==
	    -1 && !rig_linked(ROLE_FRONT, 0), "front may not ask for queued");
	front = rig_link(ROLE_FRONT, 0);
}

int
main(void)
{
	clients_begin();
	test_hostile();
	rig_end_all();
	return (test_done());
}
