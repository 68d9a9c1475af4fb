/*
 * SOCKS version 5, the client's side: greeting, maybe a login, CONNECT.
 */
#include <sys/socket.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "socks.h"

#define VERSION		5
#define LOGIN_VERSION	1	/* of RFC 1929 */
#define CONNECT		1
#define REPLY_MAX	262	/* octets of the longest reply */

enum method { METHOD_NONE = 0, METHOD_LOGIN = 2, METHOD_REFUSED = 0xff };
enum address { ADDRESS_IPV4 = 1, ADDRESS_NAME = 3, ADDRESS_IPV6 = 4 };
enum state { S_START, S_METHOD, S_LOGIN, S_REPLY, S_END };

struct socks {
	enum state		 state;
	enum socks_failure	 failure;
	const char		*error;
	struct buf		 request;	/* CONNECT, ready */
	struct buf		 login;		/* the login, ready; or nothing */
	uint8_t			 in[REPLY_MAX];	/* of the reply at hand */
	size_t			 n;
	struct dns_addr		 bound;
	uint16_t		 port;
};

static enum socks_want	 fail(struct socks *, enum socks_failure,
			    const char *);
static int		 take(struct socks *, struct span *, size_t);
static enum socks_want	 on_method(struct socks *, struct buf *);
static enum socks_want	 on_login(struct socks *, struct buf *);
static enum socks_want	 on_reply(struct socks *);
static enum socks_want	 on_code(struct socks *);
static enum socks_want	 turn(struct socks *, struct span *, struct buf *);
static size_t		 reply_length(const struct socks *);

/* RFC 1928 section 6. */
static const struct {
	enum socks_failure	 failure;
	const char		*text;
} replies[] = {
	{ SOCKS_NO_FAILURE,	"connected" },
	{ SOCKS_PROXY,		"the proxy failed" },
	{ SOCKS_PROXY,		"the proxy's rules do not allow it" },
	{ SOCKS_TARGET,		"network unreachable from the proxy" },
	{ SOCKS_TARGET,		"host unreachable from the proxy" },
	{ SOCKS_TARGET,		"connection refused to the proxy" },
	{ SOCKS_TARGET,		"no way left to go from the proxy" },
	{ SOCKS_PROXY,		"the proxy does not know CONNECT" },
	{ SOCKS_PROXY,		"the proxy does not know this kind of address" },
};

static enum socks_want
fail(struct socks *s, enum socks_failure f, const char *text)
{
	s->state = S_END;
	s->failure = f;
	s->error = text;
	buf_freezero(&s->login);
	return (SOCKS_FAILED);
}

static int
put_target(struct buf *b, const struct socks_target *t)
{
	size_t	 n = t->name == NULL ? 0 : strlen(t->name);

	buf_put_u8(b, VERSION);
	buf_put_u8(b, CONNECT);
	buf_put_u8(b, 0);
	if (t->name != NULL) {
		if (n == 0 || n > 255)
			return (-1);
		buf_put_u8(b, ADDRESS_NAME);
		buf_put_u8(b, (uint8_t)n);
		buf_add(b, t->name, n);
	} else if (t->addr.family == AF_INET) {
		buf_put_u8(b, ADDRESS_IPV4);
		buf_add(b, t->addr.octets, 4);
	} else if (t->addr.family == AF_INET6) {
		buf_put_u8(b, ADDRESS_IPV6);
		buf_add(b, t->addr.octets, 16);
	} else
		return (-1);
	buf_put_u16(b, t->port);
	return (0);
}

static int
put_login(struct buf *b, const struct socks_login *l)
{
	if (l->user.n == 0 || l->user.n > SOCKS_LOGIN_MAX ||
	    l->password.n == 0 || l->password.n > SOCKS_LOGIN_MAX)
		return (-1);
	buf_put_u8(b, LOGIN_VERSION);
	buf_put_u8(b, (uint8_t)l->user.n);
	buf_add_span(b, l->user);
	buf_put_u8(b, (uint8_t)l->password.n);
	buf_add_span(b, l->password);
	return (0);
}

struct socks *
socks_new(const struct socks_target *t, const struct socks_login *l)
{
	struct socks	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->error = "";
	if (put_target(&s->request, t) == -1 ||
	    (l != NULL && put_login(&s->login, l) == -1)) {
		socks_free(s);
		errno = EINVAL;
		return (NULL);
	}
	if (buf_failed(&s->request) || buf_failed(&s->login)) {
		socks_free(s);
		errno = ENOMEM;
		return (NULL);
	}
	return (s);
}

void
socks_free(struct socks *s)
{
	if (s == NULL)
		return;
	buf_free(&s->request);
	buf_freezero(&s->login);
	free(s);
}

