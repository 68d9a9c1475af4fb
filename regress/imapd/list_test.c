/*
 * LIST with selection and return options, several patterns and STATUS; special
 * uses given by CREATE: RFC 5258, RFC 5819, RFC 6154, RFC 8438.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/account.h"
#include "imaptest.h"

#define NAMES		120

#define SENT		"S1: * LIST (\\HasNoChildren \\Sent) \"/\" Sent"

/* The tree of RFC 5258 section 5, more or less. */
static const char *const tree[] = {
	"O1",
	"C1: a CREATE Fruit/Apple", "S1: a OK ~",
	"C1: b CREATE Fruit/Banana", "S1: b OK ~",
	"C1: c CREATE Tofu", "S1: c OK ~",
	"C1: d CREATE Vegetable/Broccoli/Green", "S1: d OK ~",
	"C1: e SUBSCRIBE Fruit/Banana", "S1: e OK ~",
	"C1: f CREATE Fruit/Peach", "S1: f OK ~",
	"C1: g SUBSCRIBE Fruit/Peach", "S1: g OK ~",
	"C1: h DELETE Fruit/Peach", "S1: h OK ~",
	"C1: i SUBSCRIBE Vegetable/Broccoli/Green", "S1: i OK ~",
	"C1: j UNSUBSCRIBE Archive", "S1: j OK ~",
	"C1: k UNSUBSCRIBE Drafts", "S1: k OK ~",
	"C1: l UNSUBSCRIBE Junk", "S1: l OK ~",
	"C1: m UNSUBSCRIBE Trash", "S1: m OK ~",
	NULL
};

static const char *const select_options[] = {
	"C1: a LIST (SUBSCRIBED) \"\" \"*\"",
	"S1: * LIST (\\HasNoChildren \\Subscribed) \"/\" Fruit/Banana",
	"S1: * LIST (\\NonExistent \\HasNoChildren \\Subscribed) \"/\" "
	    "Fruit/Peach",
	"S1: * LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX",
	"S1: * LIST (\\HasNoChildren \\Sent \\Subscribed) \"/\" Sent",
	"S1: * LIST (\\HasNoChildren \\Subscribed) \"/\" "
	    "Vegetable/Broccoli/Green",
	"S1: a OK LIST completed",
	/* unlike LSUB, nothing of what is above */
	"C1: b LIST (SUBSCRIBED) \"\" %",
	"S1: * LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX",
	"S1: * LIST (\\HasNoChildren \\Sent \\Subscribed) \"/\" Sent",
	"S1: b OK LIST completed",
	"C1: c LIST (SUBSCRIBED SPECIAL-USE) \"\" *",
	"S1: * LIST (\\HasNoChildren \\Sent \\Subscribed) \"/\" Sent",
	"S1: c OK LIST completed",
	"C1: d LIST (special-use REMOTE) \"\" \"%n%\"",
	"S1: * LIST (\\HasNoChildren \\Junk) \"/\" Junk", SENT,
	"S1: d OK LIST completed",
	"C1: e LIST () \"\" F%",
	"S1: * LIST (\\NonExistent \\HasChildren) \"/\" Fruit",
	"S1: e OK LIST completed",
	"C1: f LIST (SPECIAL-USE) \"\" F%", "S1: f OK LIST completed",
	NULL
};

