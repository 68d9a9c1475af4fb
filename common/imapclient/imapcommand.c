/*
 * Commands: built whole, but for a literal that is read as it goes out; sent up
 * to each literal that the server must ask for.
 */
#include <string.h>

#include "imapclient_int.h"

#define HIGH	65536
#define QUOTED	1024	/* octets; longer strings are literals */

static int	 bad(struct imapclient *);
static void	 literal_head(struct imapclient *, uint64_t);
static void	 stream(struct imapclient *);

static int
bad(struct imapclient *c)
{
	buf_freezero(&c->cmd);
	c->building = 0;
	return (-1);
}

int
imapclient_begin(struct imapclient *c, const char *text)
{
	if (c->state != I_READY || strpbrk(text, "\r\n") != NULL)
		return (-1);
	buf_freezero(&c->cmd);
	c->cmd.max = IMAP_COMMAND;
	c->nstop = c->at = 0;
	c->streaming = c->waiting = c->login = c->logout = c->held = 0;
	c->building = 1;
	buf_addf(&c->cmd, "a%u %s", ++c->tag, text);
	return (buf_failed(&c->cmd) ? bad(c) : 0);
}

int
imapclient_atom(struct imapclient *c, struct span s)
{
	size_t	 i;

	if (!c->building || c->streaming)
		return (-1);
	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return (bad(c));
	buf_addc(&c->cmd, ' ');
	buf_add_span(&c->cmd, s);
	return (buf_failed(&c->cmd) ? bad(c) : 0);
}

/* RFC 7888: with LITERAL- up to 4096 octets need not be asked for. */
static void
literal_head(struct imapclient *c, uint64_t n)
{
	int	 plus;

	plus = (c->caps & IMAPCLIENT_LITERAL_PLUS) != 0 ||
	    ((c->caps & IMAPCLIENT_LITERAL_MINUS) != 0 && n <= 4096);
	buf_addf(&c->cmd, " {%llu%s}\r\n", (unsigned long long)n,
	    plus ? "+" : "");
	if (!plus)
		c->stop[c->nstop++] = c->cmd.n;
}

int
imapclient_string(struct imapclient *c, struct span s)
{
	size_t	 i;
	int	 literal = s.n > QUOTED;

	if (!c->building || c->streaming || c->nstop == IMAP_LITERALS)
		return (-1);
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == 0)
			return (bad(c));
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] >= 0x80)
			literal = 1;
	}
	/* in one piece: growing would leave a password behind */
	(void)buf_reserve(&c->cmd, 2 * s.n + 32);
	if (literal) {
		literal_head(c, s.n);
		buf_add_span(&c->cmd, s);
	} else {
		buf_addc(&c->cmd, ' ');
		buf_add_quoted(&c->cmd, s);
	}
	return (buf_failed(&c->cmd) ? bad(c) : 0);
}

int
imapclient_literal(struct imapclient *c, uint64_t size,
    ssize_t (*fn)(void *, uint64_t, void *, size_t), void *arg)
{
	if (!c->building || c->streaming || c->nstop == IMAP_LITERALS)
		return (-1);
	literal_head(c, size);
	c->size = size;
	c->off = 0;
	c->read = fn;
	c->read_arg = arg;
	c->streaming = 1;
	return (buf_failed(&c->cmd) ? bad(c) : 0);
}

int
imapclient_login(struct imapclient *c, struct span user, struct span password)
{
	if (c->authed || (c->caps & IMAPCLIENT_LOGINDISABLED) != 0 ||
	    (!c->tls && !c->set.in_clear) ||
	    imapclient_begin(c, "LOGIN") == -1 ||
	    imapclient_string(c, user) == -1 ||
	    imapclient_string(c, password) == -1)
		return (-1);
	c->login = 1;
	return (0);
}

int
imapclient_logout(struct imapclient *c)
{
	if (imapclient_begin(c, "LOGOUT") == -1)
		return (-1);
	c->logout = 1;
	return (0);
}

void
imap_start(struct imapclient *c)
{
	struct span	 s = span_buf(&c->cmd);
	ptrdiff_t	 end = span_find(s, '\r');

	c->building = 0;
	c->untagged = 0;
	c->result = IMAPCLIENT_NONE;
	if (c->login) {		/* what follows is secret */
		c->fresh = 0;
		end = span_find(s, ' ') + 6;
	}
	imap_trace(c, 1, end == -1 ? s : span_of(s.p, (size_t)end));
	imap_enter(c, c->logout ? I_LOGOUT : I_COMMAND);
}

static void
stream(struct imapclient *c)
{
	uint8_t	*p;
	ssize_t	 n;
	size_t	 want;

	while (c->off < c->size && c->out->n < HIGH) {
		want = c->size - c->off < 16384 ? (size_t)(c->size - c->off) :
		    16384;
		if ((p = buf_reserve(c->out, want)) == NULL ||
		    (n = c->read(c->read_arg, c->off, p, want)) <= 0 ||
		    (size_t)n > want) {
			imap_fail(c, "what is to be sent cannot be read");
			return;
		}
		buf_commit(c->out, (size_t)n);
		c->off += (uint64_t)n;
	}
}

void
imap_push(struct imapclient *c)
{
	size_t	 end = c->nstop > 0 ? c->stop[0] : c->cmd.n;

	if (c->waiting)
		return;
	if (c->at < end) {
		buf_add(c->out, c->cmd.p + c->at, end - c->at);
		c->at = end;
	}
	if (c->nstop > 0) {
		c->waiting = 1;
		memmove(c->stop, c->stop + 1, --c->nstop * sizeof(c->stop[0]));
		return;
	}
	if (c->streaming)
		stream(c);
	if (c->state == I_FAILED || (c->streaming && c->off < c->size))
		return;
	if (c->cmd.n > 0)
		buf_adds(c->out, "\r\n");
	buf_freezero(&c->cmd);
	c->at = 0;
	c->streaming = 0;
	if (c->held)
		imap_enter(c, I_READY);
}
