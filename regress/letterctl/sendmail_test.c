/* sendmail(8): arguments, messages, configuration. */
#include <sysexits.h>
#include <unistd.h>

#include "header.h"
#include "letterctl/sendmail.h"
#include "test.h"

#define ARGS	8

static const struct args_case {
	const char	*name;
	const char	*argv[ARGS];
	int		 want;
	const char	*rcpts;		/* joined by a space */
	const char	*sender;	/* "<>": the empty one */
	int		 dots;
	unsigned	 notify, ret;
	const char	*envid;
} args_cases[] = {
	{ "one", { "a@b" }, 0, "a@b", "", 0, 0, 0, "" },
	{ "several", { "a@b", "c", "a@b" }, 0, "a@b c", "", 0, 0, 0, "" },
	{ "a list", { "a@b, C <c@d>" }, 0, "a@b c@d", "", 0, 0, 0, "" },
	{ "none", { "-i" }, EX_USAGE, "", "", 0, 0, 0, "" },
	{ "-t", { "-t" }, 0, "", "", 0, 0, 0, "" },
	{ "-fADDR", { "-fx@y", "a@b" }, 0, "a@b", "x@y", 0, 0, 0, "" },
	{ "-f ADDR", { "-f", "x@y", "a@b" }, 0, "a@b", "x@y", 0, 0, 0, "" },
	{ "-r", { "-r", "X <x@y>", "a@b" }, 0, "a@b", "x@y", 0, 0, 0, "" },
	{ "-f empty", { "-f", "", "a@b" }, 0, "a@b", "<>", 0, 0, 0, "" },
	{ "-f <>", { "-f<>", "a@b" }, 0, "a@b", "<>", 0, 0, 0, "" },
	{ "-f of two", { "-fx@y,z@y", "a@b" }, EX_USAGE, "", "", 0, 0, 0, "" },
	{ "-f with a line end", { "-fx@y\nRCPT", "a@b" }, EX_USAGE, "", "", 0,
	  0, 0, "" },
	{ "-i", { "-i", "a@b" }, 0, "a@b", "", 1, 0, 0, "" },
	{ "-oi -oem", { "-oi", "-oem", "a@b" }, 0, "a@b", "", 1, 0, 0, "" },
	{ "-bm", { "-bm", "a@b" }, 0, "a@b", "", 0, 0, 0, "" },
	{ "-bs", { "-bs" }, EX_USAGE, "", "", 0, 0, 0, "" },
	{ "-q", { "-q" }, EX_USAGE, "", "", 0, 0, 0, "" },
	{ "--", { "--", "-x@b" }, 0, "-x@b", "", 0, 0, 0, "" },
	{ "-N", { "-Nsuccess,Delay", "a@b" }, 0, "a@b", "", 0, 0x0a, 0, "" },
	{ "-N never", { "-N", "never", "a@b" }, 0, "a@b", "", 0, 1, 0, "" },
	{ "-N never and", { "-Nnever,delay", "a@b" }, EX_USAGE, "", "", 0, 0,
	  0, "" },
	{ "-N other", { "-Nsometimes", "a@b" }, EX_USAGE, "", "", 0, 0, 0, "" },
	{ "-R", { "-R", "HDRS", "a@b" }, 0, "a@b", "", 0, 0, 2, "" },
	{ "-R other", { "-Rall", "a@b" }, EX_USAGE, "", "", 0, 0, 0, "" },
	{ "-V", { "-V", "a b+=", "a@b" }, 0, "a@b", "", 0, 0, 0,
	  "a+20b+2B+3D" },
	{ "-V control", { "-V", "a\rb", "a@b" }, EX_USAGE, "", "", 0, 0, 0,
	  "" },
};

