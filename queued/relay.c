/*
 * "queued: relay NAME": the worker of one transport.  queued hands it messages
 * for recipients at one destination, with the body as a descriptor to read; it
 * answers with a result for each recipient.  It keeps nothing: what it has not
 * answered when it ends is still queued's.
 */
#include <ctype.h>
#include <errno.h>
#include <event2/event.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "proc.h"
#include "queued/relay.h"
#include "tlsctx.h"

#define TEXTS	10000	/* octets of all texts in an answer, of IMSG_MAX */

struct relay	 relay = { .deliveries =
		    TAILQ_HEAD_INITIALIZER(relay.deliveries) };

static int	 relay_open(void);
static void	 show_certificate(void);
static void	 relay_commit(void);
static void	 relay_stop(void);
static void	 on_stop(evutil_socket_t, short, void *);
static void	 link_down(struct peer *);
static int	 on_relay(struct peer *, struct imsg *);
static int	 delivery_get(struct delivery *, struct imsg *);
static ssize_t	 read_body(void *, uint64_t, void *, size_t);
static void	 ascii_domain(struct delivery *, struct span *);
static void	 delivery_free(struct delivery *);
static void	 answer(struct delivery *, const struct relay_facts *);

static const struct msg_rule rules[] = {
	{ M_RELAY, PEER(ROLE_QUEUED), MSG_BODY | MSG_FD, on_relay },
};

extern const struct role_ops	 relay_ops;
const struct role_ops relay_ops = {
	.role = ROLE_RELAY,
	.rules = rules,
	.nrules = nitems(rules),
	.open = relay_open,
	.link_down = link_down,
	.commit = relay_commit,
	.stop = relay_stop,
};

const struct conf_transport *
relay_transport(void)
{
	/* What is there without a word in the configuration. */
	static char			 none[] = "";
	static struct conf_transport	 usual = { .kind = TRANSPORT_DIRECT,
					    .host = none, .port = 25,
					    .tls = TLS_OPTIONAL,
					    .source4 = none, .source6 = none,
					    .helo = none, .socket = none, .proxy = none,
					    .certificate = none, .auth = none,
					    .connections = 10,
					    .connections_total = 200,
					    .recipients = 100 };
	const struct conf_transport	*t;

	if ((t = conf_transport(proc_conf(), proc_name())) == NULL &&
	    strcmp(proc_name(), "default") == 0)
		t = &usual;
	if (t != NULL && !TRANSPORT_BY_MX(t) &&
	    !TRANSPORT_SMARTHOST(t))
		t = NULL;
	return (t);
}

uint32_t
relay_random(uint32_t below)
{
	uint32_t	 n = 0;

	(void)RAND_bytes((unsigned char *)&n, sizeof(n));
	return (below == 0 ? 0 : n % below);
}

/* Authorities' certificates are files: before the cage. */
static int
relay_open(void)
{
	const struct conf_transport	*t = relay_transport();
	struct buf			 why = { .max = 1024 };

	relay.tls = tlsctx_client_new(*proc_conf()->authorities == '\0' ?
	    NULL : proc_conf()->authorities, &why);
	if (why.n > 0 && t != NULL && t->verify)
		log_warn("%s", buf_cstr(&why));
	buf_free(&why);
	(void)relay_random(2);
	if (relay.tls == NULL || dests_start() == -1) {
		log_error("no memory");
		return (-1);
	}
	show_certificate();
	return (0);
}

/* Without it a server will say what it thinks of us. */
static void
show_certificate(void)
{
	const struct conf_transport	*t = relay_transport();
	const struct conf_cert		*cert = NULL;
	struct buf			 why = { .max = 1024 };

	if (t != NULL && t->certificate[0] != '\0')
		cert = conf_certificate(proc_conf(), t->certificate);
	if (tlsctx_client_cert(relay.tls, cert, &why) == -1)
		log_error("transport %s: its certificate cannot be shown: %s",
		    proc_name(), buf_cstr(&why));
	buf_free(&why);
}

static void
relay_commit(void)
{
	show_certificate();
	dests_commit();
}

/* ---- the end ------------------------------------------------------------- */

static void
on_stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	proc_exit(0);
}

static void
relay_stop(void)
{
	static const struct timeval	 patience = { RELAY_STOP, 0 };

	relay.stopping = 1;
	dests_stop();
	if (TAILQ_EMPTY(&relay.deliveries) && dests_connections() == 0)
		proc_exit(0);
	event_base_once(proc_base(), -1, EV_TIMEOUT, on_stop, NULL, &patience);
}

