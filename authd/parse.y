/*
 * The grammar of letterlock.conf(5).  A statement is a line; one that is wrong
 * is reported and left out, and reading goes on, so that all errors are shown
 * at once.  Words belong to the lexer until the end of the parse.
 */
%{
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "parse_int.h"

static int	 yylex(void);
static void	 yyerror(const char *);
static int	 brace(int);
static void	 known_here(struct buf *);
%}

%union {
	struct lex_token	 t;
}

%token	<t> WORD QUOTED NUMBER
%token	<t> HOSTNAME STATE CONTROL POSTMASTER LOG LEVEL PROCESSES PARTITIONS
%token	<t> CACHE DISK_RESERVE ITERATIONS QUOTA QUOTA_MESSAGES MESSAGE_LIMIT SAVE_LIMIT RESOLVER TRUST_ANCHOR AUTHORITIES
%token	<t> ALLOW_PRIVATE USER INCLUDE CERTIFICATE CERT KEY
%token	<t> LISTEN ON ALL SOCKET PORT TLS MECHANISMS CCERTS CLEARTEXT LIMITS
%token	<t> TRANSPORT ROUTE FROM TO MINIMUM DOMAIN CASE SEPARATORS DKIM
%token	<t> RETRY FIRST EVERY EXPIRE DELAY_REPORT DELAY_AGAIN
%token	<t> HOST VERIFY SOURCE HELO AUTH ADDRESS
%token	<t> REMOTE_PORT REMOTE_IPS REMOTE_HOSTNAME REMOTE_DNS ACCOUNT CODE TEXT CONNECTIONS TOTAL
%token	<t> RECIPIENTS NOIPV4 NOIPV6 REJECT EARLY KEEP_RETIRED SUPPRESS NO_CAPS
%token	BAD
%type	<t> string word number keep_whose

%%

file	: /* empty */
	| file '\n'
	| file statement '\n'
	| file error '\n'		{ yyerrok; }
	;

statement
	: setting
	| macro
	| listen
	| transport
	| route				{ route_done(&P.conf->routes); }
	| domain
	| retry
	| LIMITS limit_block		{ limits_global(); }
	;

string	: WORD
	| QUOTED
	| NUMBER
	;

/* A name out of a list, where the list has words of the grammar too. */
word	: WORD
	| RECIPIENTS
	| CONNECTIONS
	| CONTROL
	| AUTH
	;

number	: NUMBER
	;

optnl	: /* empty */
	| optnl '\n'
	;

sep	: /* empty */
	| ','
	;

strings	: string			{
		P.words.n = 0;
		*(char **)list_add(&P.words, sizeof(char *)) = $1.s;
	}
	| '{' optnl			{ P.words.n = 0; }
	  items '}'
	;

items	: item
	| items item
	;

item	: string sep optnl		{
		*(char **)list_add(&P.words, sizeof(char *)) = $1.s;
	}
	;

macro	: WORD '=' values		{
		(void)lex_define(P.lex, $1.s, buf_cstr(&P.value));
	}
	;

values	: value
	| values			{ buf_addc(&P.value, ' '); }
	  value
	;

value	: string			{
		if (strchr($1.s, '$') != NULL)
			parse_fail("a macro's value cannot use a macro in quotes");
		else
			buf_adds(&P.value, $1.s);
	}
	| '{'				{ buf_addc(&P.value, '{'); }
	| '}'				{ buf_addc(&P.value, '}'); }
	| ','				{ buf_addc(&P.value, ','); }
	;

