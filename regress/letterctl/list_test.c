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
	list_end(l);
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
	list_end(l);
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
	test_many();
	return (test_done());
}
