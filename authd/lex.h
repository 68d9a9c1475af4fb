/*
 * The words of letterlock.conf: files and what they include, comments, quoted
 * text, numbers with a unit, macros.  Knows no grammar.
 */
#ifndef LEX_H
#define LEX_H

#include <stdint.h>
#include "parse.h"

#define LEX_FILE_MAX	(1u << 20)	/* octets of one file */
#define LEX_LINE_MAX	65536		/* of one line */
#define LEX_DEPTH	16		/* files open at once */
#define LEX_WORDS_MAX	200000		/* words of a whole configuration */

enum lex_type {
	LEX_END,		/* of the last file */
	LEX_NEWLINE,
	LEX_PUNCT,		/* one of { } , = */
	LEX_WORD,		/* without quotes */
	LEX_QUOTED,
	LEX_NUMBER,		/* digits, perhaps one letter behind */
	LEX_BAD			/* reported already */
};

struct lex_token {
	enum lex_type	 type;
	char		*s;	/* as text; owned by the lexer until its end */
	uint64_t	 n;	/* NUMBER */
	int		 unit;	/* NUMBER: lower-case letter or 0 */
	int		 line;
};

struct lexer;

/* NULL, reported, when the file cannot be read. */
struct lexer	*lex_new(const char *path, struct report *);
void		 lex_free(struct lexer *);
void		 lex_next(struct lexer *, struct lex_token *);
/* Go on in that file after this line, then come back. */
void		 lex_include(struct lexer *, const char *path);
/* Define a macro; one from the command line stays as it is.  -1: reported. */
int		 lex_define(struct lexer *, const char *name,
		    const char *value);
/* The file the last word came from; as long as the lexer. */
const char	*lex_file(const struct lexer *);
/* "name=value" for every file read from now on.  -1: not of that form. */
int		 lex_command_line(const char *);
void		 lex_command_line_free(void);

#endif
