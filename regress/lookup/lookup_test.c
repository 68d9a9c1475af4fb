/*
 * "authd: lookup", in its cage, against a name server that says what the test
 * wants: this process, on loopback, by UDP and TCP.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "authd/lookup.h"
#include "authd/lookup_https.h"
#include "authd/roles.h"
#include "log.h"
#include "proc.h"
#include "sandbox.h"
#include "test.h"

#define DNSKEY		48
#define RRSIG		46
#define SOA		6
#define OPT		41

/* ---- what proc.c is for a role ------------------------------------------ */

static struct event_base	*base;
static struct conf		*conf;

struct event_base *
proc_base(void)
{
	return (base);
}

const struct conf *
proc_conf(void)
{
	return (conf);
}

uint64_t
proc_now_ms(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

/* ---- and HTTPS: there is none --------------------------------------------- */

int
https_open(struct event_base *b, const char *authorities, struct buf *why)
{
	(void)b;
	(void)authorities;
	(void)why;
	return (0);
}

int
https_get(const char *host, const char *path, const struct dns_addr *v,
    size_t n, size_t max, https_fn fn, void *arg)
{
	(void)host;
	(void)path;
	(void)v;
	(void)n;
	(void)max;
	(void)fn;
	(void)arg;
	return (-1);
}

static void
on_down(struct peer *p, const char *why)
{
	(void)why;
	lookup_ops.link_down(p);
	_exit(0);		/* no search for leaks in the cage */
}

/* The role, caged, with one peer; our end of the link. */
static int
start_lookup(void)
{
	static struct peer_ops	 ops;
	struct peer		*p;
	int			 fds[2];

	if (imsg_pair(fds) == -1)
		exit(1);
	fflush(stdout);
	if (fork() != 0) {
		close(fds[1]);
		return (fds[0]);
	}
	close(fds[0]);
	base = event_base_new();
	ops.rules = lookup_ops.rules;
	ops.nrules = lookup_ops.nrules;
	ops.down = on_down;
	if (lookup_ops.open() == -1 ||
	    sandbox_enter(ROLE_LOOKUP, conf, 0, 0) == -1 ||
	    lookup_ops.start() == -1 || (p = peer_new(base, fds[1],
	    ROLE_RELAY, 0, &ops, strdup("t"))) == NULL)
		_exit(1);
	lookup_ops.link_up(p);
	event_base_dispatch(base);
	_exit(1);
}

/* ---- a zone that is signed ---------------------------------------------- */

static EVP_PKEY		*zone_key;
static uint8_t		 dnskey[4 + 64] = { 1, 1, 3, 13 };	/* 257 3 13 */

static void
make_zone_key(void)
{
	uint8_t	 point[65];
	size_t	 n;

	zone_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (EVP_PKEY_get_octet_string_param(zone_key, "pub", point,
	    sizeof(point), &n) != 1 || n != sizeof(point))
		exit(1);
	memcpy(dnskey + 4, point + 1, 64);
}

static uint16_t
key_tag(void)
{
	uint32_t	 sum = 0;
	size_t		 i;

	for (i = 0; i < sizeof(dnskey); i++)
		sum += (i & 1) != 0 ? dnskey[i] : (uint32_t)dnskey[i] << 8;
	return ((uint16_t)(sum + (sum >> 16)));
}

static void
sign(struct buf *out, const struct buf *text)
{
	const unsigned char	*p;
	EVP_MD_CTX		*ctx = EVP_MD_CTX_new();
	unsigned char		 der[128], rs[64];
	ECDSA_SIG		*sig;
	size_t			 n = sizeof(der);

	EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, zone_key);
	EVP_DigestSign(ctx, der, &n, text->p, text->n);
	p = der;
	sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + 32, 32);
	buf_add(out, rs, sizeof(rs));
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

/* ---- the name server ---------------------------------------------------- */

static int	 udp, tcp;
static unsigned	 by_tcp, asked;

