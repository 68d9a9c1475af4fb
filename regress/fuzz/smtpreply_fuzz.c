/* Replies: bounded, printable, the same however they are cut. */
#include <stdlib.h>
#include <string.h>

#include "smtpreply.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

static enum smtpreply_status
feed(struct smtpreply *r, struct span s, size_t step)
{
	enum smtpreply_status	 st = SMTPREPLY_MORE;
	struct span		 piece;
	size_t			 n;

	while (st == SMTPREPLY_MORE && s.n > 0) {
		n = s.n < step ? s.n : step;
		piece = span_of(s.p, n);
		st = smtpreply_parse(r, &piece);
		must(st != SMTPREPLY_MORE || piece.n == 0);
		s.p += n;
		s.n -= n;
	}
	return (st);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct smtpreply	 a = { 0 }, b = { 0 };
	enum smtpreply_status	 st;
	size_t			 i;

	st = feed(&a, span_of(data, n), n == 0 ? 1 : n);
	must(st == feed(&b, span_of(data, n), 1 + n % 7));
	must(a.ntext <= SMTPREPLY_TEXT && a.text[a.ntext] == '\0');
	for (i = 0; i < a.ntext; i++)
		must(a.text[i] >= 0x20 && a.text[i] <= 0x7e);
	if (st == SMTPREPLY_DONE) {
		must(a.code >= 200 && a.code <= 599 && a.code == b.code);
		must(strcmp(a.text, b.text) == 0);
		must(strcmp(a.enhanced, b.enhanced) == 0);
		must(a.enhanced[0] == '\0' ||
		    a.enhanced[0] == (char)('0' + a.code / 100));
	}
	must(a.line.n <= SMTPREPLY_LINE + 8 && a.lines <= SMTPREPLY_LINES);
	smtpreply_free(&a);
	smtpreply_free(&b);
	return (0);
}