setting	: INCLUDE string		{ lex_include(P.lex, $2.s); }
	| HOSTNAME string		{
		char	*s;

		if (!parse_once("hostname"))
			break;
		if (parse_failed(conf_ascii_domain($2.s, &s, &P.why)))
			P.broken |= BROKEN_HOSTNAME;
		else {
			free(P.conf->hostname);
			P.conf->hostname = s;
		}
	}
	| STATE string			{
		if (parse_once("state"))
			absolute("state", &P.conf->state, $2.s);
	}
	| CONTROL string		{
		if (parse_once("control"))
			absolute("control", &P.conf->control, $2.s);
	}
	| POSTMASTER string		{
		char	*s;

		if (parse_once("postmaster") && !parse_failed(value_mailbox($2.s, &s,
		    &P.why))) {
			free(P.conf->postmaster);
			P.conf->postmaster = s;
		}
	}
	| LOG string			{
		if (!parse_once("log"))
			break;
		if (strcmp($2.s, "stderr") == 0 || strcmp($2.s, "syslog") == 0)
			set_string(&P.conf->log, $2.s);
		else
			absolute("log, unless stderr or syslog,",
			    &P.conf->log, $2.s);
	}
	| LOG LEVEL word		{
		int	 n;

		if (parse_once("log level") && !parse_failed(n = value_choice($3.s,
		    level_names, &P.why)))
			P.conf->log_level = (uint8_t)n;
	}
	| PROCESSES counts
	| PARTITIONS number		{
		if (parse_once("partitions"))
			P.conf->npartitions = ranged("partitions", &$2, 1, 99);
	}
	| CACHE number			{
		if (parse_once("cache"))
			P.conf->cache = octets("cache", &$2, 1 << 20,
			    1ull << 40);
	}
	| DISK_RESERVE number		{
		if (parse_once("disk-reserve"))
			P.conf->disk_reserve = octets("disk-reserve", &$2,
			    1 << 20, 1ull << 50);
	}
	| ITERATIONS number		{
		if (parse_once("iterations"))
			P.conf->iterations = ranged("iterations", &$2, 4096,
			    10000000);
	}
	| QUOTA number			{
		if (parse_once("quota"))
			P.conf->mailbox_quota = octets("quota", &$2, 0,
			    1ull << 60);
	}
	| SUPPRESS word			{
		int	 n;

		if (parse_once("suppress-failures") && !parse_failed(n =
		    value_choice($2.s, yes_names, &P.why)))
			P.conf->suppress_failures = (uint8_t)n;
	}
	| KEEP_RETIRED			{ P.place = "keep-retired"; }
	  number keep_whose		{ keep_retired(&$3, $4.s); }
	| NO_CAPS strings keep_whose	{ no_capabilities($3.s); }
	| QUOTA_MESSAGES number		{
		if (parse_once("quota-messages"))
			P.conf->mailbox_messages = ranged("quota-messages",
			    &$2, 0, UINT32_MAX);
	}
	| MESSAGE_LIMIT number		{
		if (parse_once("message-limit"))
			P.conf->message_limit = (uint32_t)ranged(
			    "message-limit", &$2, 1000, UINT32_MAX);
	}
	| SAVE_LIMIT number		{
		if (parse_once("save-limit"))
			P.conf->save_limit = (uint32_t)ranged("save-limit",
			    &$2, 1000, UINT32_MAX);
	}
	| RESOLVER strings		{
		char	*s, **words = P.words.v;
		size_t	 i;

		for (i = 0; i < P.words.n; i++)
			if (!parse_failed(value_resolver(words[i], &s, &P.why)))
				*(char **)list_add(&P.conf->resolvers,
				    sizeof(char *)) = s;
	}
	| TRUST_ANCHOR string		{
		if (parse_once("trust-anchor"))
			absolute("trust-anchor", &P.conf->trust_anchor, $2.s);
	}
	| AUTHORITIES string		{
		if (parse_once("authorities"))
			absolute("authorities", &P.conf->authorities, $2.s);
	}
	| ALLOW_PRIVATE			{ P.conf->allow_private = 1; }
	| USER word string		{ user_name($2.s, $3.s); }
	| CERTIFICATE string CERT string KEY string {
		certificate($2.s, $4.s, $6.s);
	}
	;

counts	: count
	| counts count
	;

count	: word number			{ process_count($1.s, &$2); }
	;

listen	: LISTEN ON			{ listener_begin(); }
	  place				{ P.place = "listener"; }
	  word				{ listener_kind($6.s); }
	  listen_options		{ listener_done(); }
	;

place	: addresses PORT number		{ listener_port(&$3); }
	| SOCKET string			{
		absolute("the path of a socket", &P.listener.path, $2.s);
	}
	;

addresses
	: ALL				{
		listener_address("0.0.0.0");
		listener_address("::");
	}
	| strings			{
		char	**words = P.words.v;
		size_t	 i;

		for (i = 0; i < P.words.n; i++)
			listener_address(words[i]);
	}
	;

listen_options
	: /* empty */
	| listen_options listen_option
	;