static const struct message_case {
	const char	*name, *raw;
	int		 dots, recipients;
	const char	*want;		/* of the text, in it */
	const char	*rcpts;
} message_cases[] = {
	{ "LF", "Subject: a\n\nb\nc\n", 0, 0, "\r\n\r\nb\r\nc\r\n", "" },
	{ "CRLF", "Subject: a\r\n\r\nb\r\n", 0, 0, "\r\n\r\nb\r\n", "" },
	{ "no last end", "A: b\n\nc", 0, 0, "\r\n\r\nc\r\n", "" },
	{ "dot", "A: b\n\nc\n.\nd\n", 0, 0, "\r\n\r\nc\r\n", "" },
	{ "dot CRLF", "A: b\n\nc\n.\r\nd\n", 0, 0, "\r\n\r\nc\r\n", "" },
	{ "dot, -i", "A: b\n\nc\n.\nd\n", 1, 0, "c\r\n.\r\nd\r\n", "" },
	{ "two dots", "A: b\n\n..\nd\n", 0, 0, "\r\n\r\n..\r\nd\r\n", "" },
	{ "no header", "just text\n", 0, 0, "\r\n\r\njust text\r\n", "" },
	{ "header ends badly", "A: b\ntext\n", 0, 0, "\r\n\r\ntext\r\n", "" },
	{ "mailbox line", "From x Mon\nA: b\n\nc\n", 0, 0, "A: b\r\n", "" },
	{ "only a header", "A: b\n", 0, 0, "A: b\r\n", "" },
	{ "To Cc Bcc", "To: a@b\nCC: C <c@d>, e\nBcc: f@g,\n h@i\n\nx\n", 0, 1,
	  "\r\n\r\nx\r\n", "a@b c@d e f@g h@i" },
	{ "a group", "To: all: a@b, c@d;\n\nx\n", 0, 1, "x\r\n", "a@b c@d" },
	{ "sent again", "To: a@b\nResent-To: c@d\nResent-Bcc: e@f\n\nx\n", 0,
	  1, "Resent-Message-ID: <", "c@d e@f" },
	{ "From is there", "From: z@z\n\nx\n", 0, 0, "From: z@z\r\n", "" },
	{ "From is not", "A: b\n\nx\n", 0, 0, "From: <me@here>\r\n", "" },
	{ "empty", "", 0, 0, "From: <me@here>\r\n", "" },
};

static const struct conf_case {
	const char	*name, *text;
	const char	*want;		/* in the reason; NULL: it is right */
} conf_cases[] = {
	{ "empty", "", NULL },
	{ "comment", "# only\n\n", NULL },
	{ "password", "server a.example\nuser u\npassword-file /p\n", NULL },
	{ "quoted", "server \"a.example\" # x\nuser \"a b\"\n"
	  "password-file \"/p q\"", NULL },
	{ "certificate", "server a.example\ncertificate /p\n", NULL },
	{ "socket", "socket /s\nfrom a@b\ndomain b.example\n", NULL },
	{ "mechanisms", "server a.example\nuser u\npassword-file /p\n"
	  "mechanism scram-sha-256 PLAIN", NULL },
	{ "unknown", "serve a", "conf:1: unknown: serve" },
	{ "no value", "\nserver", "conf:2: server takes one value" },
	{ "two values", "server a b", "conf:1: server takes one value" },
	{ "quote", "server \"a", "quotation mark is missing" },
	{ "port", "port 65536", "conf:1: not a port" },
	{ "tls", "tls maybe", "takes implicit, required or off" },
	{ "mechanism", "mechanism digest-md5", "no mechanism" },
	{ "two secrets", "key /a\npassword-file /b", "conf:2: there is to be "
	  "exactly one" },
	{ "no secret", "server a.example", "exactly one" },
	{ "no user", "server a.example\npassword-file /p", "without user" },
	{ "relative", "key a", "absolute path" },
	{ "no server", "user a", "there is none" },
	{ "both", "server a.example\nkey /k\nsocket /s", "not both" },
	{ "twice", "server a.example\nserver b.example", "said twice" },
	{ "key in clear", "server a.example\nkey /k\ntls off", "without TLS" },
	{ "requiretls", "server a.example\nkey /k\nverify no\nrequiretls yes",
	  "requiretls without" },
	{ "not a host", "server \"a b\"", "not the name of a host" },
	{ "from", "from a", "one address with a domain" },
};

