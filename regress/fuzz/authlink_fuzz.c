/*
 * Messages of any kind, in any order, from any process, to "authd: auth".
 * Whatever they were, no connection, no exchange and no comparison is left when
 * the links are gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/rig.h"
#include "authd/auth_proof.h"
#include "authd/roles.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
const char	*__lsan_default_suppressions(void);

#define OPS_MAX		64	/* in one input */
#define CONNS		4
#define FDS_MAX		100	/* of the database, the loop, listeners */

static const enum role	 roles[] = { ROLE_FRONT, ROLE_SMTPD, ROLE_QUEUED,
			    ROLE_CONTROL, ROLE_STORE };
static struct peer	*links[nitems(roles)];

/* Berkeley DB keeps offsets where a leak checker looks for pointers. */
const char *
__lsan_default_suppressions(void)
{
	return ("leak:libdb-5.3.so\n");
}

static uint8_t
octet(struct span *s)
{
	uint8_t	 o = 0;

	(void)span_get_u8(s, &o);
	return (o);
}

/* So many octets as the next one says. */
static struct span
some(struct span *s)
{
	struct span	 out = { 0 };
	size_t		 n = octet(s);

	(void)span_take(s, n < s->n ? n : s->n, &out);
	return (out);
}

static void
do_open(struct peer *p, struct span *s)
{
	struct msg_number	 m = { octet(s) % CONNS };
	int			 fd, c = rig_client(octet(s) % RIG_LISTENERS,
				    &fd);

	(void)peer_ask(p, M_CONN_OPEN, &c_number, &m, fd, NULL, NULL);
	rig_run();
	close(c);
}

static void
do_tls(struct peer *p, struct span *s)
{
	struct msg_conn_tls	 m = { .conn = octet(s) % CONNS };

	m.version = span_str("TLSv1.3");
	m.exporter = some(s);
	if (m.exporter.n > 64)
		m.exporter.n = 64;
	(void)peer_put(p, M_CONN_TLS, &c_conn_tls, &m, -1);
}

static struct tlskey	 key;

/* In place of auth_proof.c, which has a target of its own. */
int
proof_check(struct span record, struct span spki, uint8_t server[32],
    const char **why)
{
	(void)spki;
	memset(server, 0, 32);
	*why = "no proof";
	return (record.n > 0 && record.p[0] == 'p' ? 0 : -1);
}

/* A registered key or another; keys says yes, no, or nothing yet. */
static void
do_key(struct peer *p, struct span *s)
{
	struct msg_conn_key	 m = { .conn = octet(s) % CONNS };
	uint8_t			 o = octet(s), id[TLSKEY_ID];

	memcpy(id, key.id, sizeof(id));
	id[0] ^= o & 1;
	rig_claimed = (o & 2) != 0 ? RESULT_NO : RESULT_OK;
	rig_silent = (o & 4) != 0;
	m.key = span_of(id, o & 0x80 ? 31 : TLSKEY_ID);
	m.record = some(s);
	(void)peer_ask(p, M_CONN_KEY, &c_conn_key, &m, -1, NULL, NULL);
}

static void
do_start(struct peer *p, struct span *s)
{
	struct msg_sasl_start	 m = { .conn = octet(s) % CONNS };
	uint8_t			 mech = octet(s);
	int			 fds[2];

	m.mech = span_str(mech_names[mech % MECH_COUNT]);
	m.login_command = (mech & 0x80) != 0;
	m.plain_socket = (mech & 0x40) != 0;
	m.has_initial = (mech & 0x20) == 0;
	m.certificate = (mech & 0x10) != 0;
	if (m.certificate && (mech & 1) != 0) {
		m.mech.n = 0;
		m.has_initial = m.login_command = 0;
	}
	m.initial = some(s);
	if ((p == links[1] ? imsg_pair(fds) : stream_pair(fds)) == -1)
		return;
	close(fds[0]);
	(void)peer_ask(p, M_SASL_START, &c_sasl_start, &m, fds[1], NULL, NULL);
}

static void
do_step(struct peer *p, struct span *s)
{
	struct msg_sasl_step	 m = { .conn = octet(s) % CONNS };

	m.data = some(s);
	(void)peer_ask(p, M_SASL_STEP, &c_sasl_step, &m, -1, NULL, NULL);
}

static void
do_end(struct peer *p, struct span *s)
{
	uint8_t			 o = octet(s);
	struct msg_number	 m = { o % CONNS };

	if (o & 0x80)
		(void)peer_put(p, M_CONN_CLOSED, &c_number, &m, -1);
	else
		(void)peer_ask(p, M_SASL_ABORT, &c_number, &m, -1, NULL, NULL);
}

static void
do_text(struct peer *p, struct span *s)
{
	static const uint32_t	 types[] = { M_RCPT, M_ACCOUNT_NAMED };
	uint32_t		 type = types[octet(s) % nitems(types)];
	struct msg_text		 t = { some(s) };

	(void)peer_ask(p, type, &c_text, &t, -1, NULL, NULL);
}

