/*
 * A SEARCH program, RFC 3501 section 6.4.4, as a flat tree.
 */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "cursor.h"
#include "seqset.h"

#define SEARCH_NODES	1000		/* keys in a program */
#define SEARCH_DEPTH	50		/* NOT, OR and parentheses, nested */

enum search_key {
	SEARCH_AND, SEARCH_OR, SEARCH_NOT,	/* children */
	SEARCH_ALL,
	SEARCH_FLAG, SEARCH_UNFLAG,		/* text: the flag or keyword */
	SEARCH_NEW, SEARCH_OLD, SEARCH_RECENT,
	SEARCH_BEFORE, SEARCH_ON, SEARCH_SINCE,	/* number: start of the day */
	SEARCH_SENTBEFORE, SEARCH_SENTON, SEARCH_SENTSINCE,
	SEARCH_LARGER, SEARCH_SMALLER,		/* number */
	SEARCH_HEADER,				/* field and text */
	SEARCH_BODY, SEARCH_TEXT,
	SEARCH_SEQ, SEARCH_UID,			/* set */
	SEARCH_MODSEQ,				/* number */
	SEARCH_OLDER, SEARCH_YOUNGER,		/* number: seconds, RFC 5032 */
	SEARCH_SAVEDBEFORE, SEARCH_SAVEDON,	/* number: start of the day */
	SEARCH_SAVEDSINCE,			/* RFC 8514 */
	SEARCH_EMAILID,				/* id, RFC 8474; 0: nobody's */
	SEARCH_NOTHING
};

struct search_node {
	enum search_key	 key;
	int		 first, next;	/* children, siblings; -1 none */
	struct span	 field, text;	/* UTF-8 octets, borrowed */
	int64_t		 number;
	uint64_t	 id;
	struct seqset	 set;
};

/* Bits of search.returns, RFC 4731, RFC 5182. */
#define RETURN_MIN	0x01u
#define RETURN_MAX	0x02u
#define RETURN_ALL	0x04u
#define RETURN_COUNT	0x08u
#define RETURN_SAVE	0x10u
#define RETURN_PARTIAL	0x20u	/* RFC 9394 */

struct search {
	struct search_node	*nodes;	/* nodes[0] is the root, an AND */
	size_t			 n;
	unsigned		 returns;	/* 0: no RETURN was given */
	struct partial		 partial;	/* of RETURN_PARTIAL */
	struct span		 charset;	/* as given, or empty */
	int			 needs_body;	/* BODY or TEXT in it */
	int			 needs_header;
	int			 modseq;	/* MODSEQ in it, RFC 7162 */
	int			 numbers;	/* of messages in it */
};

/*
 * Everything after "SEARCH SP".  The charset is taken but not judged: the
 * caller answers NO [BADCHARSET] for one that it does not know.
 */
int	 cur_search(struct cursor *, struct search *);
/*
 * Its pieces, for commands that have other things between them: what follows
 * "RETURN", with the space behind it; the charset, if one is given; the keys.
 * Begin with an empty program; all free it when they fail.
 */
int	 cur_search_return(struct cursor *, struct search *);
int	 cur_search_charset(struct cursor *, struct search *);
int	 cur_search_keys(struct cursor *, struct search *);
void	 search_free(struct search *);

#endif