/*
 * Nobody hears our answers any more: what is finished now would be sent twice,
 * what is cut before the end of its data is not.
 */
static void
link_down(struct peer *p)
{
	if (peer_role(p) == ROLE_QUEUED)
		proc_exit(0);
}

/* ---- deliveries ---------------------------------------------------------- */

static ssize_t
read_body(void *arg, uint64_t off, void *p, size_t n)
{
	struct delivery	*d = arg;
	ssize_t		 got;

	while ((got = pread(d->fd, p, n, (off_t)off)) == -1 && errno == EINTR)
		continue;
	return (got);
}

/*
 * A domain beyond ASCII behind a local part that is not: in A-labels any server
 * takes it.
 */
static void
ascii_domain(struct delivery *d, struct span *address)
{
	struct span	 s = *address;
	size_t		 at, i, start = d->addresses.n;
	char		*domain, *ascii;
	int		 beyond = 0;

	for (at = s.n; at > 0 && s.p[at - 1] != '@'; at--)
		beyond |= s.p[at - 1] & 0x80;
	for (i = 0; i < at; i++)
		if ((s.p[i] & 0x80) != 0)
			return;
	if (at == 0 || !beyond ||
	    (domain = span_dup(span_of(s.p + at, s.n - at))) == NULL)
		return;
	if (dns_domain_ascii(domain, &ascii) == 0) {
		buf_add(&d->addresses, s.p, at);
		buf_adds(&d->addresses, ascii);
		free(ascii);
		/* It was reserved: nothing moves. */
		*address = span_of(d->addresses.p + start,
		    d->addresses.n - start);
	}
	free(domain);
}

/* From the request; -1 malformed. */
static int
delivery_get(struct delivery *d, struct imsg *m)
{
	const struct msg_relay_rcpt	*r;
	struct span			 s;
	size_t				 i;

	buf_add_span(&d->octets, m->data);
	m->data = span_of(NULL, 0);
	s = span_buf(&d->octets);
	if (buf_failed(&d->octets) || codec_get(&s, &c_relay, &d->m) == -1)
		return (-1);
	if (s.n != 0 || d->m.rcpts.n == 0 || d->m.body > SMTPCLIENT_BINARY ||
	    d->m.ret > 2 || d->m.requiretls > REQUIRETLS_NO || (d->rcpts = calloc(d->m.rcpts.n,
	    sizeof(*d->rcpts))) == NULL ||
	    (d->destination = span_dup(d->m.destination)) == NULL ||
	    buf_reserve(&d->addresses, (d->m.rcpts.n + 1) *
	    (MSG_ADDR_MAX + DNS_HOST_MAX)) == NULL)
		return (-1);
	for (i = 0; d->destination[i] != '\0'; i++)
		d->destination[i] = (char)tolower((uint8_t)d->destination[i]);
	for (i = 0, r = d->m.rcpts.v; i < d->m.rcpts.n; i++) {
		d->rcpts[i].address = r[i].address;
		d->rcpts[i].orcpt = r[i].orcpt;
		d->rcpts[i].notify = r[i].notify;
		ascii_domain(d, &d->rcpts[i].address);
	}
	d->msg.from = d->m.from;
	ascii_domain(d, &d->msg.from);
	d->msg.envid = d->m.envid;
	d->msg.ret = d->m.ret;
	d->msg.utf8 = d->m.utf8;
	d->msg.body = (enum smtpclient_body)d->m.body;
	d->msg.requiretls = d->m.requiretls == REQUIRETLS_ALL;
	d->msg.size = d->m.size;
	d->msg.read = read_body;
	d->msg.arg = d;
	d->msg.rcpts = d->rcpts;
	d->msg.nrcpts = d->m.rcpts.n;
	return (0);
}

static void
delivery_free(struct delivery *d)
{
	TAILQ_REMOVE(&relay.deliveries, d, all);
	if (d->rcpts != NULL)
		smtpclient_results_free(&d->msg);
	codec_free(&c_relay, &d->m);
	if (d->fd != -1)
		close(d->fd);
	free(d->rcpts);
	free(d->destination);
	buf_free(&d->addresses);
	buf_free(&d->octets);
	free(d);
}

