/*
 * From octets to one whole command, RFC 3501 section 2.2.1, RFC 7888.  The
 * lexer finds the end of the command across literals, asks what to do with each
 * literal before anything is allocated for it, and swallows the rest of a
 * command that was refused: a refused non-synchronising literal is never
 * executed; with a size that is none it ends the connection (lex.lost).
 */
#ifndef IMAP_LEX_H
#define IMAP_LEX_H

#include "buf.h"

#define LEX_STREAMS	512		/* streamed literals in a command: MULTIAPPEND */

struct lex_limits {
	size_t		 line;		/* octets of a command without literals */
	size_t		 literal;	/* octets of one literal kept in memory */
	size_t		 literals;	/* octets of all of them together */
	unsigned	 count;		/* literals in a command */
};

enum lex_policy {
	LEX_KEEP,		/* in the command, if within the limits */
	LEX_STREAM,		/* hand it over as it comes (LEX_DATA) */
	LEX_REFUSE		/* lex.refused says why; no "+" is sent */
};

enum lex_event {
	LEX_MORE,		/* all input consumed, needs more */
	LEX_CONTINUE,		/* send "+ OK\r\n", then go on */
	LEX_COMMAND,		/* lex_command() is whole */
	LEX_DATA,		/* lex.data: octets of a streamed literal; the
				 * literal ends when lex.left is 0 */
	LEX_BAD			/* the command is over and was refused: lex.refused,
				 * the tag, if any, is in lex_command() */
};

struct lex {
	struct lex_limits	 limits;
	/*
	 * Asked for each literal: the command so far, its size, whether it is
	 * non-synchronising.  NULL: LEX_KEEP.
	 */
	enum lex_policy		(*policy)(void *, struct span so_far,
				    uint64_t size, int nonsync);
	void			*arg;

	/* results */
	struct span		 data;		/* LEX_DATA */
	uint64_t		 left;		/* of the streamed literal */
	const char		*refused;	/* static text, with a response code
						 * in front where one fits */
	int			 lost;		/* LEX_BAD: how long it is
						 * cannot be known: what comes
						 * must not be read */

	/* private */
	struct buf		 text;
	uint64_t		 skip;		/* of a refused literal */
	size_t			 start;		/* of the line being read */
	size_t			 line, kept;	/* octets so far */
	unsigned		 nliterals;
	size_t			*streamed;	/* where in the text each one stood */
	size_t			 nstreamed;
	int			 state;
};

void		 lex_init(struct lex *, const struct lex_limits *);
void		 lex_free(struct lex *);
/*
 * Take octets from the front of *in until something happens.  After
 * LEX_COMMAND or LEX_BAD call lex_next() before the next octets.
 */
enum lex_event	 lex_step(struct lex *, struct span *in);
/* Forget the command; memory is given back (it may have held a password). */
void		 lex_next(struct lex *);
/* The command without its final CRLF; literals stand in it as {n}CRLF and n
 * octets; a streamed one as {n}CRLF and nothing. */
struct span	 lex_command(const struct lex *);
/* Is a command begun? */
int		 lex_begun(const struct lex *);

#endif
