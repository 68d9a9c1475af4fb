/* Rights on a mailbox as letters and as lists, RFC 4314. */
#include "imapd/acl.h"
#include "test.h"

static const struct {
	const char	*in;
	const char	*was;
	const char	*want;		/* NULL: not rights */
} modify[] = {
	{ "",			"lr",		"" },
	{ "lrswipkxtea",	"",		"lrswipkxteacd" },
	{ "lr",			"",		"lr" },
	{ "rl",			"wa",		"lr" },
	{ "c",			"",		"kxc" },
	{ "d",			"",		"ted" },
	{ "+k",			"lr",		"lrkc" },
	{ "+",			"lr",		"lr" },
	{ "-",			"lr",		"lr" },
	{ "-r",			"lrs",		"ls" },
	{ "-d",			"lted",		"l" },
	{ "-w",			"lr",		"lr" },
	{ "+t",			"l",		"ltd" },
	{ "L",			"",		NULL },
	{ "lr ",		"",		NULL },
	{ "lr+w",		"",		NULL },
	{ "0",			"",		NULL },
	{ "b",			"",		NULL },
};

/* Accounts 1 and 2 have something; 0 is anyone. */
static const struct {
	const char	*give[3], *take[3];
	const char	*want[3];	/* of 1, of 2, of another */
} lists[] = {
	{ { "", "lr", "" },	{ "", "", "" },	{ "lr", "", "" } },
	{ { "l", "lr", "" },	{ "", "", "" },	{ "lr", "l", "l" } },
	{ { "lr", "", "" },	{ "", "r", "" },	{ "l", "lr", "lr" } },
	{ { "lr", "ws", "" },	{ "s", "", "" },	{ "lrw", "lr", "lr" } },
	{ { "", "r", "ltea" },	{ "", "", "e" },	{ "", "ltad", "" } },
	{ { "lrs", "", "" },	{ "", "l", "" },	{ "", "lrs", "lrs" } },
	{ { "", "", "" },	{ "lr", "", "" },	{ "", "", "" } },
};

static int
is(struct buf *b, uint32_t rights, const char *want)
{
	buf_reset(b);
	acl_write(b, rights);
	return (span_eqs(span_buf(b), want));
}

int
main(void)
{
	struct acl_entry	 v[3] = { { .account = 0 } };
	struct buf		 b = { 0 };
	uint32_t		 r;
	size_t			 i, j;
	int			 rc;

	for (i = 0; i < nitems(modify); i++) {
		CHECK(acl_parse(span_str(modify[i].was), &r) == 0, "%s",
		    modify[i].was);
		rc = acl_modify(span_str(modify[i].in), &r);
		CHECK(modify[i].want == NULL ? rc == -1 : rc == 0 &&
		    is(&b, r, modify[i].want), "\"%s\" to \"%s\"",
		    modify[i].in, modify[i].was);
	}
	for (i = 0; i < nitems(lists); i++) {
		for (j = 0; j < 3; j++) {
			v[j].account = j;
			rc = acl_parse(span_str(lists[i].give[j]), &v[j].give);
			rc |= acl_parse(span_str(lists[i].take[j]), &v[j].take);
			CHECK(rc == 0, "list %zu", i);
		}
		for (j = 0; j < 3; j++)
			CHECK(is(&b, acl_rights(v, 3, j + 1),
			    lists[i].want[j]), "list %zu, account %zu", i,
			    j + 1);
	}
	buf_free(&b);
	return (test_done());
}