listen_option
	: TLS word			{
		int	 n;

		if (P.has_tls)
			parse_fail("tls given twice");
		P.has_tls = 1;
		if (!parse_failed(n = value_choice($2.s, tls_names, &P.why)))
			P.listener.tls = (uint8_t)n;
	}
	| CERTIFICATE strings		{
		char	**words = P.words.v;
		size_t	 i;

		for (i = 0; i < P.words.n; i++)
			*(char **)list_add(&P.cert_names, sizeof(char *)) =
			    words[i];
	}
	| MECHANISMS strings		{ listener_mechs(); }
	| HOSTNAME string		{
		char	*s;

		if (!parse_failed(conf_ascii_domain($2.s, &s, &P.why))) {
			free(P.listener.hostname);
			P.listener.hostname = s;
		}
	}
	| CCERTS word			{
		int	 n;

		P.has_ccert = 1;
		if (!parse_failed(n = value_choice($2.s, ccert_names, &P.why)))
			P.listener.ccert = (uint8_t)n;
	}
	| CLEARTEXT			{ P.listener.cleartext_auth = 1; }
	| NO_CAPS strings		{ P.listener.no_caps |= capabilities(); }
	| LIMITS limit_block		{
		P.listener.limits = P.limits;
		P.listener_limits = P.limits_set;
	}
	;

keep_whose
	: /* empty */			{ $$.s = NULL; }
	| ACCOUNT string		{ $$ = $2; }
	;

limit_block
	: '{' optnl			{
		P.place = "limits";
		P.limits_set = 0;
		limits_default(&P.limits);
	}
	  limit_items '}'
	;

limit_items
	: limit
	| limit_items limit
	;

limit	: word number sep optnl		{ limit_word($1.s, &$2); }
	;

transport
	: TRANSPORT string word		{ transport_begin($2.s, $3.s); }
	  options			{ transport_done(); }
	;

options	: /* empty */
	| options option
	;

option	: HOST string			{ transport_option("host", &$2); }
	| PORT number			{ transport_option("port", &$2); }
	| TLS word			{ transport_option("tls", &$2); }
	| VERIFY word			{ transport_option("verify", &$2); }
	| SOURCE string			{ transport_option("source", &$2); }
	| SOCKET string			{ transport_option("socket", &$2); }
	| HELO string			{ transport_option("helo", &$2); }
	| ADDRESS string		{ transport_option("address", &$2); }
	| REMOTE_PORT number		{ transport_option("remote-port", &$2); }
	| REMOTE_IPS strings		{ transport_option("remote-ips", &$1); }
	| REMOTE_HOSTNAME string	{ transport_option("remote-hostname", &$2); }
	| REMOTE_DNS			{ transport_option("remote-dns", &$1); }
	| CERTIFICATE string		{
		transport_option("certificate", &$2);
	}
	| AUTH string			{ transport_option("auth", &$2); }
	| MECHANISMS strings		{ transport_option("mechanisms", &$1); }
	| ACCOUNT string		{ transport_option("account", &$2); }
	| CODE number			{ transport_option("code", &$2); }
	| TEXT string			{ transport_option("text", &$2); }
	| CONNECTIONS number		{ transport_option("connections", &$2); }
	| TOTAL number		{ transport_option("connections-total", &$2); }
	| RECIPIENTS number		{ transport_option("recipients", &$2); }
	| NOIPV4			{ transport_option("no-ipv4", &$1); }
	| NOIPV6			{ transport_option("no-ipv6", &$1); }
	| REJECT			{ P.place = "reject"; }
	  EARLY				{
		P.place = "option";
		transport_option("reject early", &$1);
	}
	;

route	: ROUTE				{ P.place = "route"; }
	  matches TRANSPORT string	{
		set_string(&P.route.transport, $5.s);
	}
	;

matches	: /* empty */
	| matches FROM strings		{ copy_patterns(&P.route.from); }
	| matches TO strings		{ copy_patterns(&P.route.to); }
	| matches MINIMUM number	{
		P.route.attempts = ranged("minimum-attempts", &$3, 0, 1000);
	}
	;

domain	: DOMAIN string			{
		domain_begin($2.s);
		domain_done();
	}
	| DOMAIN string '{'		{ domain_begin($2.s); }
	  domain_lines domain_end	{ domain_done(); }
	;

domain_end
	: '}'
	| domain_line '}'
	;

domain_lines
	: /* empty */
	| domain_lines '\n'
	| domain_lines domain_line '\n'
	| domain_lines error '\n'	{ yyerrok; }
	;

domain_line
	: route				{ route_done(&P.domain.routes); }
	| CASE word			{
		int	 n;

		if (!parse_failed(n = value_choice($2.s, yes_names, &P.why)))
			P.domain.case_sensitive = (uint8_t)n;
	}
	| SEPARATORS string		{ separators($2.s); }
	| DKIM				{
		parse_fail("dkim: this version does not sign");
	}
	  rest
	;

rest	: /* empty */
	| rest string
	| rest KEY
	;

retry	: RETRY				{
		P.place = "retry";
		(void)parse_once("retry");
	}
	  retries			{ retry_done(); }
	;

