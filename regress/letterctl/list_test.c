/*
 * Listings: columns as wide as the first rows want them, rows shown as they
 * come, none kept.
 */
#include <err.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "letterctl/ctl.h"
#include "test.h"

#define MANY	50000

static FILE	*out;			/* what was shown, to read */
static int	 old;			/* standard output */

static void
begin(void)
{
	fflush(stdout);
	if ((out = tmpfile()) == NULL || (old = dup(1)) == -1 ||
	    dup2(fileno(out), 1) == -1)
		err(1, NULL);
}

/* What was shown since, and back to the terminal. */
static char *
end(void)
{
	static char	 room[65536];
	size_t		 n;

	fflush(stdout);
	dup2(old, 1);
	close(old);
	rewind(out);
	n = fread(room, 1, sizeof(room) - 1, out);
	room[n] = '\0';
	fclose(out);
	return (room);
}

static void
row(struct list_ctx *l, unsigned id, const char *to)
{
	char	 json[256];

	snprintf(json, sizeof(json), "{\"id\":\"%u\",\"to\":\"%s\","
	    "\"held\":false}", id, to);
	list_row(l, span_str(json));
}

static void
shown(const char *name, const char *columns, int json, unsigned rows,
    const char *want)
{
	struct list_ctx	*l;
	const char	*got;
	unsigned	 i;

	begin();
	l = list_new(columns, json);
	for (i = 1; i <= rows; i++)
		row(l, i, i == 2 ? "someone@example.org" : "a\\u001bb");
	(void)list_end(l);
	got = end();
	CHECK(strcmp(got, want) == 0, "%s", name);
}

static void
test_shape(void)
{
	shown("nothing", "id to", 0, 0, "");
	shown("one row", "id to held", 0, 1,
	    "id  to   held\n1   a?b  false\n");
	shown("the widest counts", "id to held none", 0, 2,
	    "id  to                   held   none\n"
	    "1   a?b                  false  -\n"
	    "2   someone@example.org  false  -\n");
	shown("JSON", "id to", 1, 1,
	    "{\"id\":\"1\",\"to\":\"a\\u001bb\",\"held\":false}\n");
	shown("a single thing", "", 0, 1,
	    "id               1\nto               a?b\n"
	    "held             false\n");
}

/* ---- sorted, and some alone --------------------------------------------------- */

static const struct {
	const char	*options;
	const char	*want;		/* NULL: no such options */
	int		 rc;		/* of the end */
} sorts[] = {
	{ "", "3 1 5 2 4", 0 },
	{ "--limit 2", "3 1", 0 },
	{ "--limit 9", "3 1 5 2 4", 0 },
	{ "--sort id", "1 2 3 4 5", 0 },
	{ "--sort id --reverse", "5 4 3 2 1", 0 },
	{ "--reverse --limit 2 --sort id", "5 4", 0 },
	{ "--sort size", "1 5 2 3 4", 0 },	/* 3 and 4 have none */
	{ "--sort size --reverse", "2 1 5 3 4", 0 },
	{ "--sort size --limit 1", "1", 0 },
	{ "--sort to", "5 1 3 4 2", 0 },
	{ "--sort next", "4 3 1 5 2", 0 },	/* next_at */
	{ "--sort next_at --limit 3", "4 3 1", 0 },
	{ "--sort nothing", "", -1 },
	{ "--sort", "3 1 5 2 4", 0 },	/* left for the service */
	{ "--limit 0", NULL, 0 }, { "--limit x", NULL, 0 },
	{ "--limit -1", NULL, 0 }, { "--reverse", NULL, 0 },
	{ "--sort id --limit 1000000", NULL, 0 },
};

static const char	*const sorted[] = {
	"{\"id\":3,\"to\":\"b@a\",\"next_at\":20}",
	"{\"id\":1,\"to\":\"B\",\"next_at\":30,\"size\":7}",
	"{\"id\":5,\"to\":\"A\",\"next_at\":30,\"size\":7}",
	"{\"id\":2,\"to\":\"d\",\"next_at\":100,\"size\":10}",
	"{\"id\":4,\"to\":\"c\",\"next_at\":9}",
};