static const char *const recursive[] = {
	"C1: a LIST (RECURSIVEMATCH SUBSCRIBED) \"\" %",
	"S1: * LIST (\\NonExistent \\HasChildren) \"/\" Fruit "
	    "(\"CHILDINFO\" (\"SUBSCRIBED\"))",
	"S1: * LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX",
	"S1: * LIST (\\HasNoChildren \\Sent \\Subscribed) \"/\" Sent",
	"S1: * LIST (\\NonExistent \\HasChildren) \"/\" Vegetable "
	    "(\"CHILDINFO\" (\"SUBSCRIBED\"))",
	"S1: a OK LIST completed",
	"C1: b LIST (SUBSCRIBED RECURSIVEMATCH) \"\" Vegetable/*",
	"S1: * LIST (\\NonExistent \\HasChildren) \"/\" Vegetable/Broccoli "
	    "(\"CHILDINFO\" (\"SUBSCRIBED\"))",
	"S1: * LIST (\\HasNoChildren \\Subscribed) \"/\" "
	    "Vegetable/Broccoli/Green",
	"S1: b OK LIST completed",
	/* itself and what is below */
	"C1: c CREATE Vegetable", "S1: c OK ~",
	"C1: d SUBSCRIBE Vegetable", "S1: d OK ~",
	"C1: e LIST (SUBSCRIBED RECURSIVEMATCH) \"\" V%",
	"S1: * LIST (\\HasChildren \\Subscribed) \"/\" Vegetable "
	    "(\"CHILDINFO\" (\"SUBSCRIBED\"))",
	"S1: e OK LIST completed",
	/* a mailbox whose name begins the same is not above */
	"C1: f CREATE V", "S1: f OK ~",
	"C1: g LIST (SUBSCRIBED RECURSIVEMATCH) \"\" V",
	"S1: g OK LIST completed",
	"C1: h DELETE Trash", "S1: h OK ~",
	"C1: i CREATE V/Bin (USE (\\Trash))", "S1: i OK ~",
	"C1: j LIST (SPECIAL-USE RECURSIVEMATCH) \"\" (V INBOX)",
	"S1: * LIST (\\HasChildren) \"/\" V (\"CHILDINFO\" (\"SPECIAL-USE\"))",
	"S1: j OK LIST completed",
	/* RFC 5819 section 3: more is told of what is selected itself */
	"C1: j LIST (SPECIAL-USE RECURSIVEMATCH) \"\" (V INBOX) RETURN (STATUS "
	    "(MESSAGES) MYRIGHTS METADATA (/shared/comment))",
	"S1: * LIST (\\HasChildren) \"/\" V (\"CHILDINFO\" (\"SPECIAL-USE\"))",
	"S1: j OK LIST completed",
	/* RFC 5258 section 3: an empty pattern is passed over */
	"C1: k LIST V (\"\" /Bin)",
	"S1: * LIST (\\HasNoChildren \\Trash) \"/\" V/Bin",
	"S1: k OK LIST completed",
	"C1: k LIST () V \"\"", "S1: k OK LIST completed",
	"C1: k LIST (SPECIAL-USE RECURSIVEMATCH SUBSCRIBED) \"\" V*",
	"S1: k OK LIST completed",
	NULL
};

static const char *const patterns[] = {
	/* each name once, whatever matches it */
	"C1: a LIST \"\" (\"INBOX\" Tofu To% Fruit/%)",
	"S1: * LIST (\\HasNoChildren) \"/\" Fruit/Apple",
	"S1: * LIST (\\HasNoChildren) \"/\" Fruit/Banana",
	"S1: * LIST (\\HasNoChildren) \"/\" INBOX",
	"S1: * LIST (\\HasNoChildren) \"/\" Tofu",
	"S1: a OK LIST completed",
	"C1: b LIST Fruit/ (A% B%) RETURN (CHILDREN SUBSCRIBED)",
	"S1: * LIST (\\HasNoChildren) \"/\" Fruit/Apple",
	"S1: * LIST (\\HasNoChildren \\Subscribed) \"/\" Fruit/Banana",
	"S1: b OK LIST completed",
	"C1: c LIST \"\" {4+}", "C1= Tofu RETURN ()\r\n",
	"S1: * LIST (\\HasNoChildren) \"/\" Tofu", "S1: c OK LIST completed",
	"C1: d LIST \"\" Sent RETURN (SPECIAL-USE)", SENT,
	"S1: d OK LIST completed",
	/* the question for the separator is one of the plain form */
	"C1: e LIST \"\" \"\"", "S1: * LIST (\\Noselect) \"/\" \"\"",
	"S1: e OK LIST completed",
	"C1: f LIST () \"\" \"\"", "S1: f OK LIST completed",
	"C1: g LIST \"\" F%", "S1: * LIST (\\Noselect \\HasChildren) \"/\" Fruit",
	"S1: g OK LIST completed",
	NULL
};

