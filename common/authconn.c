/*
 * Connections, as auth gets to know them.  See authconn.h.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

#include "authconn.h"
#include "proc.h"

struct peer *
authconn_peer(void)
{
	return (proc_peer(ROLE_AUTH, 0));
}

uint32_t
authconn_open(uint64_t conn, int fd, reply_fn fn, void *arg)
{
	struct msg_number	 m = { conn };
	int			 copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return (copy == -1 ? 0 : peer_ask(authconn_peer(), M_CONN_OPEN,
	    &c_number, &m, copy, fn, arg));
}

/* Two networks of IPv6 may share a turn; that is all it means. */
uint32_t
authconn_who(struct span remote)
{
	char		 text[INET6_ADDRSTRLEN];
	struct in6_addr	 in6;
	struct in_addr	 in;
	uint32_t	 a, b;

	if (remote.n >= sizeof(text))
		return (0);
	memcpy(text, remote.p, remote.n);
	text[remote.n] = '\0';
	if (inet_pton(AF_INET, text, &in) == 1)
		return (in.s_addr);
	if (inet_pton(AF_INET6, text, &in6) != 1)
		return (0);
	memcpy(&a, &in6.s6_addr[0], sizeof(a));
	memcpy(&b, &in6.s6_addr[4], sizeof(b));
	return (a ^ b * 2654435761U);
}

int
authconn_crowded(uint32_t who)
{
	const struct peer	*p = authconn_peer();

	return (peer_behind(p, NULL) >= AUTHCONN_LOGINS ||
	    peer_behind(p, &who) >= AUTHCONN_ADDRESS);
}

void
authconn_closed(uint64_t conn)
{
	struct msg_number	 m = { conn };

	(void)peer_put(authconn_peer(), M_CONN_CLOSED, &c_number, &m, -1);
}

void
authconn_tls(uint64_t conn, const struct tlsctx_facts *f)
{
	struct msg_conn_tls	 m = { .conn = conn };

	m.version = span_str(f->version);
	m.cipher = span_str(f->cipher);
	m.sni = span_str(f->sni);
	m.exporter = span_of(f->exporter, f->exporter_n);
	m.unique = span_of(f->unique, f->unique_n);
	m.end_point = span_of(f->end_point, f->end_point_n);
	(void)peer_put(authconn_peer(), M_CONN_TLS, &c_conn_tls, &m, -1);
}

uint32_t
authconn_key(uint64_t conn, const struct tlsctx_facts *f, reply_fn fn,
    void *arg)
{
	struct msg_conn_key	 m = { .conn = conn, .record = f->record };

	m.key = span_of(f->key, sizeof(f->key));
	return (peer_ask(authconn_peer(), M_CONN_KEY, &c_conn_key, &m, -1, fn,
	    arg));
}

int
authconn_identity(struct imsg *m, uint64_t conn, struct msg_conn_identity *id)
{
	if (imsg_get(m, &c_conn_identity, id) == 0 && id->conn == conn &&
	    id->identity <= IDENTITY_REFUSED)
		return (0);
	memset(id, 0, sizeof(*id));
	id->identity = IDENTITY_NONE;
	return (-1);
}

int
authconn_binding(const struct tlsctx_facts *f)
{
	return (f->exporter_n + f->unique_n + f->end_point_n != 0);
}