static int
on_relay(struct peer *p, struct imsg *m)
{
	struct relay_result	 why;
	struct delivery		*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (-1);
	d->fd = m->fd;
	m->fd = -1;
	d->peer = p;
	d->request = m->id;
	TAILQ_INSERT_TAIL(&relay.deliveries, d, all);
	if (delivery_get(d, m) == -1) {
		delivery_free(d);
		return (-1);
	}
	if (relay.stopping)
		relay_result(&why, RESULT_TEMP, 0, "4.3.2", "stopping");
	else if (d->fd == -1)
		relay_result(&why, RESULT_TEMP, 0, "4.3.0",
		    "the message did not arrive at the worker");
	else if (relay_transport() == NULL)
		relay_result(&why, RESULT_TEMP, 0, "4.3.5",
		    "there is no transport %s any more", proc_name());
	else if (relay_tls_never(relay_transport(), d->m.requiretls))
		relay_result(&why, RESULT_NO, 554, "5.7.30", "the sender asked "
		    "for TLS with verified servers all the way (REQUIRETLS), "
		    "which this transport cannot give");
	else {
		dest_add(d);
		return (0);
	}
	delivery_end(d, &why, NULL);
	return (0);
}

/* ---- answers ------------------------------------------------------------- */

static void
answer(struct delivery *d, const struct relay_facts *f)
{
	static const enum result	 results[] = {
		[SMTPCLIENT_PENDING] = RESULT_TEMP,
		[SMTPCLIENT_OK] = RESULT_OK,
		[SMTPCLIENT_TEMP] = RESULT_TEMP,
		[SMTPCLIENT_PERM] = RESULT_NO,
	};
	const struct smtpclient_result	*r;
	struct msg_relay_result		*v;
	const struct msg_relay_rcpt	*ids = d->m.rcpts.v;
	struct msg_relay_done		 m = { .id = d->m.id };
	size_t				 i, most = TEXTS / (d->msg.nrcpts + 1);

	if ((v = calloc(d->msg.nrcpts, sizeof(*v))) == NULL)
		return;		/* the link's end will say it */
	most = most > 1024 ? 1024 : most;
	for (i = 0; i < d->msg.nrcpts; i++) {
		r = &d->rcpts[i].result;
		v[i].id = ids[i].id;
		v[i].result = (uint8_t)results[r->outcome];
		v[i].code = r->code;
		v[i].enhanced = span_str(r->enhanced);
		v[i].text = span_str(r->text == NULL ? "" : r->text);
		if (v[i].text.n > most)
			v[i].text.n = most;
	}
	if (f != NULL) {
		m.host = span_str(f->host);
		m.address = span_str(f->address);
		m.tls = span_str(f->tls);
		m.dsn = f->dsn != 0;
	}
	m.results.v = v;
	m.results.n = d->msg.nrcpts;
	if (peer_reply(d->peer, M_RELAY, d->request, &c_relay_done, &m,
	    -1) == -1)
		log_warn("delivery %llu: no answer could be sent",
		    (unsigned long long)d->m.id);
	free(v);
}

static void
count(const struct delivery *d, unsigned n[4])
{
	size_t	 i;

	for (i = 0; i < d->msg.nrcpts; i++)
		n[d->rcpts[i].result.outcome]++;
}

void
delivery_end(struct delivery *d, const struct relay_result *why,
    const struct relay_facts *f)
{
	struct smtpclient_result	*r;
	unsigned			 n[4] = { 0 };
	size_t				 i;

	for (i = 0; i < d->msg.nrcpts; i++) {
		r = &d->rcpts[i].result;
		if (r->outcome != SMTPCLIENT_PENDING || why == NULL)
			continue;
		r->outcome = why->result == RESULT_OK ? SMTPCLIENT_OK :
		    why->result == RESULT_NO ? SMTPCLIENT_PERM :
		    SMTPCLIENT_TEMP;
		r->code = why->code;
		memcpy(r->enhanced, why->enhanced, sizeof(r->enhanced));
		r->text = strdup(why->text);
	}
	count(d, n);
	log_debug("delivery %llu to %s by %s: %u taken, %u later, %u refused",
	    (unsigned long long)d->m.id, log_escs(d->destination),
	    f == NULL ? "nobody" : log_escs(f->host), n[SMTPCLIENT_OK],
	    n[SMTPCLIENT_TEMP], n[SMTPCLIENT_PERM]);
	if (d->peer != NULL)
		answer(d, f);
	delivery_free(d);
	if (relay.stopping && TAILQ_EMPTY(&relay.deliveries) &&
	    dests_connections() == 0)
		proc_exit(0);
}