retries	: retry_option
	| retries retry_option
	;

retry_option
	: FIRST strings			{ retry_first(); }
	| EVERY number			{
		P.conf->schedule.every = seconds("every", &$2, 60, 30 * 86400);
	}
	| EXPIRE number			{
		P.conf->schedule.expire = seconds("expire", &$2, 60,
		    365 * 86400);
	}
	| DELAY_REPORT number		{
		P.conf->schedule.delay_report = seconds("delay-report", &$2, 0,
		    365 * 86400);
	}
	| DELAY_AGAIN number		{
		P.conf->schedule.delay_again = seconds("delay-again", &$2, 60,
		    365 * 86400);
	}
	;

%%

/* Every word of the grammar, and where it may stand. */
static const struct keyword {
	const char	*name;
	int		 token;
	const char	*places;
} keywords[] = {
	{ "hostname",		HOSTNAME,	" top listener " },
	{ "state",		STATE,		" top " },
	{ "control",		CONTROL,	" top " },
	{ "postmaster",		POSTMASTER,	" top " },
	{ "log",		LOG,		" top " },
	{ "level",		LEVEL,		" log " },
	{ "processes",		PROCESSES,	" top " },
	{ "partitions",		PARTITIONS,	" top " },
	{ "cache",		CACHE,		" top " },
	{ "disk-reserve",	DISK_RESERVE,	" top " },
	{ "iterations",		ITERATIONS,	" top " },
	{ "quota",		QUOTA,		" top " },
	{ "quota-messages",	QUOTA_MESSAGES,	" top " },
	{ "message-limit",	MESSAGE_LIMIT,	" top " },
	{ "save-limit",		SAVE_LIMIT,	" top " },
	{ "keep-retired",	KEEP_RETIRED,	" top " },
	{ "suppress-failures",	SUPPRESS,	" top " },
	{ "no-capabilities",	NO_CAPS,	" top listener " },
	{ "resolver",		RESOLVER,	" top " },
	{ "trust-anchor",	TRUST_ANCHOR,	" top " },
	{ "authorities",	AUTHORITIES,	" top " },
	{ "allow-private-addresses", ALLOW_PRIVATE, " top " },
	{ "user",		USER,		" top " },
	{ "include",		INCLUDE,	" top " },
	{ "certificate",	CERTIFICATE,	" top listener option " },
	{ "cert",		CERT,		" certificate " },
	{ "key",		KEY,		" certificate " },
	{ "listen",		LISTEN,		" top " },
	{ "on",			ON,		" listen " },
	{ "all",		ALL,		" place " },
	{ "socket",		SOCKET,		" place option " },
	{ "port",		PORT,		" place option " },
	{ "tls",		TLS,		" listener option " },
	{ "mechanisms",		MECHANISMS,	" listener option " },
	{ "client-certificates", CCERTS,	" listener " },
	{ "allow-cleartext-auth", CLEARTEXT,	" listener " },
	{ "limits",		LIMITS,		" top listener " },
	{ "transport",		TRANSPORT,	" top route " },
	{ "route",		ROUTE,		" top in-domain " },
	{ "from",		FROM,		" route " },
	{ "to",			TO,		" route " },
	{ "minimum-attempts",	MINIMUM,	" route " },
	{ "domain",		DOMAIN,		" top " },
	{ "case-sensitive",	CASE,		" in-domain " },
	{ "separators",		SEPARATORS,	" in-domain " },
	{ "dkim",		DKIM,		" " },
	{ "retry",		RETRY,		" top " },
	{ "first",		FIRST,		" retry " },
	{ "every",		EVERY,		" retry " },
	{ "expire",		EXPIRE,		" retry " },
	{ "delay-report",	DELAY_REPORT,	" retry " },
	{ "delay-again",	DELAY_AGAIN,	" retry " },
	{ "host",		HOST,		" option " },
	{ "verify",		VERIFY,		" option " },
	{ "source",		SOURCE,		" option " },
	{ "helo",		HELO,		" option " },
	{ "auth",		AUTH,		" option " },
	{ "address",		ADDRESS,	" option " },
	{ "remote-port",	REMOTE_PORT,	" option " },
	{ "remote-ips",		REMOTE_IPS,	" option " },
	{ "remote-hostname",	REMOTE_HOSTNAME, " option " },
	{ "remote-dns",		REMOTE_DNS,	" option " },
	{ "account",		ACCOUNT,	" option keep-retired no-capabilities " },
	{ "code",		CODE,		" option " },
	{ "text",		TEXT,		" option " },
	{ "connections",	CONNECTIONS,	" option " },
	{ "connections-total",	TOTAL,		" option " },
	{ "recipients",		RECIPIENTS,	" option " },
	{ "no-ipv4",		NOIPV4,		" option " },
	{ "no-ipv6",		NOIPV6,		" option " },
	{ "reject",		REJECT,		" option " },
	{ "early",		EARLY,		" reject " },
};