/* name: what stands in the zone file's first column */
static void
add_record(struct buf *b, const char *owner, uint16_t type, struct span rdata)
{
	if (owner == NULL)
		buf_put_u16(b, 0xc00c);		/* the question's name */
	else
		dns_name_put(b, span_str(owner));
	buf_put_u16(b, type);
	buf_put_u16(b, 1);
	buf_put_u32(b, 300);
	buf_put_u16(b, (uint16_t)rdata.n);
	buf_add_span(b, rdata);
}

static void
add_signature(struct buf *b, const char *owner, uint16_t type,
    struct span rdata)
{
	struct buf	 sig = { 0 }, text = { 0 };
	uint32_t	 now = (uint32_t)time(NULL);
	uint8_t		 labels = 1;
	const char	*p;

	for (p = owner; *p != '\0'; p++)
		labels = (uint8_t)(labels + (*p == '.'));
	buf_put_u16(&sig, type);
	buf_put_u8(&sig, 13);
	buf_put_u8(&sig, labels);
	buf_put_u32(&sig, 300);
	buf_put_u32(&sig, now + 3600);
	buf_put_u32(&sig, now - 3600);
	buf_put_u16(&sig, key_tag());
	dns_name_put(&sig, span_str("signed.example"));
	buf_add(&text, sig.p, sig.n);
	dns_name_put(&text, span_str(owner));
	buf_put_u16(&text, type);
	buf_put_u16(&text, 1);
	buf_put_u32(&text, 300);
	buf_put_u16(&text, (uint16_t)rdata.n);
	buf_add_span(&text, rdata);
	sign(&sig, &text);
	if (strncmp(owner, "bad.", 4) == 0)
		sig.p[sig.n - 1] ^= 1;
	add_record(b, NULL, RRSIG, span_buf(&sig));
	buf_free(&sig);
	buf_free(&text);
}

enum special { PLAIN, NXDOMAIN, NODATA, SERVFAIL, MANY, SIGNED, UNSIGNED,
    MX1, MX2, ALIAS, LOOP, SHORT, TXT2 };

static const struct zone {
	const char	*name;
	enum special	 what;
} zone[] = {
	{ "a.example",			PLAIN },
	{ "nx.example",			NXDOMAIN },
	{ "nodata.example",		NODATA },
	{ "fail.example",		SERVFAIL },
	{ "many.example",		MANY },
	{ "mx.example",			MX2 },
	{ "alias.example",		ALIAS },
	{ "end.example",		MX1 },
	{ "loop.example",		LOOP },
	{ "short.example",		SHORT },
	{ "txt.example",		TXT2 },
	{ "in.test",			PLAIN },
	{ "we\\032ird.example",		PLAIN },
	{ "signed.example",		SIGNED },
	{ "www.signed.example",		SIGNED },
	{ "bad.signed.example",		SIGNED },
	{ "none.signed.example",	UNSIGNED },
};

static const uint8_t	 address[4] = { 192, 0, 2, 1 };

/* The records; how many. */
static uint16_t
answer(struct buf *b, const struct zone *z, uint16_t type)
{
	struct span	 a = span_of(address, 4);
	uint8_t		 other[4] = { 198, 51, 0, 0 };
	int		 i;

	switch (z->what) {
	case MANY:
		for (i = 0; i < 150; i++) {
			other[3] = (uint8_t)i;
			add_record(b, NULL, DNS_A, span_of(other, 4));
		}
		return (150);
	case MX2:
		/* the targets end in the name of the question */
		add_record(b, NULL, DNS_MX, span_of("\0\24\1b\300\14", 6));
		add_record(b, NULL, DNS_MX, span_of("\0\12\1A\300\14", 6));
		return (2);
	case ALIAS:
		add_record(b, NULL, DNS_CNAME,
		    span_of("\3END\7example\0", 13));
		return (1);		/* its target is asked for next */
	case MX1:
		add_record(b, NULL, DNS_MX,
		    span_of("\0\12\1a\2mx\7example\0", 16));
		return (1);
	case LOOP:
		add_record(b, NULL, DNS_CNAME, span_of("\300\14", 2));
		return (1);
	case SHORT:
		add_record(b, NULL, type, span_of("\1", 1));
		return (1);
	case TXT2:
		add_record(b, NULL, DNS_TXT, span_of("\3v=s\4pf1 ", 9));
		return (1);
	case SIGNED:
		if (type == DNSKEY)
			a = span_of(dnskey, sizeof(dnskey));
		add_record(b, NULL, type, a);
		add_signature(b, z->name, type, a);
		return (2);
	default:
		add_record(b, NULL, type, a);
		return (1);
	}
}

