/*
 * Commands about many ids, as xargs(1) gives them: a request holds some, so
 * there are several, each with all that is no id.
 */
#include <err.h>
#include <string.h>

#include "ctl.h"

#define PIECE	60		/* arguments of a request, which has 64 */

/* How many arguments from there on belong together; *id: they name one. */
static size_t
word(const struct ctl_ask *a, size_t i, size_t n, int *id)
{
	struct span	 s = a->args[i].arg;

	int		 plain = s.n < 2 || memcmp(s.p, "--", 2) != 0;

	*id = plain || span_eqs(s, "--id");
	return (plain || span_eqs(s, "--now") || i + 1 == n ? 1 : 2);
}

/* An exit status that says more than another. */
static int
worse(int a, int b)
{
	return (a > b ? a : b);
}

int
ask_pieces(struct ctl *c, const struct ctl_ask *a, int value)
{
	struct msg_ctl_arg	 args[PIECE + 2];
	struct ctl_ask		 piece = *a;
	size_t			 i, k, w, n = a->nargs, fixed = 0;
	int			 id, rc = EXIT_OK;

	if (n <= PIECE)
		return (ctl_ask(c, a));
	n -= value ? 1 : 0;
	piece.args = args;
	for (i = 0; i < n; i += w)		/* what is no id */
		for (k = 0, w = word(a, i, n, &id); k < w && !id; k++) {
			if (fixed == PIECE / 2) {
				warnx("too many filters");
				return (EXIT_USAGE_);
			}
			args[fixed++] = a->args[i + k];
		}
	for (i = 0; i < n && rc != EXIT_AWAY && (a->enough == NULL ||
	    !a->enough(a->arg));) {
		for (k = fixed; i < n; i += w) {
			w = word(a, i, n, &id);
			if (!id)
				continue;
			if (k + w > PIECE)
				break;
			args[k++] = a->args[i];
			if (w == 2)
				args[k++] = a->args[i + 1];
		}
		if (k == fixed)
			break;
		if (value)
			args[k++] = a->args[n];
		piece.nargs = k;
		rc = worse(rc, ctl_ask(c, &piece));
	}
	return (rc);
}
