/*
 * FETCH PREVIEW, RFC 8970: what the beginning of each kind of message is, and
 * what is no such item.
 */
#include <stdio.h>
#include <string.h>

#include "charset.h"
#include "imaptest.h"

#define LONG	"0123456789 abcdefgh "

static const struct {
	const char	*what;
	const char	*message;
	const char	*preview;	/* as it stands in the answer */
} rows[] = {
	{ "plain text", "Subject: x\r\n\r\nHello,  you\r\nthere \"x\"\r\n",
	    "\"Hello, you there \\\"x\\\"\"" },
	{ "nothing", "Subject: x\r\n\r\n", "\"\"" },
	{ "not even a header", "\r\n", "\"\"" },
	{ "quotes are passed over", "\r\n> old\r\n> older\r\nnew\r\n",
	    "\"new\"" },
	{ "only quotes", "\r\n> old\r\n", "\"> old\"" },
	{ "HTML as it is read", "Content-Type: text/html\r\n\r\n"
	    "<style>p{}</style><p>a &lt;b&gt;</p><script>x</script>c",
	    "\"a <b> c\"" },
	{ "the plain alternative", "Content-Type: multipart/alternative; "
	    "boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>h</b>"
	    "\r\n--b\r\n\r\nplain\r\n--b--\r\n", "\"plain\"" },
	{ "decoded, and not ASCII: a literal",
	    "Content-Type: text/plain; charset=iso-8859-1\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\nM=FCnchen\r\n",
	    "{8} + M\303\274nchen" },
	{ "no text", "Content-Type: image/png\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n", "\"\"" },
	{ "controls do not come out", "\r\na\001b\033[2Jc\r\n",
	    "\"a b [2Jc\"" },
	{ "200 characters at most", "\r\n" LONG LONG LONG LONG LONG LONG LONG
	    LONG LONG LONG LONG LONG "\r\n", "\"" LONG LONG LONG LONG LONG LONG
	    LONG LONG LONG "0123456789 abcdefgh\"" },
};

static const char *const items[] = {
	"C1: a FETCH 1 PREVIEW", "S1: * 1 FETCH (PREVIEW \"Hello~", "S1: a OK ~",
	"C1: b FETCH 1 PREVIEW (LAZY)", "S1: * 1 FETCH (PREVIEW \"Hello~",
	"S1: b OK ~",
	"C1: c FETCH 1 (UID PREVIEW (LAZY) RFC822.SIZE)",
	"S1: * 1 FETCH (UID 1 RFC822.SIZE 38 PREVIEW \"Hello~", "S1: c OK ~",
	"C1: d UID FETCH 1 (PREVIEW FLAGS)",
	"S1: * 1 FETCH (UID 1 FLAGS (\\Recent) PREVIEW \"Hello~", "S1: d OK ~",
	"C1: e FETCH 1 PREVIEW (CHANGEDSINCE 1)",
	"S1: * ~", "S1: * 1 FETCH (MODSEQ (~) PREVIEW \"Hello~", "S1: e OK ~",
	"C1: f FETCH 1 PREVIEW (LAZY) (CHANGEDSINCE 1000)", "S1: f OK ~",
	"C1: g FETCH 1 PREVIEW (EAGER)", "S1: g BAD ~",
	"C1: h FETCH 1 (PREVIEW (LAZY)", "S1: h BAD ~",
	"C1: i FETCH 1 PREVIEW (LAZY LAZY)", "S1: i BAD ~",
	"C1: j FETCH 1 PREVIEW(LAZY)", "S1: j BAD ~",
	/* it is no look at the message */
	"C1: k FETCH 1 FLAGS", "S1: * 1 FETCH (FLAGS (\\Recent))", "S1: k OK ~",
	NULL
};

int
main(void)
{
	static const char	 fetch[] = "x FETCH * PREVIEW\r\n";
	char			 line[1200], want[600];
	const char		*got;
	size_t			 i, n;

	t_open(NULL);
	t_store.charsets = charsets_open();
	(void)t_login(1, 1);
	t_send(1, "s SELECT INBOX\r\n", 16);
	for (i = 0; i < nitems(rows); i++) {
		n = (size_t)snprintf(line, sizeof(line), "a APPEND INBOX "
		    "{%zu+}\r\n%s\r\n", strlen(rows[i].message),
		    rows[i].message);
		t_send(1, line, n);
		do
			got = t_line(1);
		while (got != NULL && strncmp(got, "a ", 2) != 0);
		t_send(1, fetch, sizeof(fetch) - 1);
		line[0] = '\0';
		while ((got = t_line(1)) != NULL && strncmp(got, "x ", 2) != 0)
			(void)snprintf(line + strlen(line), sizeof(line) -
			    strlen(line), "%s%s", line[0] == '\0' ? "" :
			    " + ", got);
		(void)snprintf(want, sizeof(want), "* %zu FETCH (PREVIEW %s)",
		    i + 1, rows[i].preview);
		CHECK(strcmp(line, want) == 0, "%s: %s", rows[i].what, line);
	}
	t_script("items", items);
	charsets_free(t_store.charsets);
	t_store.charsets = NULL;
	t_close();
	t_remove();
	return (t_done());
}
