/*
 * Between the grammar (parse.y) and what it does (parse_act.c).
 */
#ifndef PARSE_INT_H
#define PARSE_INT_H

#include "lex.h"
#include "parse.h"

/* What is being read: one file at a time, in one thread. */
struct parsing {
	struct conf		*conf;
	struct lexer		*lex;
	struct report		*report;
	struct lex_token	 tok;		/* the last word */
	const char		*place;		/* group whose words may come */
	unsigned		 broken;	/* BROKEN_* */
	int			 first;		/* token a statement begins with */
	const char		*first_word;
	int			 newline;	/* a statement begins */
	int			 depth;		/* braces open */
	int			 opened;	/* line of the outermost */
	int			 in_domain;	/* 1: in its braces */
	int			 recovering;	/* until the end of the line */
	int			 in_macro;	/* behind "name =" */
	char			*where;		/* of the statement */
	struct list		 seen;		/* struct once */
	struct list		 words;		/* char *, of the lexer */
	struct buf		 value;		/* of a macro */
	struct buf		 why;
	struct conf_listener	 listener;
	struct list		 addresses;	/* struct sockaddr_storage */
	uint16_t		 port;
	int			 has_tls, has_mechs, has_ccert;
	struct list		 cert_names;	/* char *, of the lexer */
	uint32_t		 limits_set;	/* bits, in the block being read */
	uint32_t		 listener_limits;
	struct conf_limits	 limits;
	struct conf_limits	 defaults;
	uint32_t		 defaults_set;
	struct list		 pending;	/* struct pending */
	struct conf_route	 route;
	struct conf_domain	 domain;
	struct conf_transport	 transport;
	unsigned		 transport_has;	/* bits of options[] */
};
extern struct parsing	 P;

int		 parse_open(const char *, struct report *);
struct conf	*parse_close(void);
/* At the place of the last word. */
void		 parse_fail(const char *, ...)
		    __attribute__((__format__(printf, 1, 2)));
/* Report P.why if the value is -1; is it? */
int		 parse_failed(int);
/* Given once only: 1, or 0 and reported. */
int		 parse_once(const char *);
/* A zeroed element more; never NULL. */
void		*list_add(struct list *, size_t);
void		 set_string(char **, const char *);
void		 statement_begin(void);

uint32_t	 ranged(const char *, const struct lex_token *, uint64_t,
		    uint64_t);
uint32_t	 seconds(const char *, const struct lex_token *, uint64_t,
		    uint64_t);
uint64_t	 octets(const char *, const struct lex_token *, uint64_t,
		    uint64_t);
void		 absolute(const char *, char **, const char *);

void		 certificate(const char *, const char *, const char *);
void		 user_name(const char *, const char *);
void		 process_count(const char *, const struct lex_token *);
void		 retry_first(void);
void		 retry_done(void);
void		 limit_word(const char *, const struct lex_token *);
void		 limits_global(void);

void		 listener_begin(void);
void		 listener_address(const char *);
void		 listener_port(const struct lex_token *);
void		 listener_kind(const char *);
void		 listener_mechs(void);
void		 listener_done(void);
/* At the end, when all certificates and defaults are known. */
void		 listeners_settle(void);
void		 listeners_free(void);

void		 copy_patterns(struct list *);
void		 route_done(struct list *);
void		 domain_begin(const char *);
void		 domain_done(void);
void		 separators(const char *);
void		 keep_retired(const struct lex_token *, const char *account);
/* The words, as a set of IMAP's capabilities. */
uint64_t	 capabilities(void);
void		 no_capabilities(const char *account);

void		 transport_begin(const char *, const char *);
void		 transport_option(const char *, const struct lex_token *);
void		 transport_done(void);

#endif