/* Braces of lists do not end a statement; those of a domain hold statements. */
static int
brace(int c)
{
	if (P.recovering)
		return (c);
	if (c == '{') {
		if (P.depth++ == 0)
			P.opened = P.tok.line;
		if (P.first == DOMAIN && !P.in_domain)
			P.in_domain = P.newline = 1;
	} else if (c == '}' && P.depth > 0 && --P.depth == 0)
		P.in_domain = 0;
	return (c);
}

static int
yylex(void)
{
	const struct keyword	*k;
	struct lex_token	*t = &P.tok;
	int			 token;

	if (P.tok.s != NULL && P.tok.s == P.first_word && P.first != WORD)
		P.place = P.first_word;	/* what may follow it */
	lex_next(P.lex, t);
	yylval.t = *t;
	switch (t->type) {
	case LEX_END:
		return (0);
	case LEX_NEWLINE:
		P.recovering = P.in_macro = 0;
		if (P.depth == P.in_domain)
			P.newline = 1;
		return ('\n');
	case LEX_QUOTED:
		token = QUOTED;
		break;
	case LEX_NUMBER:
		token = NUMBER;
		break;
	case LEX_BAD:
		token = BAD;
		break;
	case LEX_PUNCT:
		token = (unsigned char)t->s[0];
		P.in_macro |= token == '=' && P.first == WORD;
		break;
	default:
		token = WORD;
		if (P.in_macro)		/* its words are for another place */
			break;
		for (k = keywords; k < keywords + nitems(keywords); k++)
			if (strcasecmp(k->name, t->s) == 0)
				token = k->token;
	}
	if (P.newline) {
		P.newline = 0;
		P.first = token;
		P.first_word = t->s;
		statement_begin();
	}
	return (t->type == LEX_PUNCT ? brace(token) : token);
}

/* Words that could have come. */
static void
known_here(struct buf *b)
{
	const struct keyword	*k;
	struct buf		 place = { 0 };
	const char		*comma = "";

	buf_addf(&place, " %s ", P.place);
	for (k = keywords; k < keywords + nitems(keywords); k++)
		if (strstr(k->places, buf_cstr(&place)) != NULL) {
			buf_addf(b, "%s%s", comma, k->name);
			comma = ", ";
		}
	buf_free(&place);
}

static void
yyerror(const char *msg)
{
	static const struct { int token; unsigned bit; } kinds[] = {
		{ HOSTNAME, BROKEN_HOSTNAME },
		{ CERTIFICATE, BROKEN_CERTIFICATE },
		{ TRANSPORT, BROKEN_TRANSPORT }, { LISTEN, BROKEN_LISTEN },
	};
	struct buf	 known = { 0 };
	size_t		 i;

	(void)msg;
	for (i = 0; i < nitems(kinds); i++)
		if (P.first == kinds[i].token)
			P.broken |= kinds[i].bit;
	P.broken |= BROKEN_OTHER;
	known_here(&known);
	if (P.tok.type == LEX_BAD)
		;				/* the lexer said it */
	else if (P.tok.type == LEX_END && P.depth > 0)
		parse_fail("the { of line %d has no }", P.opened);
	else if (P.tok.type == LEX_END)
		parse_fail("the file ends too early");
	else if (P.first == WORD && P.first_word != NULL)
		parse_fail("unknown \"%s\"; known here: %s", P.first_word,
		    buf_cstr(&known));
	else if (P.tok.type == LEX_NEWLINE)
		parse_fail("the line ends too early; it could go on with: %s",
		    known.n == 0 ? "a value" : buf_cstr(&known));
	else
		parse_fail("unexpected \"%s\"%s%s", P.tok.s, known.n == 0 ? "" :
		    "; known here: ", buf_cstr(&known));
	buf_free(&known);
	P.depth = P.in_domain;
	P.recovering = P.tok.type != LEX_NEWLINE;
	if (P.tok.type == LEX_NEWLINE)
		P.newline = 1;
}

struct conf *
parse_conf(const char *path, struct report *report)
{
	if (parse_open(path, report) == -1)
		return (NULL);
	if (yyparse() != 0 && report->errors == 0)
		parse_fail("cannot be read");
	return (parse_close());
}