/* A whole message; room is how much of it may be sent. */
static void
respond(struct buf *out, struct span in, size_t room)
{
	const struct zone	*z = zone + nitems(zone);
	struct buf		 records = { 0 }, name = { 0 };
	struct span		 q;
	uint16_t		 id, flags, count[4], type, n = 0, rcode = 3;
	int			 i;

	span_get_u16(&in, &id);
	span_get_u16(&in, &flags);
	for (i = 0; i < 4; i++)
		span_get_u16(&in, &count[i]);
	q = in;
	if (dns_name_get(&in, &name) == -1 || span_get_u16(&in, &type) == -1)
		exit(1);
	q.n = (size_t)(in.p - q.p) + 2;
	asked++;
	for (z = zone; z < zone + nitems(zone); z++)
		if (span_eqs(span_buf(&name), z->name))
			break;
	if (z < zone + nitems(zone))
		rcode = z->what == NXDOMAIN ? 3 : z->what == SERVFAIL ? 2 : 0;
	if (rcode == 0 && z->what != NODATA)
		n = answer(&records, z, type);
	if (records.n + q.n + 32 > room) {
		n = 0;
		rcode |= 0x200;		/* truncated */
	}
	buf_reset(out);
	buf_put_u16(out, id);
	buf_put_u16(out, 0x8180 | rcode);	/* recursion is available */
	buf_put_u16(out, 1);
	buf_put_u16(out, n);
	buf_put_u16(out, n == 0 && rcode < 4 && rcode != 2 ? 1 : 0);
	buf_put_u16(out, count[3] != 0);
	buf_add_span(out, q);
	if (n > 0)
		buf_add(out, records.p, records.n);
	else if (rcode < 4 && rcode != 2)
		add_record(out, "example", SOA,
		    span_of("\0\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1",
		    22));
	if (count[3] != 0)
		buf_add(out, "\0\0\51\4\320\0\0\200\0\0\0", 11);
	buf_free(&records);
	buf_free(&name);
}

static void
serve_udp(void)
{
	struct sockaddr_in	 from;
	struct buf		 out = { 0 };
	uint8_t			 in[4096];
	socklen_t		 len = sizeof(from);
	ssize_t			 n;

	n = recvfrom(udp, in, sizeof(in), 0, (struct sockaddr *)&from, &len);
	if (n <= 12)
		return;
	respond(&out, span_of(in, (size_t)n), 1232);
	sendto(udp, out.p, out.n, 0, (struct sockaddr *)&from, len);
	buf_free(&out);
}

static void
serve_tcp(void)
{
	struct buf	 out = { 0 }, framed = { 0 };
	uint8_t		 in[4096];
	ssize_t		 n;
	int		 fd = accept(tcp, NULL, NULL);

	if (fd == -1)
		return;
	n = recv(fd, in, sizeof(in), 0);
	if (n > 14) {
		by_tcp++;
		respond(&out, span_of(in + 2, (size_t)n - 2), 65535);
		buf_put_u16(&framed, (uint16_t)out.n);
		buf_add(&framed, out.p, out.n);
		if (send(fd, framed.p, framed.n, 0) == -1)
			perror("send");
	}
	close(fd);
	buf_free(&out);
	buf_free(&framed);
}