static const char *const status[] = {
	"C1: a APPEND Tofu {20+}", "C1= Subject: x\r\n\r\nbody\r\n\r\n",
	"S1: a OK ~",
	"C1: b APPEND Tofu (\\Seen) {3+}", "C1= abc\r\n", "S1: b OK ~",
	"C1: c STATUS Tofu (SIZE)", "S1: * STATUS Tofu (SIZE 23)",
	"S1: c OK ~",
	"C1: d LIST \"\" (T% F%) RETURN (STATUS (MESSAGES UNSEEN size))",
	"S1: * LIST (\\NonExistent \\HasChildren) \"/\" Fruit",
	"S1: * LIST (\\HasNoChildren) \"/\" Tofu",
	"S1: * STATUS Tofu (MESSAGES 2 UNSEEN 1 SIZE 23)",
	"S1: * LIST (\\HasNoChildren \\Trash) \"/\" Trash",
	"S1: * STATUS Trash (MESSAGES 0 UNSEEN 0 SIZE 0)",
	"S1: d OK LIST completed",
	"C1: e LIST (SUBSCRIBED) \"\" Fruit/% RETURN (STATUS (RECENT) CHILDREN)",
	"S1: * LIST (\\HasNoChildren \\Subscribed) \"/\" Fruit/Banana",
	"S1: * STATUS Fruit/Banana (RECENT 0)",
	"S1: * LIST (\\NonExistent \\HasNoChildren \\Subscribed) \"/\" "
	    "Fruit/Peach",
	"S1: e OK LIST completed",
	"C1: f SELECT Tofu", "S1: * FLAGS ~", "S1: * 2 EXISTS",
	"S1: * 2 RECENT", "S1: * OK [UNS~", "S1: * OK [PERM~",
	"S1: * OK [UIDV~", "S1: * OK [UIDN~",
	"S1: * OK [HIGHEST~", "S1: f OK ~",
	"C1: g STORE 1 +FLAGS.SILENT (\\Deleted)", "S1: g OK ~",
	"C1: h EXPUNGE", "S1: * 1 EXPUNGE", "S1: h OK ~",
	"C1: i STATUS Tofu (SIZE)", "S1: * STATUS Tofu (SIZE 3)", "S1: i OK ~",
	"C1: j CLOSE", "S1: j OK ~",
	NULL
};

static const char *const uses[] = {
	"C1: a CREATE More (USE (\\Sent))", "S1: a NO [USEATTR] ~",
	"C1: b CREATE More (USE (\\All))", "S1: b NO [USEATTR] ~",
	"C1: c CREATE More (USE (\\Unknown))", "S1: c NO [USEATTR] ~",
	"C1: d LIST \"\" More", "S1: d OK ~",
	"C1: e DELETE Sent", "S1: e OK ~",
	"C1: f DELETE Junk", "S1: f OK ~",
	"C1: g CREATE More (USE (\\Sent \\Junk))", "S1: g NO [USEATTR] ~",
	"C1: h CREATE More (USE (\\sent))", "S1: h OK ~",
	"C1: i CREATE More (USE (\\Junk))", "S1: i NO [ALREADYEXISTS] ~",
	"C1: j CREATE Less (USE ())", "S1: j OK ~",
	"R", "O1",
	"C1: k LIST \"\" (More Less)",
	"S1: * LIST (\\HasNoChildren) \"/\" Less",
	"S1: * LIST (\\HasNoChildren \\Sent) \"/\" More", "S1: k OK ~",
	NULL
};

