/*
 * Rights that change: one of the owner's clients gives the guest some and takes
 * them away.  When all stands still the guest may do what the lists say, and has
 * no more.  See storm.h.
 */
#include <stdio.h>
#include <string.h>

#include "storm.h"

#define LOOKUP	(1u << ('l' - 'a'))
#define READ	(1u << ('r' - 'a'))

static uint32_t
letters(struct span s)
{
	uint32_t	 bits = 0;
	size_t		 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] >= 'a' && s.p[i] <= 'z' && s.p[i] != 'c' &&
		    s.p[i] != 'd')
			bits |= 1u << (s.p[i] - 'a');
	return (bits);
}

void
storm_grant(struct storm_client *c, const char *box, int all)
{
	static const char *const some[] = { "lrswipkxtea", "lrswipkxtea",
	    "lrswite", "lrsit", "lri", "lrs", "lr", "l", "i", "rswi",
	    "lrswte" };
	struct storm	*s = c->storm;
	const char	*rights = some[all ? 0 : storm_pick(s, nitems(some))];

	if (s->net->guest == NULL)
		return;
	storm_say(c, SAY_SETACL, 0, "SETACL %s %s %s", box, s->net->guest,
	    rights)->rights = letters(span_str(rights));
	s->grants++;
}

/* Of those that are never renamed it is known what they have. */
void
storm_granted(struct storm_client *c, const struct storm_cmd *q, int ok)
{
	static const char *const names[] = { "Keep", "RingA", "RingB" };
	struct storm	*s = c->storm;
	char		 box[64] = "";
	size_t		 i;

	(void)sscanf(q->text, "SETACL %63s", box);
	for (i = 0; i < nitems(names); i++)
		if (strcmp(box, names[i]) == 0 && ok >= 0) {
			s->granted[i] = ok ? q->rights : s->granted[i];
			s->granting[i] = 0;
		} else if (strcmp(box, names[i]) == 0)
			s->granting[i] = 1;
}

/* ---- what the server says ---------------------------------------------------- */

/* The guest's of a list: * ACL name who rights who rights ... */
static void
take_list(struct storm *s, struct span list)
{
	struct span	 who, rights;
	uint32_t	 give = 0, take = 0;
	int		 minus;

	(void)span_split(&list, ' ', &who);
	while (list.n > 0) {
		(void)span_split(&list, ' ', &who);
		(void)span_split(&list, ' ', &rights);
		if ((minus = who.n > 0 && who.p[0] == '-'))
			who = span_of(who.p + 1, who.n - 1);
		if (!span_eqs(who, s->net->guest) && !span_eqs(who, "anyone"))
			continue;
		if (minus)
			take |= letters(rights);
		else
			give |= letters(rights);
	}
	give &= ~take;
	s->myrights = (give & LOOKUP) != 0 ? give : 0;
}

void
storm_acl_untagged(struct storm *s, struct span line)
{
	size_t	 i;

	if (span_caseprefix(line, "* ACL "))
		take_list(s, span_of(line.p + 6, line.n - 6));
	if (span_caseprefix(line, "* MYRIGHTS ")) {
		for (i = line.n; i > 0 && line.p[i - 1] != ' '; i--)
			continue;
		s->myrights = letters(span_of(line.p + i, line.n - i));
	}
}

/* ---- when all stands still ----------------------------------------------------- */

/* The owner asks what the guest has on each: 0, -1 it was cut off. */
int
storm_acl_look(struct storm *s)
{
	static const char *const names[] = { "Keep", "RingA", "RingB" };
	struct storm_client	*f = &s->clients[STORM_FRESH];
	size_t			 i, k;

	for (i = 0; i < s->nboxes; i++) {
		s->myrights = 0;
		storm_say(f, SAY_ANY, 1, "GETACL %s", s->boxes[i]);
		if (storm_drain(s) == -1 || f->fd == -1)
			return (-1);
		s->rights[i] = s->myrights;
		for (k = 0; k < nitems(names); k++)
			if (strcmp(names[k], s->boxes[i]) == 0 &&
			    !s->granting[k] && s->rights[i] !=
			    ((s->granted[k] & LOOKUP) != 0 ?
			    s->granted[k] : 0))
				storm_bad(f, "other rights than it gave",
				    span_str(names[k]));
	}
	return (0);
}

static void
probe_bad(struct storm *s, const char *why, size_t i)
{
	storm_bad(&s->clients[STORM_FRESH], why, span_str(s->boxes[i]));
}

/*
 * The guest tries one of them: 1 it may read it, which is selected now; 0 no; -1
 * it was cut off.
 */
int
storm_acl_probe(struct storm *s, size_t i)
{
	struct storm_client	*f = &s->clients[STORM_FRESH];
	const char		*name = storm_name(f, 0, s->boxes[i]);
	uint32_t		 want = s->rights[i];

	s->myrights = 0;
	storm_say(f, SAY_PROBE, 1, "MYRIGHTS %s", name);
	if (storm_drain(s) == -1 || f->fd == -1)
		return (-1);
	if (s->probe != (want != 0) || s->myrights != want)
		probe_bad(s, "MYRIGHTS differs from the list", i);
	storm_say(f, SAY_PROBE, 1, "STATUS %s (MESSAGES)", name);
	if (storm_drain(s) == -1 || f->fd == -1)
		return (-1);
	if (s->probe != ((want & READ) != 0))
		probe_bad(s, "STATUS for one with other rights", i);
	if (((s->listed >> i & 1) != 0) != (want != 0))
		probe_bad(s, want != 0 ? "not listed" : "listed", i);
	return ((want & READ) != 0);
}