static void
sort_case(size_t i)
{
	struct list_ctx	*l;
	char		 copy[64], *argv[8], *p = copy, *word;
	char		 got[256] = "", *text;
	int		 argc = 0, rc;
	size_t		 k, n = 0;

	snprintf(copy, sizeof(copy), "%s", sorts[i].options);
	while ((word = strsep(&p, " ")) != NULL)
		argv[argc++] = word;
	rc = list_options(&argc, argv);
	CHECK((rc == -1) == (sorts[i].want == NULL), "\"%s\": %d",
	    sorts[i].options, rc);
	if (rc == -1)
		return;
	begin();
	l = list_new("id", 1);
	for (k = 0; k < nitems(sorted); k++)
		list_row(l, span_str(sorted[k]));
	rc = list_end(l);
	text = end();
	for (p = text; (p = strstr(p, "{\"id\":")) != NULL; p += 7) {
		if (n > 0)
			got[n++] = ' ';
		got[n++] = p[6];
	}
	CHECK(strcmp(got, sorts[i].want) == 0 && rc == sorts[i].rc,
	    "\"%s\": %s", sorts[i].options, got);
}

/* As much as is shown is kept, not all there is. */
static void
test_sort(void)
{
	struct list_ctx		*l;
	struct mallinfo2	 before, after;
	char			 o1[] = "--sort", o2[] = "to";
	char			 o3[] = "--limit", o4[] = "3";
	char			*argv[] = { o1, o2, o3, o4 };
	int			 argc = 4;
	unsigned		 i;
	const char		*got;
	char			 to[32];
	size_t			 k;

	for (k = 0; k < nitems(sorts); k++)
		sort_case(k);
	CHECK(list_options(&argc, argv) == 0 && argc == 0, "taken out");
	begin();
	l = list_new("id to", 0);
	before = mallinfo2();
	for (i = 1; i <= MANY; i++) {
		snprintf(to, sizeof(to), "%05u@x", i * 7919 % MANY);
		row(l, i, to);
	}
	after = mallinfo2();
	(void)list_end(l);
	got = end();
	CHECK(strcmp(got, "id     to\n50000  00000@x\n17679  00001@x\n"
	    "35358  00002@x\n") == 0, "the first three of many: %s", got);
	CHECK(after.uordblks < before.uordblks + 65536,
	    "no more are kept: %zu octets", after.uordblks - before.uordblks);
	argc = 0;
	(void)list_options(&argc, argv);
}

static void
test_many(void)
{
	struct list_ctx		*l;
	struct mallinfo2	 before, after;
	const char		*got, *last;
	unsigned		 i, lines = 0;
	off_t			 early = 0;
	int			 ch;

	begin();
	l = list_new("id to held", 0);
	before = mallinfo2();
	for (i = 1; i <= MANY; i++) {
		row(l, i, i == 1000 ? "somebody-with-a-long-name@example.org" :
		    "a@example.org");
		if (i == 400) {
			fflush(stdout);
			early = lseek(1, 0, SEEK_CUR);
		}
	}
	after = mallinfo2();
	(void)list_end(l);
	fflush(stdout);
	rewind(out);
	while ((ch = fgetc(out)) != EOF)
		lines += ch == '\n';
	got = end();
	CHECK(early > 400 * 20, "rows are shown before all are there: %lld",
	    (long long)early);
	CHECK(lines == MANY + 1, "all of them: %u", lines);
	CHECK(after.uordblks < before.uordblks + 65536,
	    "none is kept: %zu octets", after.uordblks - before.uordblks);
	CHECK(strncmp(got, "id   to             held\n1    a@ex", 34) == 0,
	    "under their names");
	last = strstr(got, "\n1000");
	CHECK(last != NULL && strncmp(last, "\n1000  somebody-with-a-long-"
	    "name@example.org  false\n1001  a@example.org  false\n", 72) == 0,
	    "a wide one spoils its own line alone");
}

int
main(void)
{
	test_shape();
	test_sort();
	test_many();
	return (test_done());
}