static const char *const errors[] = {
	"O1",
	"C1: a LIST (RECURSIVEMATCH) \"\" *", "S1: a BAD ~",
	"C1: b LIST (RECURSIVEMATCH REMOTE) \"\" *", "S1: b BAD ~",
	"C1: c LIST (FROB) \"\" *", "S1: c BAD ~",
	"C1: d LIST (SUBSCRIBED)\"\" *", "S1: d BAD ~",
	"C1: e LIST \"\" ()", "S1: e BAD ~",
	"C1: f LIST \"\" (a ", "S1: f BAD ~",
	"X1", "O1",
	"C1: g LIST \"\" * RETURN", "S1: g BAD ~",
	"C1: h LIST \"\" * RETURN (FROB)", "S1: h BAD ~",
	"C1: i LIST \"\" * RETURN (STATUS)", "S1: i BAD ~",
	"C1: j LIST \"\" * RETURN (STATUS ())", "S1: j BAD ~",
	"C1: k LIST \"\" * RETURN (CHILDREN", "S1: k BAD ~",
	"C1: l LIST \"\" (a a a a a a a a a a a a a a a a a)", "S1: l BAD ~",
	"X1", "O1",
	"C1: m CREATE x (USE)", "S1: m BAD ~",
	"C1: n CREATE x ()", "S1: n BAD ~",
	"C1: o CREATE x (USE (Sent))", "S1: o BAD ~",
	"C1: p CREATE x (USE (\\Sent)", "S1: p BAD ~",
	"C1: q LSUB (SUBSCRIBED) \"\" *", "S1: q BAD ~",
	"C1: r STATUS INBOX ()", "S1: r BAD ~",
	"X1",
	NULL
};

static int
under(const char *name, const char *parent)
{
	size_t	 n = strlen(parent);

	return (strncmp(name, parent, n) == 0 && name[n] == '/');
}

/*
 * What is under a name is found by its place among the others, of which some
 * stand between; so it is when each is looked at.
 */
static void
among_others(void)
{
	static const char	 letters[] = "ab .0/";
	static char		 names[NAMES][8];
	struct account		*a = account_find(t_part, 1);
	struct mailbox		*mb;
	size_t			 i, j, k, n, had, subs, wrong = 0;

	srandom(5258);
	for (i = 0; i < NAMES; i++) {
		n = (size_t)random() % 6 + 1;
		for (j = 0; j < n; j++)
			names[i][j] = letters[(size_t)random() %
			    (sizeof(letters) - 1)];
		names[i][n] = '\0';
		(void)mailbox_create(a, span_str(names[i]), 0, &mb);
		if (random() % 2 == 0)
			(void)account_subscribe(a, span_str(names[i]), 1);
	}
	for (i = 0; i < NAMES; i++) {
		for (j = had = 0; j < a->nmailboxes; j++)
			had += (size_t)under(a->mailboxes[j]->name, names[i]);
		wrong += mailbox_has_children(a, span_str(names[i])) !=
		    (had > 0);
		for (j = had = subs = 0; j < a->nsubs; j++) {
			had += strcmp(a->subs[j], names[i]) == 0;
			subs += (size_t)under(a->subs[j], names[i]);
		}
		wrong += account_subscribed(a, span_str(names[i])) !=
		    (had > 0);
		j = account_sub_under(a, span_str(names[i]));
		for (k = j; k < a->nsubs && under(a->subs[k], names[i]); k++)
			continue;
		wrong += k - j != subs;
	}
	account_put(a);
	CHECK(wrong == 0 && a->nmailboxes > NAMES / 4, "%zu names, %zu wrong",
	    a->nmailboxes, wrong);
}

int
main(void)
{
	t_open(NULL);
	t_script("tree", tree);
	t_script("selection options", select_options);
	t_script("patterns", patterns);
	t_script("status", status);
	t_script("recursive", recursive);
	t_script("uses", uses);
	t_script("errors", errors);
	among_others();
	t_close();
	t_remove();
	return (t_done());
}