static void
do_may_use(struct peer *p, struct span *s)
{
	struct msg_may_use	 m = { .account = octet(s) };

	m.address = some(s);
	m.key = span_of(key.id, octet(s) % (TLSKEY_ID + 1));
	(void)peer_ask(p, M_MAY_USE, &c_may_use, &m, -1, NULL, NULL);
}

static void
do_ctl(struct peer *p, struct span *s)
{
	static const char *const	 verbs[] = { "account list",
	    "account show", "account locate", "account route list",
	    "account route add", "account route remove", "logins",
	    "verify auth", "address add", "address remove", "account add",
	    "account disable", "account enable", "account local-user",
	    "tlspubkey add", "tlspubkey list", "tlspubkey show",
	    "tlspubkey remove", "tlspubkey update" };
	struct msg_ctl_arg		 args[5];
	struct msg_ctl			 m = { 0 };

	m.verb = span_str(verbs[octet(s) % nitems(verbs)]);
	m.args.v = args;
	m.args.n = octet(s) % (nitems(args) + 1);
	for (size_t i = 0; i < m.args.n; i++)
		args[i].arg = some(s);
	if (octet(s) & 1)
		m.cursor = some(s);
	(void)peer_ask(p, M_CTL, &c_ctl, &m, -1, NULL, NULL);
}

static void
do_raw(struct peer *p, struct span *s)
{
	uint32_t	 type = octet(s);
	struct buf	 b = { 0 };

	type = type << 8 | octet(s);
	buf_add_span(&b, some(s));
	(void)peer_send(p, type % 1000, &b, -1);
	buf_free(&b);
}

static void	 (*const ops[])(struct peer *, struct span *) = { do_open,
    do_tls, do_start, do_step, do_end, do_text, do_may_use, do_ctl, do_raw,
    do_key };

/* RFC 8410 section 10.1 */
static void
register_key(void)
{
	static const uint8_t	 spki[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
	    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, 0x19, 0xbf, 0x44, 0x09, 0x69,
	    0x84, 0xcd, 0xfe, 0x85, 0x41, 0xba, 0xc1, 0x67, 0xdc, 0x3b, 0x96,
	    0xc8, 0x50, 0x86, 0xaa, 0x30, 0xb6, 0xb6, 0xcb, 0x0c, 0x5c, 0x38,
	    0xad, 0x70, 0x31, 0x66, 0xe1 };
	struct account		 a;
	const char		*why;

	if (tlskey_read(span_of(spki, sizeof(spki)), &key, &why) == -1 ||
	    userdb_by_name(&auth.db, span_str("alice"), &a) == -1)
		abort();
	key.account = a.id;
	snprintf(key.name, sizeof(key.name), "example");
	snprintf(key.address, sizeof(key.address), "alice@d.example");
	if (tlskey_add(&auth.db, &key, span_of("", 0)) == -1)
		abort();
	dbenv_turn_end(auth.db.env);
}

static void
begin(void)
{
	static int	 begun;

	if (begun)
		return;
	begun = 1;
	rig_begin();
	rig_conf->iterations = 16;
	rig_link(ROLE_STORE, 0);
	rig_account("alice", "alice@d.example");
	CONF_EACH(struct conf_listener, l, &rig_conf->listeners)
		l->limits.login_failures_address = 1000000;
	auth_ops.commit();
}

static void
check(void)
{
	size_t	 i;
	int	 fd;

	for (i = 0; i < nitems(auth.open); i++)
		if (ratelimit_open_total(auth.open[i]) != 0)
			abort();
	while (verify_waiting() > 0)
		event_base_loop(proc_base(), EVLOOP_ONCE);
	if (ratelimit_open_total(auth.verifying) != 0)
		abort();
	/* no descriptor stays behind: the lowest free one is low */
	if ((fd = dup(0)) > FDS_MAX)
		abort();
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span	 s = span_of(data, size);
	uint8_t		 o;
	size_t		 i, r;

	begin();
	rig_claimed = RESULT_OK;
	rig_silent = 0;
	rig_link(ROLE_KEYS, 0);
	if (tlskey_get(&auth.db, key.id, &key) == -1)
		register_key();
	for (i = 0; i < nitems(roles); i++)
		links[i] = rig_link(roles[i], 0);
	for (i = 0; i < OPS_MAX && s.n > 0; i++) {
		o = octet(&s);
		r = o / 32 % nitems(roles);
		if (!rig_linked(roles[r], 0))
			links[r] = rig_link(roles[r], 0);
		ops[o % 32 % nitems(ops)](links[r], &s);
		if (o & 0x10)
			rig_run();
	}
	rig_run();
	for (i = 0; i < nitems(roles); i++)
		rig_unlink(roles[i], 0);
	rig_unlink(ROLE_KEYS, 0);
	check();
	return (0);
}
