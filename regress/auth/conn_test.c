/*
 * "authd: auth": connections, as the kernel sees them, and how many.
 */
#include <sys/socket.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "authd/roles.h"
#include "clients.h"
#include "test.h"

static void
test_conns(void)
{
	struct msg_conn_tls	 t = { .conn = 100,
				    .version = span_str("TLSv1.3") };
	struct msg_number	 n = { 1 };
	int			 c[16], i, fds[2], got;

	c[0] = open_conn(front, RIG_IMAP, 100);
	CHECK(c[0] != -1 && opened.listener == RIG_IMAP &&
	    span_eqs(opened.remote, "127.0.0.1") && opened.port != 0,
	    "a connection, as the kernel sees it");
	CHECK(peer_put(front, M_CONN_TLS, &c_conn_tls, &t, -1) == 0,
	    "TLS is told");
	close_conn(front, 100);
	close(c[0]);
	for (i = 0, got = 0; i < 11; i++) {
		c[i] = open_conn(front, RIG_IMAP, 200 + (uint64_t)i);
		got += c[i] != -1;
	}
	CHECK(got == 10 && c[10] == -1 && opened.text.n > 0,
	    "so many from one address: %d", got);
	CHECK((i = open_conn(smtpd, RIG_SMTP, 200)) != -1,
	    "another kind is counted by itself");
	close(i);
	close_conn(smtpd, 200);
	close_conn(front, 203);
	close(c[3]);
	CHECK((c[3] = open_conn(front, RIG_IMAP, 220)) != -1,
	    "a place that was given back");
	rig_unlink(ROLE_FRONT, 0);
	front = rig_link(ROLE_FRONT, 0);
	for (i = 0; i < 10; i++)
		close(c[i]);
	for (i = 0, got = 0; i < 10; i++) {
		c[i] = open_conn(front, RIG_IMAP, 200 + (uint64_t)i);
		got += c[i] != -1;
	}
	CHECK(got == 10, "all places, when the link was lost");
	for (i = 0; i < 10; i++) {
		close_conn(front, 200 + (uint64_t)i);
		close(c[i]);
	}
	CHECK(open_conn(front, RIG_SUBMISSION, 300) == -1 &&
	    open_conn(smtpd, RIG_IMAP, 300) == -1,
	    "a socket of the other's listener is refused");
	if (pipe(fds) == -1)
		abort();
	CHECK(rig_ask(front, M_CONN_OPEN, &c_number, &n, fds[0],
	    &c_conn_opened, &opened) == 0 && !opened.allowed,
	    "a pipe is no connection");
	close(fds[1]);
	fds[0] = open("/", O_RDONLY | O_DIRECTORY);
	CHECK(rig_ask(front, M_CONN_OPEN, &c_number, &n, fds[0],
	    &c_conn_opened, &opened) == 0 && !opened.allowed,
	    "nor is a directory");
	CHECK(rig_ask(front, M_CONN_OPEN, &c_number, &n, -1, &c_conn_opened,
	    &opened) == 0 && !opened.allowed, "nor is nothing");
	if (stream_pair(fds) == -1)
		abort();
	CHECK(rig_ask(front, M_CONN_OPEN, &c_number, &n, fds[0],
	    &c_conn_opened, &opened) == 0 && !opened.allowed,
	    "nor is a pair");
	close(fds[1]);
	close_conn(front, 12345);
	CHECK(rig_linked(ROLE_FRONT, 0), "closing what is not open is nothing");
}

/* So many new ones a minute, where a number is written for this machine too. */
static void
test_fast(void)
{
	struct conf_listener	*l = rig_conf->listeners.v;
	int			 c, i, got;

	for (i = 0, got = 0; i < 400; i++, close(c)) {
		if ((c = open_conn(front, RIG_IMAP, 1)) == -1)
			break;
		got++;
		close_conn(front, 1);
	}
	CHECK(got == 400, "this machine may as often as it likes: %d", got);
	l[RIG_IMAP].limits.connects_address = 5;
	l[RIG_IMAP_TLS].limits.connects_address = 4;
	l[RIG_IMAPS].limits.connects_address = 4;
	auth_ops.commit();
	for (i = 0, got = 0; i < 8; i++)
		if ((c = open_conn(front, RIG_IMAP, 1)) != -1) {
			got++;
			close_conn(front, 1);
			close(c);
		}
	CHECK(got == 5 && opened.text.n > 0, "unless a number says how: %d",
	    got);
	CHECK((c = open_conn(smtpd, RIG_SMTP, 1)) != -1,
	    "of another kind there are more");
	close_conn(smtpd, 1);
	close(c);
	rig_later += 68 * 1000;
	CHECK((c = open_conn(front, RIG_IMAP, 1)) != -1, "a minute later too");
	close_conn(front, 1);
	close(c);
}

int
main(void)
{
	clients_begin();
	test_conns();
	test_fast();
	rig_end_all();
	return (test_done());
}