/* A port that is free for both. */
static uint16_t
listen_dns(void)
{
	struct sockaddr_in	 sin;
	socklen_t		 n = sizeof(sin);
	int			 i;

	for (i = 0; i < 100; i++) {
		memset(&sin, 0, sizeof(sin));
		sin.sin_family = AF_INET;
		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		udp = socket(AF_INET, SOCK_DGRAM, 0);
		tcp = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(udp, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
		    getsockname(udp, (struct sockaddr *)&sin, &n) == 0 &&
		    bind(tcp, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
		    listen(tcp, 16) == 0)
			return (ntohs(sin.sin_port));
		close(udp);
		close(tcp);
	}
	exit(1);
}

/* ---- asking ------------------------------------------------------------- */

static int		 link_fd;
static uint8_t		 room[IMSG_MAX];

static void
request(uint32_t id, const char *name, uint16_t type)
{
	struct msg_dns	 m = { span_str(name), type };
	struct buf	 b = { 0 };

	buf_put_u32(&b, M_DNS);
	buf_put_u32(&b, id);
	codec_put(&b, &c_dns, &m);
	if (send(link_fd, b.p, b.n, 0) != (ssize_t)b.n)
		perror("link");
	buf_free(&b);
}

/* 0, or -1 when the link ended.  Serves DNS meanwhile. */
static int
await(uint32_t id, struct msg_dns_answer *a)
{
	struct pollfd	 p[3] = { { udp, POLLIN, 0 }, { tcp, POLLIN, 0 },
			    { link_fd, POLLIN, 0 } };
	struct span	 s;
	uint32_t	 type, got;
	ssize_t		 n;

	for (;;) {
		if (poll(p, 3, 60000) <= 0)
			exit(1);
		if (p[0].revents != 0)
			serve_udp();
		if (p[1].revents != 0)
			serve_tcp();
		if (p[2].revents == 0)
			continue;
		if ((n = recv(link_fd, room, sizeof(room), 0)) <= 0)
			return (-1);
		s = span_of(room, (size_t)n);
		if (span_get_u32(&s, &type) == -1 ||
		    span_get_u32(&s, &got) == -1 ||
		    type != (M_DNS | IMSG_REPLY) ||
		    codec_get(&s, &c_dns_answer, a) == -1 || s.n != 0)
			exit(1);
		if (got == id)
			return (0);
		codec_free(&c_dns_answer, a);
	}
}

static const struct ask_case {
	const char	*name;
	uint16_t	 type;
	enum dns_status	 status;
	int		 secure;
	size_t		 n;
	const char	*canonical;
} asks[] = {
	{ "a.example", DNS_A, DNS_OK, 0, 1, "a.example" },
	{ "A.Example.", DNS_A, DNS_OK, 0, 1, "a.example" },
	{ "nx.example", DNS_MX, DNS_NXDOMAIN, 0, 0, "nx.example" },
	{ "nodata.example", DNS_AAAA, DNS_NODATA, 0, 0, "nodata.example" },
	{ "fail.example", DNS_A, DNS_TEMPFAIL, 0, 0, "" },
	{ "mx.example", DNS_MX, DNS_OK, 0, 2, "mx.example" },
	{ "alias.example", DNS_MX, DNS_OK, 0, 1, "end.example" },
	{ "alias.example", DNS_CNAME, DNS_OK, 0, 1, "alias.example" },
	{ "loop.example", DNS_A, DNS_TEMPFAIL, 0, 0, "" },
	{ "short.example", DNS_A, DNS_TEMPFAIL, 0, 0, "" },
	{ "short.example", DNS_MX, DNS_TEMPFAIL, 0, 0, "" },
	{ "txt.example", DNS_TXT, DNS_OK, 0, 1, "txt.example" },
	{ "many.example", DNS_A, DNS_OK, 0, 100, "many.example" },
	{ "in.test", DNS_A, DNS_OK, 0, 1, "in.test" },
	{ "we\\032ird.example", DNS_A, DNS_OK, 0, 1, "we\\032ird.example" },
	{ "www.signed.example", DNS_A, DNS_OK, 1, 1, "www.signed.example" },
	{ "bad.signed.example", DNS_A, DNS_BOGUS, 0, 0, "" },
	{ "none.signed.example", DNS_A, DNS_BOGUS, 0, 0, "" },
	/* nobody is asked for these */
	{ "localhost", DNS_A, DNS_OK, 0, 1, "localhost" },
	{ "localhost", DNS_AAAA, DNS_OK, 0, 1, "localhost" },
	{ "localhost", DNS_MX, DNS_NODATA, 0, 0, "localhost" },
	{ "a.invalid", DNS_A, DNS_NXDOMAIN, 0, 0, "a.invalid" },
	{ "a.onion", DNS_A, DNS_NXDOMAIN, 0, 0, "a.onion" },
	{ "a..example", DNS_A, DNS_NXDOMAIN, 0, 0, "" },
	{ "", DNS_A, DNS_NXDOMAIN, 0, 0, "" },
};

static void
test_asks(void)
{
	const struct ask_case	*c;
	struct msg_dns_answer	 a;
	unsigned		 before;
	uint32_t		 id = 1;

	for (c = asks; c < asks + nitems(asks); c++, id++) {
		request(id, c->name, c->type);
		if (await(id, &a) == -1) {
			CHECK(0, "%s: the link ended", c->name);
			return;
		}
		CHECK(a.status == c->status && a.secure == c->secure &&
		    a.records.n == c->n && span_eqs(a.canonical, c->canonical),
		    "%s %u: %u%s, %zu records, %.*s", c->name, c->type,
		    a.status, a.secure ? ", secure" : "", a.records.n,
		    (int)a.canonical.n, (const char *)a.canonical.p);
		codec_free(&c_dns_answer, &a);
	}
	CHECK(by_tcp > 0, "what was truncated was asked by TCP");
	before = asked;
	request(id, "a.example", DNS_A);
	if (await(id, &a) == -1)
		exit(1);
	CHECK(a.status == DNS_OK && a.ttl <= 300 && a.ttl > 200 &&
	    asked == before, "from the cache, %u", a.ttl);
	codec_free(&c_dns_answer, &a);
}

static uint32_t
first(uint32_t below)
{
	(void)below;
	return (0);
}

/* The data is what common/dns takes. */
static void
test_data(void)
{
	struct msg_dns_answer	 a;
	struct dns_mx		 mx[4];
	struct dns_addr		 addr;
	const struct span	*v;
	size_t			 n = 0;

	request(70, "mx.example", DNS_MX);
	CHECK(await(70, &a) == 0 && dns_mx_list(a.records.v, a.records.n,
	    first, mx, nitems(mx), &n) == DNS_MX_LIST && n == 2 &&
	    strcmp(mx[0].host, "a.mx.example") == 0 &&
	    strcmp(mx[1].host, "b.mx.example") == 0 &&
	    mx[0].preference == 10 && mx[1].preference == 20, "MX");
	codec_free(&c_dns_answer, &a);
	request(71, "localhost", DNS_A);
	CHECK(await(71, &a) == 0 && a.records.n == 1, "localhost");
	v = a.records.v;
	CHECK(dns_addr_get(*v, AF_INET, &addr) == 0 &&
	    dns_addr_kind(&addr) == DNS_ADDR_LOOPBACK, "localhost is here");
	codec_free(&c_dns_answer, &a);
}

static void
test_refused(void)
{
	struct msg_dns_answer	 a;
	uint32_t		 i;
	int			 rc = 0;

	request(80, "a.example", 255);		/* ANY */
	CHECK(await(80, &a) == -1, "a type that nobody asks for");
	close(link_fd);
	link_fd = start_lookup();
	for (i = 0; i < IMSG_CREDIT + 1 && rc == 0; i++)
		request(100 + i, "www.signed.example", DNS_TLSA);
	CHECK(await(99, &a) == -1, "more than its credit");
	close(link_fd);
}

/* ---- files of trust anchors --------------------------------------------- */

static const struct anchor_case {
	const char	*name, *file, *lines, *owner;
} files[] = {
	{ "DS", ". IN DS 20326 8 2 AABB\n", ". IN DS 20326 8 2 AABB\n", "." },
	{ "with a time to live", "a.\t86400\tIN\tDNSKEY\t257 3 8 AA==",
	    "a.\t86400\tIN\tDNSKEY\t257 3 8 AA==\n", "a." },
	{ "comments", "; x\n\n. DS 1 8 2 AA ;{id = 1}\r\n", ". DS 1 8 2 AA\n",
	    "." },
	{ "states", ". DS 1 8 2 AA ;;state=2 [  VALID  ]\n"
	    "; autotrust\n. DS 2 8 2 AA ;;state=1 [ ADDPEND ]\n"
	    ". DS 3 8 2 AA ;{id = 3} ;;state=4 [ REVOKED ]\n",
	    ". DS 1 8 2 AA\n", "." },
	{ "nothing", "", NULL, NULL },
	{ "only comments", "; a\n;b", NULL, NULL },
	{ "another type", ". IN NS a.\n", NULL, NULL },
	{ "no data", ". IN DS", NULL, NULL },
	{ "no type", ".", NULL, NULL },
	{ "words", "trust-anchors { };", NULL, NULL },
};

static void
test_files(void)
{
	const struct anchor_case	*c;
	struct buf			 lines = { 0 };
	char				*owner;
	int				 rc;

	for (c = files; c < files + nitems(files); c++) {
		buf_reset(&lines);
		rc = anchor_parse(span_str(c->file), &lines, &owner);
		if (c->lines == NULL)
			CHECK(rc == -1 && owner == NULL, "anchor: %s", c->name);
		else
			CHECK(rc == 0 && strcmp(owner, c->owner) == 0 &&
			    span_eqs(span_buf(&lines), c->lines),
			    "anchor: %s, %zu octets", c->name, lines.n);
		free(owner);
	}
	buf_free(&lines);
}

/* ---- */

static char	 dir[] = "/tmp/letterlock-lookup-XXXXXX";

static void
set(char **p, const char *value)
{
	free(*p);
	*p = strdup(value);
}

static void
set_up(uint16_t port)
{
	struct buf	 b = { 0 };
	char		 path[128], **r;
	FILE		*f;

	conf = conf_new();
	if (mkdtemp(dir) == NULL)
		exit(1);
	set(&conf->state, dir);
	snprintf(path, sizeof(path), "%s/empty", dir);
	if (mkdir(path, 0700) == -1)
		exit(1);
	snprintf(path, sizeof(path), "%s/anchor", dir);
	set(&conf->trust_anchor, path);
	buf_add_base64(&b, span_of(dnskey + 4, 64));
	if ((f = fopen(path, "w")) == NULL)
		exit(1);
	fprintf(f, "signed.example. IN DNSKEY 257 3 13 %s\n", buf_cstr(&b));
	fclose(f);
	buf_free(&b);
	conf->resolvers.v = r = calloc(1, sizeof(*r));
	conf->resolvers.n = 1;
	snprintf(path, sizeof(path), "127.0.0.1@%u", port);
	r[0] = strdup(path);
}

static void
clean_up(void)
{
	char	 path[128];

	snprintf(path, sizeof(path), "%s/anchor", dir);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/empty", dir);
	(void)rmdir(path);
	(void)rmdir(dir);
	conf_free(conf);
	EVP_PKEY_free(zone_key);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	log_init("lookup_test");
	log_level(LOG_LEVEL_ERROR);
	test_files();
	make_zone_key();
	set_up(listen_dns());
	link_fd = start_lookup();
	test_asks();
	test_data();
	test_refused();
	while (wait(NULL) > 0)
		;
	clean_up();
	return (test_done());
}