static void
join(struct buf *b, const struct sendmail_list *l)
{
	size_t	 i;

	buf_reset(b);
	for (i = 0; i < l->n; i++)
		buf_addf(b, "%s%s", i == 0 ? "" : " ", l->v[i]);
}

static void
test_args(const struct args_case *c)
{
	struct sendmail_args	 a;
	struct buf		 why = { .max = 1024 }, b = { 0 };
	char			*argv[ARGS + 2];
	char			 self[] = "sendmail";
	int			 argc = 1, rc;

	argv[0] = self;
	while (argc <= ARGS && c->argv[argc - 1] != NULL) {
		argv[argc] = strdup(c->argv[argc - 1]);
		argc++;
	}
	argv[argc] = NULL;
	optind = 0;	/* glibc: begin anew */
	rc = sendmail_args(&a, argc, argv, &why);
	CHECK(rc == c->want && (rc == 0) == (why.n == 0), "args %s: %d %s",
	    c->name, rc, buf_cstr(&why));
	if (rc == 0) {
		join(&b, &a.rcpts);
		CHECK(strcmp(buf_cstr(&b), c->rcpts) == 0 &&
		    strcmp(a.null_sender ? "<>" : a.sender == NULL ? "" :
		    a.sender, c->sender) == 0 && a.dots == c->dots &&
		    a.notify == c->notify && a.ret == c->ret &&
		    span_eqs(span_buf(&a.envid), c->envid),
		    "args %s: what they say: %s", c->name, buf_cstr(&b));
	}
	sendmail_args_free(&a);
	while (--argc > 0)
		free(argv[argc]);
	buf_free(&why);
	buf_free(&b);
}

static void
test_message(const struct message_case *c)
{
	struct sendmail_facts	 facts = { .host = "here", .now = 1 };
	struct sendmail_message	 m;
	struct buf		 raw = { 0 }, why = { .max = 1024 }, b = { 0 };
	struct span		 h;
	FILE			*f = tmpfile();

	if (f == NULL)
		exit(1);
	fputs(c->raw, f);
	rewind(f);
	facts.from = span_str("<me@here>");
	facts.recipients = c->recipients;
	CHECK(sendmail_read(&raw, f, c->dots, &why) == 0, "message %s: read",
	    c->name);
	fclose(f);
	CHECK(sendmail_compose(&m, span_buf(&raw), &facts, &why) == 0 &&
	    strstr(buf_cstr(&m.text), c->want) != NULL, "message %s: its text",
	    c->name);
	h = span_of(m.text.p, header_length(span_buf(&m.text), NULL));
	join(&b, &m.rcpts);
	CHECK(strcmp(buf_cstr(&b), c->rcpts) == 0, "message %s: to %s",
	    c->name, buf_cstr(&b));
	CHECK(header_count(h, "Date") == 1 && header_count(h, "From") == 1 &&
	    header_count(h, "Message-ID") == 1 && header_count(h, "Bcc") == 0 &&
	    header_count(h, "Resent-Bcc") == 0, "message %s: its header",
	    c->name);
	sendmail_message_free(&m);
	buf_free(&raw);
	buf_free(&why);
	buf_free(&b);
}

int
main(void)
{
	const struct conf_case	*c;
	struct sendmail_conf	 conf;
	struct buf		 why = { .max = 1024 };
	size_t			 i;
	int			 rc;

	for (i = 0; i < nitems(args_cases); i++)
		test_args(&args_cases[i]);
	for (i = 0; i < nitems(message_cases); i++)
		test_message(&message_cases[i]);
	for (i = 0; i < nitems(conf_cases); i++) {
		c = &conf_cases[i];
		buf_reset(&why);
		sendmail_conf_init(&conf);
		rc = sendmail_conf_parse(&conf, span_str(c->text), "conf",
		    &why);
		CHECK(c->want == NULL ? rc == 0 : rc == EX_CONFIG &&
		    strstr(buf_cstr(&why), c->want) != NULL, "conf %s: %s",
		    c->name, buf_cstr(&why));
		sendmail_conf_free(&conf);
	}
	buf_free(&why);
	return (test_done());
}
