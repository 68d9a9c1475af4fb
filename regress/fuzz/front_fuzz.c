/*
 * Connections of "imapd: front" up to login and behind it: what a client says, what
 * auth answers, and who goes meanwhile.  Beyond not crashing: answers are whole
 * lines, no password goes on from a clear connection where that is not allowed
 * (frontrig.c aborts), what waits to be sent or read is bounded, octets in pieces of
 * another size get the same answers, and nothing is left of a connection.
 *
 * The first octet chooses: bits 0 and 1 TLS of the listener, bit 2 passwords in
 * clear, bit 3 a key is shown, bits 4 and 5 whose it is, bit 6 no binding, bit 7
 * the connection is not wanted.  Then octets of the client; 0xff and one more octet
 * is one of ops[].
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/front.h"
#include "../imapd/frontrig.h"

#define FD_MAX	64	/* of ours and the links, for ever */
#define OPS	64	/* in one input */
#define SOON	50000	/* ms, and a connection without login ends soon */
#define LONG	600	/* octets of one that is not tried in pieces */

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
static int	 changed;	/* something depends on when octets came */

static void
op_away(uint8_t o)
{
	(void)o;
	changed = 1;
	frontrig_auth(0);
}

static void
op_there(uint8_t o)
{
	(void)o;
	frontrig_auth(1);
}

static void
op_late(uint8_t o)
{
	(void)o;
	frontrig_late();
}

static void
op_half(uint8_t o)
{
	(void)o;
	frontrig_half();
}

static void
op_deaf(uint8_t o)
{
	changed = 1;
	frontrig_deaf(o & 1);
}

static void
op_silent(uint8_t o)
{
	rig.silent = o & 1;
}

static void
op_lies(uint8_t o)
{
	rig.lies = o & 1;
}

static void
op_later(uint8_t o)
{
	rig.later += (uint64_t)o * 1000;
	if (rig.later >= SOON)		/* its deadline is in real time */
		changed = 1;
}

static void
op_store(uint8_t o)
{
	static const uint8_t	 text[] = "* 1 EXISTS\r\n* half of a";

	frontrig_store(text, (o & 1) != 0 ? 0 : sizeof(text) - 1);
	frontrig_run();
}

static void
op_broken(uint8_t o)
{
	rig.broken_tls = o & 1;
}

static void	 (*const ops[])(uint8_t) = { op_away, op_there, op_late, op_half,
    op_deaf, op_silent, op_lies, op_later, op_store, op_broken };

/* Of the octet behind 0xff: below 0x80 the next answer of auth, above an op. */
static void
op(uint8_t o)
{
	if (o < 0x80) {
		buf_addc(&rig.outcomes, o);
		return;
	}
	o &= 0x7f;
	ops[o / 2 % nitems(ops)](o & 1);
}

/* Lines: untagged, of a continuation or with a tag; the last is whole too. */
static void
lines(struct span s)
{
	struct span	 l;

	while (s.n > 0) {
		if (span_split(&s, '\n', &l) == 0 || l.n < 4 ||
		    l.p[l.n - 1] != '\r' || span_find(l, ' ') < 1 ||
		    span_find(span_of(l.p, l.n - 1), '\r') != -1 ||
		    span_find(l, '\0') != -1)
			abort();
	}
}

static void
run(const uint8_t *p, size_t n, uint8_t how, size_t piece, struct buf *out)
{
	static const enum conf_tls	 kinds[] = { TLS_OFF, TLS_OPTIONAL,
					    TLS_REQUIRED, TLS_IMPLICIT };
	const uint8_t			*q, *end = p + n;
	int				 nops = 0, fd;

	frontrig_begin(kinds[how & 3]);
	rig.listener->cleartext_auth = (how & 4) != 0;
	rig.shows_key = (how & 8) != 0;
	rig.identity = how >> 4 & 3;
	rig.binds = (how & 0x40) == 0;
	rig.unwanted = how >> 7;
	frontrig_connect();
	for (; p < end; p = q + 2) {
		if ((q = memchr(p, 0xff, (size_t)(end - p))) == NULL)
			q = end;
		frontrig_say(p, (size_t)(q - p), piece);
		if (q + 1 >= end || ++nops > OPS)
			break;
		op(q[1]);
	}
	frontrig_deaf(0);
	if (!rig.in)
		lines(span_buf(&rig.out));
	if (rig.queued > 2 * FRONT_OUT + FRONT_WINDOW)
		abort();
	if (rig.starttls || rig.in)
		changed = 1;
	buf_add_span(out, span_buf(&rig.out));
	if (frontrig_end() == -1)
		abort();
	if ((fd = dup(STDOUT_FILENO)) >= FD_MAX)
		abort();
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf	 a = { 0 }, b = { 0 };

	if (n < 1 || n > 20000)
		return (0);
	changed = 0;
	run(p + 1, n - 1, p[0], 0, &a);
	if (n < LONG)
		run(p + 1, n - 1, p[0], 1 + (size_t)p[n - 1] % 7, &b);
	if (n < LONG && !changed && (a.n != b.n ||
	    memcmp(a.p, b.p, a.n) != 0)) {
		fprintf(stderr, "at once:\n%s\nin pieces:\n%s\n", buf_cstr(&a),
		    buf_cstr(&b));
		abort();
	}
	buf_free(&a);
	buf_free(&b);
	return (0);
}