/* Until so many octets of the reply are there: 1. */
static int
take(struct socks *s, struct span *in, size_t want)
{
	size_t	 n = want - s->n < in->n ? want - s->n : in->n;

	if (n > 0)
		memcpy(s->in + s->n, in->p, n);
	s->n += n;
	in->p += n;
	in->n -= n;
	return (s->n == want);
}

static enum socks_want
on_method(struct socks *s, struct buf *out)
{
	if (s->in[0] != VERSION)
		return (fail(s, SOCKS_PROTOCOL,
		    "the proxy does not speak SOCKS version 5"));
	s->n = 0;
	if (s->in[1] == METHOD_NONE) {
		buf_freezero(&s->login);
		s->state = S_REPLY;
		buf_add_span(out, span_buf(&s->request));
	} else if (s->in[1] == METHOD_LOGIN && s->login.n > 0) {
		s->state = S_LOGIN;
		buf_add_span(out, span_buf(&s->login));
		buf_freezero(&s->login);
	} else
		return (fail(s, SOCKS_LOGIN, s->in[1] == METHOD_REFUSED ?
		    "the proxy accepts no login that we have" :
		    "the proxy wants a login that we did not offer"));
	return (SOCKS_MORE);
}

static enum socks_want
on_login(struct socks *s, struct buf *out)
{
	if (s->in[0] != LOGIN_VERSION)
		return (fail(s, SOCKS_PROTOCOL,
		    "the proxy's answer to the login is malformed"));
	if (s->in[1] != 0)
		return (fail(s, SOCKS_LOGIN, "the proxy refuses the login"));
	s->n = 0;
	s->state = S_REPLY;
	buf_add_span(out, span_buf(&s->request));
	return (SOCKS_MORE);
}

/* Of the whole reply, by its first five octets; 0: it is none. */
static size_t
reply_length(const struct socks *s)
{
	switch (s->in[3]) {
	case ADDRESS_IPV4:
		return (4 + 4 + 2);
	case ADDRESS_IPV6:
		return (4 + 16 + 2);
	case ADDRESS_NAME:
		return (4 + 1 + s->in[4] + 2u);
	default:
		return (0);
	}
}

static enum socks_want
on_reply(struct socks *s)
{
	size_t	 n = s->in[3] == ADDRESS_IPV4 ? 4 : 16;

	if (s->in[3] != ADDRESS_NAME) {
		s->bound.family = n == 4 ? AF_INET : AF_INET6;
		memcpy(s->bound.octets, s->in + 4, n);
		s->port = (uint16_t)(s->in[4 + n] << 8 | s->in[5 + n]);
	}
	s->state = S_END;
	return (SOCKS_DONE);
}

static enum socks_want
on_code(struct socks *s)
{
	size_t	 code = s->in[1];

	if (s->in[0] != VERSION)
		return (fail(s, SOCKS_PROTOCOL,
		    "the proxy's reply is malformed"));
	if (code >= sizeof(replies) / sizeof(replies[0]))
		code = 1;
	return (code == 0 ? SOCKS_MORE : fail(s, replies[code].failure,
	    replies[code].text));
}

/* One answer of the proxy. */
static enum socks_want
turn(struct socks *s, struct span *in, struct buf *out)
{
	size_t	 want;

	if (s->n < 2 && !take(s, in, 2))
		return (SOCKS_MORE);
	if (s->state == S_METHOD)
		return (on_method(s, out));
	if (s->state == S_LOGIN)
		return (on_login(s, out));
	/* A refusal may have nothing behind its code. */
	if (on_code(s) == SOCKS_FAILED)
		return (SOCKS_FAILED);
	if (s->n < 5 && !take(s, in, 5))
		return (SOCKS_MORE);
	if ((want = reply_length(s)) == 0)
		return (fail(s, SOCKS_PROTOCOL,
		    "the proxy's reply is malformed"));
	return (take(s, in, want) ? on_reply(s) : SOCKS_MORE);
}

enum socks_want
socks_step(struct socks *s, struct span *in, struct buf *out)
{
	enum socks_want	 want = SOCKS_MORE;

	if (s->state == S_END)
		return (SOCKS_FAILED);
	if (s->state == S_START) {
		buf_put_u8(out, VERSION);
		buf_put_u8(out, s->login.n > 0 ? 2 : 1);
		buf_put_u8(out, METHOD_NONE);
		if (s->login.n > 0)
			buf_put_u8(out, METHOD_LOGIN);
		s->state = S_METHOD;
	}
	while (want == SOCKS_MORE && in->n > 0)
		want = turn(s, in, out);
	return (want);
}

enum socks_failure
socks_failure(const struct socks *s)
{
	return (s->failure);
}

const char *
socks_error(const struct socks *s)
{
	return (s->error);
}

int
socks_bound(const struct socks *s, struct dns_addr *a, uint16_t *port)
{
	if (s->bound.family == 0)
		return (-1);
	*a = s->bound;
	*port = s->port;
	return (0);
}
